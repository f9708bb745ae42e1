"""The parts that stand in for AWS: a real S3 server, and Lambda's own emulator around its runtime.

Each runs on loopback alone, on free ports, and ends with whoever started it.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

import jpegslim

READY_SECONDS = 60
KEY, SECRET, REGION = "tester", "secret-for-tests", "us-east-1"

_WEED_PORTS = (
    "admin.port",
    "admin.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "master.port",
    "master.port.grpc",
    "s3.port",
    "s3.port.grpc",
    "volume.port",
    "volume.port.grpc",
)
_IDENTITY = {
    "name": KEY,
    "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}


def free_ports(count):
    """Return ports that nothing listens on, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def variables(endpoint):
    """What a process needs in its environment to find the S3 server, and nothing of the user's."""
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


class Weed:
    """SeaweedFS with its S3 gateway."""

    def __init__(self, program, folder):
        identities = folder / "identities.json"
        identities.write_text(json.dumps({"identities": [_IDENTITY]}))
        data = folder / "data"
        data.mkdir()
        ports = dict(zip(_WEED_PORTS, free_ports(len(_WEED_PORTS)), strict=True))
        self.endpoint = f"http://127.0.0.1:{ports['s3.port']}"
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [
                program,
                "mini",
                f"-dir={data}",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                f"-s3.config={identities}",
                "-master.telemetry=false",
                "-webdav=false",
                "-admin.ui=false",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                *(f"-{name}={port}" for name, port in ports.items()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )

    def wait(self, client):
        """Wait until it answers; tell whether it does."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(Exception):
                client.list_buckets()
                return True
            time.sleep(0.05)
        return False

    def stop(self):
        self._process.kill()
        self._process.wait()
        self._log.close()


def emulator(folder):
    """Return Lambda's Runtime Interface Emulator, None where it can't be had.

    JPEGSLIM_TEST_RIE names it; else it is taken out of the wheel of aws-sam-cli, of which nothing
    is installed.
    """
    named = os.environ.get("JPEGSLIM_TEST_RIE")
    if named:
        return Path(named)
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}.get(os.uname().machine)
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder]
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run([*download, "aws-sam-cli"], check=True, capture_output=True, timeout=120)
    for wheel in folder.glob("*.whl"):
        shutil.unpack_archive(wheel, folder, "zip")
    program = folder / "samcli" / "local" / "rapid" / f"aws-lambda-rie-{machine}"
    if not program.is_file():
        return None
    program.chmod(0o755)
    return program


# Lambda has no /dev/shm, and so none of the semaphores that multiprocessing is made of.
_NO_SEMAPHORES = """\
import _multiprocessing

class SemLock:
    SEM_VALUE_MAX = _multiprocessing.SemLock.SEM_VALUE_MAX

    def __init__(self, *_):
        raise OSError(38, "Function not implemented")

_multiprocessing.SemLock = SemLock
"""


class Lambda:
    """The handler inside awslambdaric inside the emulator, as a container image would run it."""

    def __init__(
        self,
        program,
        endpoint,
        folder,
        *,
        handler="jpegslim.aws.handler.handler",
        memory=1769,
        timeout=120,
        python=sys.executable,
        **environment,
    ):
        port, runtime_port = free_ports(2)
        self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        self.log = folder / "function.log"
        self._output = self.log.open("wb")
        package = str(Path(jpegslim.__file__).parents[1])
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        (folder / "sitecustomize.py").write_text(_NO_SEMAPHORES)
        self._process = subprocess.Popen(
            [
                program,
                "--runtime-interface-emulator-address",
                f"127.0.0.1:{port}",
                "--runtime-api-address",
                f"127.0.0.1:{runtime_port}",
                python,
                "-m",
                "awslambdaric",
                handler,
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={
                **kept,
                **variables(endpoint),
                "PYTHONPATH": os.pathsep.join([str(folder), package, str(Path(__file__).parent)]),
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
                "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout),
                **environment,
            },
        )

    @property
    def pid(self):
        """The emulator's process id; what it runs is below it."""
        return self._process.pid

    def invoke(self, event):
        """Call the function and return its answer; HTTPError where it does not even start."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            self._url, json.dumps(event).encode(), {"Content-Type": "application/json"}
        )
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                with urllib.request.urlopen(request, timeout=180) as answer:  # noqa: S310
                    return json.load(answer)
            except urllib.error.HTTPError:
                raise
            except urllib.error.URLError:
                # Not listening yet.
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def lines(self):
        """Return what the function told, the lines that are JSON."""
        told = []
        for line in self.log.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict):
                    told.append(record)
        return told

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()
