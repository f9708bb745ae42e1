"""Bytes delivered over a folder against exhaustive search, and what the tile floor costs.

The oracle is a table with the columns file, target, floor_total and note: for each photo the least
bytes that exhaustive search with the same encoder found, metadata and trailer included. Every
delivered file is scored again from its bytes, by a decoder and a process of its own.

    python benchmarks/savings.py FOLDER --oracle oracle.tsv [--quality 85]
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from record import record

_MARGINS = ("off", "10", "7", "5", "4")


def optimize(photos: list[Path], output: Path, quality: str, margin: str) -> dict[str, dict]:
    """Run the command; return its records by file name."""
    command = [sys.executable, "-m", "jpegslim", "optimize", *map(str, photos), "--json", "--quiet"]
    command += ["--output", str(output), "--quality", quality, "--tile-floor", margin]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    records = [json.loads(line) for line in lines]
    return {Path(each["path"]).name: each for each in records if "path" in each}


def rescored(originals: Path, copies: Path) -> dict[str, float]:
    """Return the score of every delivered file, measured again by `jpegslim compare`."""
    command = [sys.executable, "-m", "jpegslim", "compare", str(originals), str(copies), "--json"]
    lines = subprocess.run(command, check=False, capture_output=True, text=True).stdout.splitlines()
    records = [json.loads(line) for line in lines]
    return {
        Path(each["path"]).name: each["score"]
        for each in records
        if "path" in each and each.get("score") is not None
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--oracle", type=Path, required=True)
    parser.add_argument("--quality", default="85")
    options = parser.parse_args()
    with options.oracle.open(encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file, delimiter="\t")
            if row["target"] == options.quality and row["note"] != "c2pa"
        ]
    photos = [options.folder / row["file"] for row in rows]
    bytes_in = sum(photo.stat().st_size for photo in photos)
    least = sum(int(row["floor_total"]) for row in rows)
    lines = [
        "| tile floor | bytes delivered | saved | over the oracle | lowest score, measured again |"
        " lowest tile | larger than it was |",
        "|---|---|---|---|---|---|---|",
    ]
    for margin in _MARGINS:
        with tempfile.TemporaryDirectory() as scratch:
            output = Path(scratch, "out")
            done = optimize(photos, output, options.quality, margin)
            scores = rescored(options.folder, output)
        total = sum(each["bytes_out"] for each in done.values())
        tiles = [each["worst_tile"]["score"] for each in done.values() if each["worst_tile"]]
        larger = sum(each["bytes_out"] > each["bytes_in"] for each in done.values())
        floor = margin if margin == "off" else f"target - {margin}"
        lines.append(
            f"| {floor} | {total:,} | {1 - total / bytes_in:.2%} | {total / least - 1:+.2%} |"
            f" {min(scores.values()):.2f} | {min(tiles):.2f} | {larger} |"
        )
    record(
        f"Savings at {options.quality}",
        f"python benchmarks/savings.py FOLDER --oracle oracle.tsv --quality {options.quality}",
        f"{len(photos)} photos, {bytes_in:,} bytes; the oracle's least: {least:,}.\n\n"
        + "\n".join(lines),
    )


if __name__ == "__main__":
    main()
