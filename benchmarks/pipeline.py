"""Speed and savings of the whole program over a folder of photos.

Each photo's time is held against its *floor*, measured right beside it: one strict decode, one
progressive encode, one decode of the result and one pass of the metric. Nothing that checks what
it delivers can be faster with these libraries.

    python benchmarks/pipeline.py FOLDER [--quality 85] [--tile-floor MARGIN|off]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from record import record

from jpegslim.engine import codecs, metric
from jpegslim.engine.codecs import turbo
from jpegslim.files import store, work
from jpegslim.files.plan import Task
from jpegslim.results import FileResult, Status
from jpegslim.settings import Settings, parse_quality

_LARGE_MEGAPIXELS = 8.0
_REPEATS = 2


@dataclass(frozen=True)
class Row:
    result: FileResult
    floor: float

    @property
    def ratio(self) -> float:
        return self.result.seconds / self.floor


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def floor_of(photo: Path) -> float:
    """Return the seconds that no verified optimization of `photo` can undercut."""
    data = photo.read_bytes()
    components = 1 if turbo_gray(data) else 3
    pixels = turbo.decode(data, components=components)
    chroma = codecs.GRAY if components == 1 else "4:2:0"
    encoder = codecs.encoder(gray=components == 1)
    coded = encoder.encode(pixels, distance=1.1, chroma_subsampling=chroma, progressive=True)
    decoded = turbo.decode(coded, components=components)
    return sum(
        min(timed(step) for _ in range(_REPEATS))
        for step in (
            lambda: turbo.decode(data, components=components),
            lambda: encoder.encode(
                pixels, distance=1.1, chroma_subsampling=chroma, progressive=True
            ),
            lambda: turbo.decode(coded, components=components),
            lambda: metric.compare(pixels, decoded),
        )
    )


def turbo_gray(data: bytes) -> bool:
    from jpegslim.engine.container.segments import peek

    return len(peek(data).components) == 1


def measure(photo: Path, folder: Path, settings: Settings) -> Row:
    """Run one photo as a worker does: read, optimize, stage with fsync."""
    floor = floor_of(photo)
    results = []
    for _ in range(_REPEATS):
        task = Task(
            source=photo,
            destination=folder / photo.name,
            in_place=False,
            explicit=True,
            settings=settings,
            dry_run=False,
        )
        results.append(work.run(task, lambda _: None).result)
        store.discard(task.staged)
    return Row(min(results, key=lambda result: result.seconds), floor)


def whole_run(photos: Path, quality: str, jobs: int) -> float:
    """Return the wall seconds of the command itself."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jpegslim", "optimize", str(photos), "--quiet"]
        command += ["--quality", quality, "--jobs", str(jobs), "--output", f"{folder}/out"]
        return timed(lambda: subprocess.run(command, check=False))


def table(rows: list[Row], runs: dict[int, float], quality: str) -> str:
    total_in = sum(row.result.bytes_in for row in rows)
    total_out = sum(row.result.bytes_out for row in rows)
    pixels = sum(row.result.megapixels or 0 for row in rows)
    floor = sum(row.floor for row in rows)
    lossy = [row.result for row in rows if row.result.status is Status.OPTIMIZED]
    scores = [result.score for result in lossy if result.score is not None]
    encodes = sorted(result.full_encodes for result in lossy)
    large = [row.ratio for row in rows if (row.result.megapixels or 0) >= _LARGE_MEGAPIXELS]
    lines = [
        "| figure | value |",
        "|---|---|",
        f"| photos, megapixels | {len(rows)}, {pixels:.0f} |",
        f"| bytes, target {quality} | {total_in:,} to {total_out:,}:"
        f" {1 - total_out / total_in:.1%} saved |",
        f"| scores delivered | {min(scores):.2f} lowest, {statistics.median(scores):.2f} median,"
        f" {max(scores):.2f} highest |",
        f"| full encodes | {statistics.median(encodes):g} median,"
        f" {encodes[int(len(encodes) * 0.9)]} at 90% |",
        f"| time over floor, photos of {_LARGE_MEGAPIXELS:g} MP and more |"
        f" {statistics.median(large):.2f} median, {min(large):.2f} to {max(large):.2f} |",
        f"| floor, one core | {pixels / floor:.1f} MP/s |",
    ]
    for jobs, seconds in runs.items():
        lines.append(
            f"| the command with {jobs} worker{'s' * (jobs > 1)} |"
            f" {pixels / seconds:.1f} MP/s, {seconds / floor:.2f} times the floors' sum |"
        )
    if len(runs) > 1:
        lines.append(f"| two workers over one | {runs[1] / runs[2]:.2f} times |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quality", default="85")
    parser.add_argument("--tile-floor", default="10")
    options = parser.parse_args()
    margin = None if options.tile_floor == "off" else float(options.tile_floor)
    settings = Settings(target=parse_quality(options.quality), tile_margin=margin)
    photos = sorted(options.folder.glob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for photo in photos:
            rows.append(measure(photo, Path(folder), settings))
            row = rows[-1]
            print(
                f"{photo.name[:40]:40} {row.result.megapixels or 0:5.1f} MP"
                f" {row.result.status:9} {row.result.full_encodes} full"
                f" {row.ratio:5.2f} x floor {row.floor:.3f} s",
                file=sys.stderr,
            )
    runs = {jobs: whole_run(options.folder, options.quality, jobs) for jobs in (1, 2)}
    record(
        f"Whole program at {options.quality}",
        f"python benchmarks/pipeline.py FOLDER --quality {options.quality}"
        f" --tile-floor {options.tile_floor}",
        table(rows, runs, options.quality),
    )


if __name__ == "__main__":
    main()
