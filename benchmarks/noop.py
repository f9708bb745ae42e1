"""Time a run over many small files that the ledger already knows, and its memory.

    python benchmarks/noop.py [--files 100000] [--folder DIR]

Tiny JPEGs, each different, stand in folders of a thousand; a ledger says that each is a result
of ours; runs in processes of their own are measured.
"""

import argparse
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from record import record

from jpegslim.batch import run
from jpegslim.files.ledger import Ledger
from jpegslim.files.remembered import Intent, Output
from jpegslim.files.store import Identity, digest
from jpegslim.reports.console import ConsoleReporter
from jpegslim.settings import Settings

FILES_IN_A_FOLDER = 1000
ROUNDS = 3
MEASURE = "--measure"


def make(tree: Path, ledger: Path, files: int) -> None:
    """Fill a tree with distinct tiny JPEGs, and a ledger that has made each of them."""
    written = io.BytesIO()
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(written, "JPEG")
    picture = written.getvalue()
    with Ledger(ledger) as known:
        # Nothing is lost if this machine stops now: it is all made up.
        known._db.execute("PRAGMA synchronous = OFF")  # noqa: SLF001
        for number in range(files):
            folder = tree / f"{number // FILES_IN_A_FOLDER:04}"
            if number % FILES_IN_A_FOLDER == 0:
                folder.mkdir(parents=True)
            # What follows the end of the image makes each digest another.
            data = picture + number.to_bytes(8)
            path = folder / f"{number:07}.jpg"
            path.write_bytes(data)
            status = path.stat()
            settle(known, path, Identity(0, 0, len(data), status.st_mtime_ns, digest(data)))


def settle(known: Ledger, path: Path, identity: Identity) -> None:
    intent = Intent(
        run="made", path=os.fsencode(path), temporary=b"", source="00" * 32, result=identity.digest
    )
    known.intend(intent, Output(target=85.0, score=85.5, source="00" * 32))
    known.settle(intent, identity)


def measure(tree: Path, ledger: Path) -> None:
    """Run once over what is known, and print what it took."""
    began = time.perf_counter()
    with ConsoleReporter() as console:
        totals = run(
            [tree],
            Settings(),
            output=None,
            jobs=2,
            dry_run=False,
            reporters=[console],
            ledger=ledger,
        )
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    counts = {str(status): count for status, count in totals.counts.items()}
    print(json.dumps({"seconds": round(seconds, 2), "peak_mb": round(peak / 1e6), **counts}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=None, help="where the files are made")
    parser.add_argument(MEASURE, nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(*given.measure)
        return
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        tree, ledger = folder / "photos", folder / "state" / "ledger.sqlite"
        make(tree, ledger, given.files)
        command = [sys.executable, __file__, MEASURE, str(tree), str(ledger)]
        took = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            told = subprocess.run(command, check=True, capture_output=True).stdout
            took.append((time.perf_counter() - began, json.loads(told)))
        seconds, figures = min(took, key=lambda each: each[0])
        record(
            "Nothing to do",
            f"python benchmarks/noop.py --files {given.files}",
            f"A run over {given.files:,} small files that are known: {seconds:.1f} s from start to"
            f" end of the program, {figures['peak_mb']} MB at the most"
            f" ({figures['skipped']:,} skipped); the best of {ROUNDS}.",
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
