"""How fast the metric is on one core, beside vszip's where another interpreter has it.

    python benchmarks/metric_speed.py [--photo PHOTO] [--vszip-python PATH]

PATH is a Python (3.12 or later) with `vapoursynth`, `vapoursynth-vszip` and `numpy`. Times are of
the CPU, of all threads, and runs alternate, so a busy machine slows everyone alike. The table is
Markdown. Without a photo, a synthetic pair is scored.
"""

import argparse
import io
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from record import record

from jpegslim.engine.metric import SRGB, implementation, pixel_counts, score_from_sums, ssimulacra2

Picture = NDArray[np.uint8]
Run = Callable[[], tuple[float, float]]

# Reads pairs prepared as (3, H, W) uint8, and scores one whenever a line arrives.
VSZIP = """
import json, sys, time
import numpy as np
import vapoursynth as vs
core = vs.core
core.num_threads = 1
path, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
pair = np.fromfile(path, np.uint8).reshape(2, 3, height, width)
blank = core.std.BlankClip(format=vs.RGB24, width=width, height=height, length=1000, keep=True)

def clip(samples):
    frame = blank.get_frame(0).copy()
    for plane in range(3):
        np.asarray(frame[plane])[:] = samples[plane]
    frame.props["_Matrix"], frame.props["_Transfer"], frame.props["_Primaries"] = 0, 13, 1
    frame.props["_ColorRange" if "_ColorRange" in frame.props else "_Range"] = 1
    return core.std.ModifyFrame(blank, blank, lambda n, f: frame)

scored = core.vszip.SSIMULACRA2(clip(pair[0]), clip(pair[1]))
for n, _ in enumerate(sys.stdin):
    start = time.process_time()
    score = next(v for k, v in scored.get_frame(n).props.items() if "ssimulacra2" in k.lower())
    print(json.dumps([time.process_time() - start, score]), flush=True)
"""


def make_pair(photo: Path | None, width: int, height: int) -> tuple[Picture, Picture]:
    """Return an original and its JPEG of quality 80, (height, width, 3) uint8."""
    if photo:
        image = Image.open(photo).convert("RGB").resize((width, height))
    else:
        y, x = np.mgrid[:height, :width]
        waves = [np.sin(x / a + y / b) for a, b in ((9, 40), (70, 11), (31, 300))]
        grain = np.random.default_rng(1).normal(0, 4, (height, width, 1))
        samples = np.clip(128 + 70 * np.stack(waves, axis=2) + grain, 0, 255)
        image = Image.fromarray(samples.astype(np.uint8))
    coded = io.BytesIO()
    image.save(coded, "JPEG", quality=80)
    return np.array(image), np.array(Image.open(coded))


def time_ours(pair: tuple[Picture, Picture], path: str) -> tuple[float, float]:
    """Return the CPU seconds one comparison takes, and its score."""
    start = time.process_time()
    if path:
        height, width = pair[0].shape[:2]
        sums = ssimulacra2.kernel_sums(*pair, SRGB, 512, path)
        score = score_from_sums(sums, pixel_counts(width, height))
    else:
        score = ssimulacra2.compare(*pair).score
    return time.process_time() - start, score


def start_vszip(python: Path, pair: tuple[Picture, Picture], folder: Path) -> Run:
    """Start the other interpreter on this pair; return what asks it for one run."""
    height, width = pair[0].shape[:2]
    samples = folder / f"{width}x{height}.raw"
    np.stack([p.transpose(2, 0, 1) for p in pair]).tofile(samples)
    child = subprocess.Popen(
        [python, "-c", VSZIP, samples, str(width), str(height)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask() -> str:
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("the pipes were asked for")
        print(file=child.stdin, flush=True)
        return child.stdout.readline()

    def run() -> tuple[float, float]:
        seconds, score = json.loads(ask())
        return seconds, score

    return run


def report(
    name: str, pair: tuple[Picture, Picture], contestants: dict[str, Run], runs: int
) -> list[str]:
    """Alternate the contestants, then return a row for each."""
    pixels = pair[0].shape[0] * pair[0].shape[1] / 1e6
    times: dict[str, list[float]] = {who: [] for who in contestants}
    scores = {who: run()[1] for who, run in contestants.items()}
    for _ in range(runs):
        for who, run in contestants.items():
            times[who].append(run()[0])
    first = statistics.median(next(iter(times.values())))
    rows = []
    for who, taken in times.items():
        best, median = min(taken), statistics.median(taken)
        rows.append(
            f"| {name} | {who} | {best * 1e3:.1f} | {median * 1e3:.1f} | {pixels / best:.1f} |"
            f" {pixels / median:.1f} | {median / first:.2f} | {scores[who]:.3f} |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--photo", type=Path, help="scored at each size instead of a synthetic one")
    parser.add_argument("--vszip-python", type=Path, help="an interpreter with vapoursynth-vszip")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--all-paths", action="store_true", help="every instruction set, not one")
    options = parser.parse_args()

    rows = [
        "| pair | who | best ms | median ms | best MP/s | median MP/s | time, × first | score |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for width, height in ((4000, 3000), (1024, 704)):
            pair = make_pair(options.photo, width, height)
            grey = pair[0][:, :, 1].copy(), pair[1][:, :, 1].copy()
            contestants = {implementation(): lambda pair=pair: time_ours(pair, "")}
            for path in ssimulacra2.kernel_paths() if options.all_paths else ():
                contestants[path] = lambda pair=pair, path=path: time_ours(pair, path)
            if options.vszip_python:
                contestants["vszip"] = start_vszip(options.vszip_python, pair, Path(folder))
            size = f"{width}×{height}"
            rows += report(f"RGB {size}", pair, contestants, options.runs)
            ours: dict[str, Run] = {implementation(): lambda grey=grey: time_ours(grey, "")}
            rows += report(f"grey {size}", grey, ours, options.runs)
    record(
        "Metric",
        "python benchmarks/metric_speed.py --photo PHOTO --vszip-python PATH --all-paths",
        "\n".join(rows),
    )


class _Plain(argparse.RawDescriptionHelpFormatter):
    """Shows the module's text as it stands."""


if __name__ == "__main__":
    main()
