"""Time the same photos on one and on two Dask workers, and on as many local processes.

    python benchmarks/cluster_scaling.py PHOTOS [--count N]

The first N photos of the folder are copied and optimized dry, so that every round does the same
work. Scheduler and workers are processes of this machine; each worker has one thread, and with
what it starts keeps to one processor, as on a machine of its own that has no more.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parts import Dask, cpus, pinned
from PIL import Image
from record import record

ROUNDS = 3
WORKERS = (1, 2)
START_SECONDS = 60.0


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """Run a scheduler with so many workers, and give its address."""
    from distributed import Client

    folder.mkdir()
    dask = Dask(folder)
    try:
        address = dask.start()
        processors = cpus()
        for number in range(workers):
            with pinned(processors[number % len(processors)]):
                dask.work(str(number))
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=START_SECONDS)
        yield address
    finally:
        dask.close()


def seconds(photos: Path, *options: str) -> float:
    """Time one run, from start to end of the program."""
    command = [sys.executable, "-m", "jpegslim", "optimize", str(photos), "--dry-run"]
    began = time.perf_counter()
    subprocess.run(
        [*command, "--no-ledger", "--quiet", *options],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


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
            times: dict[str, list[float]] = {"remote": [], "here": []}
            with cluster(folder / f"cluster-{workers}", workers) as address:
                # In turn, so that whatever else slows the machine down slows both.
                for _ in range(ROUNDS):
                    times["remote"].append(seconds(photos, "--cluster", address))
                    times["here"].append(seconds(photos, "--jobs", str(workers)))
            remote, here = min(times["remote"]), min(times["here"])
            first.setdefault("remote", remote)
            first.setdefault("here", here)
            rows.append(
                f"| {workers} | {remote:.1f} s | {megapixels / remote:.1f} |"
                f" {first['remote'] / remote:.2f} | {here:.1f} s | {megapixels / here:.1f} |"
                f" {first['here'] / here:.2f} |"
            )
        count = len(list(photos.iterdir()))
    record(
        "Cluster",
        f"python benchmarks/cluster_scaling.py PHOTOS --count {given.count}",
        f"{count} photos, {megapixels:.0f} MP, dry; from start to end of the program, the best of"
        f" {ROUNDS}. Scheduler and workers are processes of this machine, each worker on one"
        f" processor of its {len(cpus())}, with one thread: there is no network, and scheduler and"
        " program share what processors there are with them.\n\n"
        "| workers | Dask | MP/s | times one | local processes | MP/s | times one |\n"
        "|---|---|---|---|---|---|---|\n" + "\n".join(rows),
    )


if __name__ == "__main__":
    main()
