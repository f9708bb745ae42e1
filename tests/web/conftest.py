"""The service within the test's own process, and the real one in a process of its own."""

import io
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

import jpegslim

pytest.importorskip("starlette", reason="needs the extra web: pip install 'jpegslim[web]'")
pytest.importorskip("httpx2", reason="needs httpx2")

from starlette.testclient import TestClient

from jpegslim.web.app import make_app
from jpegslim.web.limits import Limits

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples" / "photos").glob("*.jpg"))
READY_SECONDS = 60
STOP_SECONDS = 60


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


@pytest.fixture
def open_service(tmp_path):
    """Return a function that opens a service with these limits; closed with the test."""
    opened = []

    def start(*, workers=2, token=None, hosts=("localhost",), base="http://localhost", **limits):
        app = make_app(
            limits=Limits(**limits), workers=workers, token=token, hosts=hosts, folder=tmp_path
        )
        client = TestClient(app, base_url=base, raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        return client

    yield start
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def service(open_service):
    """A service with the usual limits."""
    return open_service()


@pytest.fixture
def stored(tmp_path):
    """Return a function that lists what is on the service's disk."""

    def look():
        (folder,) = tmp_path.glob("jpegslim-serve-*")
        return sorted(folder.iterdir())

    return look


class Running:
    """`jpegslim serve` in a process of its own."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ready.wait(READY_SECONDS)
        found = re.search(r"open (http://\S+)/ ", "".join(self.lines))
        if found is None:
            self.process.kill()
            self.wait()
            raise AssertionError("".join(self.lines))
        self.url = found[1]

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            if " open http" in line:
                self._ready.set()
        self._ready.set()

    def stop(self):
        """Ask it to stop, wait, and return the exit code."""
        self.process.terminate()
        return self.wait()

    def wait(self):
        code = self.process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        self.process.stderr.close()
        return code


@pytest.fixture(scope="session")
def environment():
    """What the command runs in: this very package wherever the working folder is."""
    package = str(Path(jpegslim.__file__).parents[1])
    paths = [package, os.environ.get("PYTHONPATH", "")]
    kept = {name: value for name, value in os.environ.items() if name != "JPEGSLIM_TOKEN"}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


@pytest.fixture(scope="module")
def launch(environment):
    """Return a function that starts the command; whatever still runs is ended with the module."""
    running = []

    def start(*args, **variables):
        process = subprocess.Popen(
            [sys.executable, "-m", "jpegslim", "serve", "--port", "0", *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, **variables},
        )
        running.append(Running(process))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.wait()
