"""Time the same photos on one and on two Dask workers, and on as many local processes.

    python benchmarks/cluster_scaling.py PHOTOS [--count N]

The first N photos of the folder are copied and optimized dry, so that every round does the same
work. Scheduler and workers are processes of this machine, with one thread each.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from record import record

ROUNDS = 3
WORKERS = (1, 2)
START_SECONDS = 60.0


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """Run a scheduler with so many workers, and give its address."""
    file = folder / f"scheduler-{workers}.json"
    options = ["--host", "127.0.0.1", "--no-dashboard"]
    running = [dask("scheduler", *options, "--port", "0", "--scheduler-file", str(file))]
    try:
        deadline = time.monotonic() + START_SECONDS
        while not file.exists() or not file.read_text():
            if time.monotonic() > deadline:
                raise TimeoutError("the scheduler does not start")
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        for number in range(workers):
            own = ["--no-nanny", "--nthreads", "1", "--name", str(number)]
            running.append(
                dask("worker", address, *options, *own, "--local-directory", str(folder))
            )
        wait_for(address, workers)
        yield address
    finally:
        for process in running:
            process.kill()
            process.wait()


def dask(part: str, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.dask_{part}", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def wait_for(address: str, workers: int) -> None:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=START_SECONDS)


def seconds(photos: Path, *options: str) -> float:
    """Return the least time of several runs, from start to end of the program."""
    command = [sys.executable, "-m", "jpegslim", "optimize", str(photos), "--dry-run"]
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run(
            [*command, "--no-ledger", "--quiet", *options],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        took.append(time.perf_counter() - began)
    return min(took)


def copied(photos: Path, folder: Path, count: int) -> tuple[Path, float]:
    """Copy the first photos, and return where they are and their megapixels."""
    folder.mkdir()
    megapixels = 0.0
    for path in sorted(photos.glob("*.jpg"))[:count]:
        with Image.open(path) as picture:
            megapixels += picture.width * picture.height / 1e6
        shutil.copy(path, folder)
    return folder, megapixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos, megapixels = copied(given.photos, folder / "photos", given.count)
        rows, first = [], {}
        for workers in WORKERS:
            with cluster(folder, workers) as address:
                remote = seconds(photos, "--cluster", address)
            here = seconds(photos, "--jobs", str(workers))
            first.setdefault("remote", remote)
            first.setdefault("here", here)
            rows.append(
                f"| {workers} | {remote:.1f} s | {first['remote'] / remote:.2f} |"
                f" {here:.1f} s | {first['here'] / here:.2f} |"
            )
        count = len(list(photos.iterdir()))
    record(
        "Cluster",
        f"python benchmarks/cluster_scaling.py PHOTOS --count {given.count}",
        f"{count} photos, {megapixels:.0f} MP, dry; from start to end of the program, the best of"
        f" {ROUNDS}. Scheduler and workers are processes of this machine, which do without what a"
        " network costs and share its cores.\n\n"
        "| workers, one thread each | Dask | times one | local processes | times one |\n"
        "|---|---|---|---|---|\n" + "\n".join(rows),
    )


if __name__ == "__main__":
    main()
