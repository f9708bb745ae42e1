"""Dask clusters for the tests, and the command that works on them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dask_parts import Dask

import jpegslim

pytest.importorskip("distributed", reason="needs the extra: pip install 'jpegslim[cluster]'")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLES = sorted((ROOT / "examples" / "photos").glob("*.jpg"))


@pytest.fixture
def dask(tmp_path_factory):
    """Return a cluster that a test may break: nothing of it runs yet."""
    cluster = Dask(tmp_path_factory.mktemp("dask"), HERE)
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def two_workers(tmp_path_factory):
    """Return the address of a scheduler with two workers that stay whole."""
    cluster = Dask(tmp_path_factory.mktemp("dask"), HERE)
    address = cluster.start()
    for name in ("anna", "otto"):
        cluster.work(name)
    yield address
    cluster.close()


@pytest.fixture(scope="session")
def photos():
    """Return a function that fills a folder with so many photos, each different."""
    from io import BytesIO

    from PIL import Image

    pictures = []
    for number in range(16):
        with Image.open(EXAMPLES[number % len(EXAMPLES)]) as whole:
            left = 40 + 16 * number
            crop = whole.convert("RGB").crop((left, 160, left + 320, 400))
        written = BytesIO()
        crop.save(written, "JPEG", quality=95)
        pictures.append(written.getvalue())

    def fill(folder, count):
        folder.mkdir(parents=True)
        for number in range(count):
            # A note makes each file its own; the pictures come again.
            note = b"\xff\xfe\x00\x06%04d" % number
            data = pictures[number % len(pictures)]
            (folder / f"{number:03}.jpg").write_bytes(data[:2] + note + data[2:])
        return folder

    return fill


@pytest.fixture
def start(tmp_path):
    """Return a function that starts the command and leaves it running; ended with the test."""
    running = []
    paths = [str(Path(jpegslim.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    # A test run in the background has SIGINT ignored, and children inherit that.
    main = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from jpegslim.cli import main; main()"
    )

    def started(*args):
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", main, *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=environment,
            text=True,
        )
        running.append(process)
        return process

    yield started
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def command(start):
    """Return a function that runs the command: its exit code, output and error output."""

    def run(*args):
        process = start(*args)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    return run


@pytest.fixture(scope="session")
def contents():
    """Read a whole tree: the bytes of every file by its relative name."""

    def read(top):
        files = (path for path in top.rglob("*") if path.is_file())
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in files}

    return read
