"""The real command in a process of its own, on photos written for the occasion."""

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import jpegslim

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
EXAMPLES = sorted((ROOT / "examples" / "photos").glob("*.jpg"))
OLD = 1_234_567_890_123_456_789


@pytest.fixture(scope="session")
def environment():
    """What the command runs in: this very package wherever the working folder is."""
    package = str(Path(jpegslim.__file__).parents[1])
    paths = [package, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


@pytest.fixture(scope="session")
def command(environment, tmp_path_factory):
    """Return a function that runs the command to its end; warnings are errors."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(*args, stdin=None, cwd=elsewhere, **options):
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "jpegslim", *map(str, args)],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            cwd=cwd,
            env=environment,
            timeout=1200,
            check=False,
            **options,
        )

    return run


@pytest.fixture
def started(environment, tmp_path):
    """Return a function that starts the command and leaves it running; ended with the test."""
    running = []

    def start(*args):
        process = subprocess.Popen(
            [sys.executable, "-m", "jpegslim", *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=environment,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            stream.close()


@pytest.fixture(scope="session")
def picture():
    """Return a function that writes a crop of a shipped photo, different for each number."""

    def write(number=0, *, quality=95, size=(320, 240), scale=1, **options):
        with Image.open(EXAMPLES[number % len(EXAMPLES)]) as whole:
            left = 100 + 16 * number
            crop = whole.convert("RGB").crop((left, 200, left + size[0], 200 + size[1]))
        if scale != 1:
            crop = crop.resize((size[0] * scale, size[1] * scale))
        written = io.BytesIO()
        crop.save(written, "JPEG", quality=quality, **options)
        return written.getvalue()

    return write


@pytest.fixture(scope="session")
def fill(picture):
    """Return a function that makes a folder of photos like a real one.

    Photos here and below, one that can't be made smaller, one broken, other files beside them.
    """
    lossless = jpegslim.Settings(target=None, marker=False)
    files = {
        "one.jpg": picture(0),
        "two.JPEG": picture(1),
        "trip/three.jpe": picture(2),
        "trip/day 2/four.jfif": picture(3, progressive=True),
        "small.jpg": jpegslim.optimize(picture(4, quality=30), lossless).data,
        "broken.jpg": picture(5)[:9000],
        "notes.txt": b"not a photo",
        "picture.png": b"\x89PNG\r\n\x1a\n",
    }

    def make(top):
        for name, data in files.items():
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            os.utime(path, ns=(OLD, OLD))
        return top

    return make


@pytest.fixture
def folder(fill, tmp_path):
    """A folder like a real one."""
    return fill(tmp_path / "photos")


@pytest.fixture(scope="session")
def contents():
    """Read a whole tree: the bytes of every file by its relative name."""

    def read(top):
        files = (path for path in top.rglob("*") if path.is_file())
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in files}

    return read


@pytest.fixture(scope="session")
def looks():
    """Look at every file of a tree: what a rewrite would change."""

    def look(top):
        return {
            path.relative_to(top).as_posix(): (
                path.stat().st_ino,
                path.stat().st_mtime_ns,
                stat.S_IMODE(path.stat().st_mode),
            )
            for path in top.rglob("*")
            if path.is_file()
        }

    return look


@pytest.fixture(scope="session")
def shared():
    """The folder of real and odd photos beside the repository."""
    if not (SHARED / "weird").is_dir() or not (SHARED / "photos").is_dir():
        pytest.skip("needs the folder ../shared beside the repository")
    return SHARED
