"""Savings, quality and speed beside other batch optimizers, each with one worker.

Every tool works in place on its own copy of the folder; each output is scored against its input by
`jpegslim compare`. Tools that are not installed are left out: `pip install '.[bench]'` brings
optimize-images, the system's packages bring jpegoptim and jpeg-recompress.

    python benchmarks/peers.py FOLDER
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import record

_JPEGSLIM = [sys.executable, "-m", "jpegslim", "optimize", "--quiet", "--jobs", "1"]
_PILLOW = """
import sys
from PIL import Image
for path in sys.argv[1:]:
    with Image.open(path) as image:
        keep = {"exif": image.info.get("exif", b""), "icc_profile": image.info.get("icc_profile")}
        image.load()
    image.save(path, "JPEG", quality=85, optimize=True, progressive=True, **keep)
"""


def contestants(folder: Path, photos: list[Path]) -> dict[str, list[str]]:
    """Return the command of each tool, working on `photos` in `folder`."""
    files = [str(photo) for photo in photos]
    beside = str(Path(sys.executable).with_name("optimize-images"))
    tools = {
        "jpegslim 85": [*_JPEGSLIM, str(folder)],
        "jpegslim 80": [*_JPEGSLIM, "--quality", "web", str(folder)],
        "jpegslim 75": [*_JPEGSLIM, "--quality", "75", str(folder)],
        "Pillow, quality 85": [sys.executable, "-c", _PILLOW, *files],
        "jpegoptim -m85": ["jpegoptim", "-q", "-m85", *files],
        "optimize-images": [beside, "-jobs", "1", "--quiet", "-ke", str(folder)],
        "jpeg-recompress": ["jpeg-recompress", "--quiet"],
    }
    return {name: command for name, command in tools.items() if shutil.which(command[0])}


def run(name: str, command: list[str], photos: list[Path]) -> float:
    """Run one tool over its copies; return its wall seconds."""
    start = time.perf_counter()
    if name == "jpeg-recompress":
        for photo in photos:
            subprocess.run([*command, str(photo), str(photo)], check=False, capture_output=True)
    else:
        subprocess.run(command, check=False, capture_output=True)
    return time.perf_counter() - start


def judged(originals: Path, copies: Path) -> list[dict]:
    command = [sys.executable, "-m", "jpegslim", "compare", str(originals), str(copies), "--json"]
    lines = subprocess.run(command, check=False, capture_output=True, text=True).stdout.splitlines()
    return [each for each in map(json.loads, lines) if "path" in each]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    originals = sorted(options.folder.glob("*.jpg"))
    lines = [
        "| tool, one worker | saved | worst score | median | best | seconds | second run saves |",
        "|---|---|---|---|---|---|---|",
    ]
    bytes_in = sum(photo.stat().st_size for photo in originals)
    for name in contestants(options.folder, originals):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, options.folder.resolve().name)
            shutil.copytree(options.folder, folder)
            photos = sorted(folder.glob("*.jpg"))
            command = contestants(folder, photos)[name]
            seconds = run(name, command, photos)
            pairs = judged(options.folder, folder)
            size = sum(photo.stat().st_size for photo in photos)
            run(name, command, photos)
            again = sum(photo.stat().st_size for photo in photos)
        scores = [pair["score"] for pair in pairs if pair["score"] is not None]
        lines.append(
            f"| {name} | {1 - size / bytes_in:.1%} | {min(scores):.1f} |"
            f" {statistics.median(scores):.1f} | {max(scores):.1f} | {seconds:.1f} |"
            f" {1 - again / size:.1%} |"
        )
        print(lines[-1], file=sys.stderr)
    record(
        "Peers",
        "python benchmarks/peers.py FOLDER",
        f"{len(originals)} photos, {bytes_in:,} bytes.\n\n" + "\n".join(lines),
    )


if __name__ == "__main__":
    main()
