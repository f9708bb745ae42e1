"""What becomes of odd JPEGs, kind by kind: writes docs/odd-files.md.

python benchmarks/odd_files.py FOLDER [--quality 85]

FOLDER: holds the files and an INDEX.tsv whose columns `file` and `tags` name them and say what is
odd about them. Every file goes through one killable worker, as in a run, with 30 seconds and the
memory of its size. Needs Linux for the memory figures.
"""

import argparse
import csv
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from record import machine

from jpegslim import FileError, NotAJpeg, Settings
from jpegslim.engine.container.segments import peek
from jpegslim.files.work import PIPE_ENTRY
from jpegslim.files.worker import Worker

PAGE = Path(__file__).parents[1] / "docs" / "odd-files.md"
SECONDS = 30.0
STATUSES = ("optimized", "lossless", "kept", "skipped", "failed")
# What is a reason of its own in the tables; the others only say how it was done.
DONE = ("optimized", "lossless")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. peak: bytes in use at most, by the worker and the file."""

    name: str
    tags: tuple[str, ...]
    status: str
    reason: str
    words: str
    seconds: float
    peak: int
    megapixels: float
    bytes_in: int
    bytes_out: int

    @property
    def folder(self) -> str:
        """The collection it is from."""
        return self.name.split("/", 1)[0]


def outcomes(top: Path, settings: Settings) -> Iterator[Outcome]:
    """Put every file of the index through a worker, one after the other."""
    with (top / "INDEX.tsv").open(encoding="utf-8", newline="") as index:
        rows = list(csv.DictReader(index, delimiter="\t"))
    with Worker(PIPE_ENTRY) as worker:
        for row in rows:
            data = (top / row["file"]).read_bytes()
            worker.start()
            _forget_peak(worker.pid)
            start = time.perf_counter()
            size_out = len(data)
            try:
                result = worker.call((data, settings), timeout=SECONDS)
            except NotAJpeg as error:
                status, reason, words = "skipped", error.reason, str(error)
            except FileError as error:
                status, reason, words = "failed", error.reason, str(error)
            else:
                status, reason, words = str(result.status), str(result.reason), result.detail
                size_out = result.bytes_out
            yield Outcome(
                name=row["file"],
                tags=tuple(filter(None, row["tags"].split(","))) or ("nothing_named",),
                status=status,
                reason=reason,
                words=words,
                seconds=time.perf_counter() - start,
                peak=_peak(worker.pid),
                megapixels=_megapixels(data),
                bytes_in=len(data),
                bytes_out=size_out,
            )


def _forget_peak(pid: int | None) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _peak(pid: int | None) -> int:
    """Return the most the worker held since it was told to forget, 0 where it is gone."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0
    lines = status.read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _megapixels(data: bytes) -> float:
    try:
        return peek(data).megapixels
    except FileError:
        return 0.0


def table(title: str, kinds: dict[str, list[Outcome]]) -> list[str]:
    """Return a table with one line a kind."""
    lines = [
        f"| {title} | files | {' | '.join(STATUSES)} | why not |",
        f"|---|--:|{'--:|' * len(STATUSES)}---|",
    ]
    for kind, members in sorted(kinds.items()):
        counts = Counter(each.status for each in members)
        why = Counter(each.reason for each in members if each.status not in DONE)
        reasons = ", ".join(f"{name} {count}" for name, count in why.most_common())
        cells = " | ".join(str(counts[status] or "") for status in STATUSES)
        lines.append(f"| {kind} | {len(members)} | {cells} | {reasons} |")
    return lines


def reasons(done: Iterable[Outcome]) -> list[str]:
    """Return a table of the reasons with one file's own words for each."""
    kinds: dict[tuple[str, str], list[Outcome]] = {}
    for each in done:
        kinds.setdefault((each.status, each.reason), []).append(each)
    lines = ["| outcome | reason | files | for example |", "|---|---|--:|---|"]
    for (status, reason), members in sorted(
        kinds.items(), key=lambda item: (STATUSES.index(item[0][0]), item[0][1])
    ):
        words = members[0].words.replace("|", "\\|")
        lines.append(f"| {status} | {reason} | {len(members)} | {words} |")
    return lines


def grouped(done: Iterable[Outcome], *, by_tag: bool) -> dict[str, list[Outcome]]:
    """Return the outcomes by tag, where a file stands under each of its own, or by folder."""
    kinds: dict[str, list[Outcome]] = {}
    for each in done:
        for kind in each.tags if by_tag else (each.folder,):
            kinds.setdefault(kind, []).append(each)
    return kinds


def page(done: list[Outcome], quality: float, command: str) -> str:
    """Return the whole page."""
    counts = Counter(each.status for each in done)
    slowest = max(done, key=lambda each: each.seconds)
    largest = max(done, key=lambda each: each.peak)
    changed = [each for each in done if each.status in DONE]
    before, after = sum(each.bytes_in for each in changed), sum(each.bytes_out for each in changed)
    saved = 1 - after / before if before else 0.0
    totals = ", ".join(f"{counts[status]} {status}" for status in STATUSES)
    lines = [
        "# What becomes of odd files",
        "",
        f"`{command}`, {machine()}.",
        "",
        f"{len(done)} odd JPEGs in one run at {quality:g}: {totals}. Those that changed are"
        f" {saved:.0%} smaller; each was decoded again before it was delivered. The slowest took"
        f" {slowest.seconds:.1f} s ({slowest.megapixels:.1f} megapixels; the limit was"
        f" {SECONDS:g} s), the largest {largest.peak / 1e6:.0f} MB"
        f" ({largest.megapixels:.1f} megapixels).",
        "",
        "Kept: a JPEG that stays as it is for the reason told. Skipped: no JPEG, or larger than"
        " what was allowed. Failed: the picture is damaged; the file stays as it is.",
        "",
        "## By reason",
        "",
        *reasons(done),
        "",
        "## By what is odd about them",
        "",
        "A file with two oddities is counted under both.",
        "",
        *table("kind", grouped(done, by_tag=True)),
        "",
        "## By collection",
        "",
        *table("collection", grouped(done, by_tag=False)),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run over the folder, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quality", type=float, default=85.0)
    options = parser.parse_args()
    done = list(outcomes(options.folder, Settings(target=options.quality)))
    text = page(done, options.quality, "python benchmarks/odd_files.py FOLDER")
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
