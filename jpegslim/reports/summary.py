"""What a finished run comes to, as lines of text."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from jpegslim.reports import wording
from jpegslim.results import FileResult, Reason, Status, Totals

# The order in which a person wants to hear of them.
_EXPLAINED = (Status.OPTIMIZED, Status.LOSSLESS, Status.KEPT, Status.SKIPPED)
_REPLACED = (Status.OPTIMIZED, Status.LOSSLESS)
_NOTHING = "no JPEG files found"


class Tone(Enum):
    """How much a line matters."""

    PLAIN = auto()
    GOOD = auto()
    BAD = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """One line, already safe for a terminal."""

    text: str
    tone: Tone = Tone.PLAIN


def summarize(
    totals: Totals,
    *,
    reasons: Mapping[tuple[Status, str], int],
    dry_run: bool,
    failures_in_sight: bool,
    backup: Path | None = None,
) -> Iterator[Line]:
    """Yield the summary; `reasons` counts the files by outcome and reason code.

    failures_in_sight: the failed files were named just above and need no second mention.
    backup: where the originals of replaced files are.
    """
    yield from _endings(totals)
    if totals.cut_short is not None:
        yield Line(_cut_short(totals.cut_short))
    if not totals.files:
        if _is_whole(totals):
            yield Line(_NOTHING)
        return
    yield Line(f"{_files(totals)}{_time(totals)}")
    yield _bytes(totals, dry_run=dry_run)
    if totals.lowest is not None and totals.lowest.score is not None:
        where = wording.printable(str(totals.lowest.path))
        yield Line(
            f"lowest score {'' if dry_run else 'delivered '}{totals.lowest.score:.2f}: {where}"
        )
    yield from _metadata(totals)
    yield from _explanations(reasons)
    if backup is not None and any(totals.counts[status] for status in _REPLACED):
        yield Line(f"the originals are in {wording.printable(str(backup))}")
    yield from _left(totals)
    if not failures_in_sight:
        yield from _failures(totals)


def summarize_in_one_line(totals: Totals, *, dry_run: bool) -> Iterator[Line]:
    """Yield what went wrong, then everything else in one line."""
    yield from summarize_problems(totals)
    parts = [_NOTHING] if _is_whole(totals) else []
    if totals.files:
        parts = [_files(totals)]
        if totals.bytes_in != totals.bytes_out:
            parts.append(_bytes(totals, dry_run=dry_run).text)
        parts.append(wording.duration(totals.seconds))
    if totals.cut_short is not None:
        parts.append(_cut_short(totals.cut_short))
    if parts:
        yield Line("; ".join(parts))


def summarize_problems(totals: Totals) -> Iterator[Line]:
    """Yield only what went wrong; nothing where all is well."""
    yield from _endings(totals)
    yield from _left(totals)
    yield from _failures(totals)


def failure(result: FileResult) -> str:
    """Return a failed file's name and reason in one line."""
    message = result.message or wording.reason(result.reason)
    return f"{wording.printable(str(result.path))}: {wording.printable(message)}"


def _endings(totals: Totals) -> Iterator[Line]:
    if totals.stopped is not None:
        yield Line(f"stopped: {wording.printable(totals.stopped)}", Tone.BAD)
    if totals.interrupted:
        done = wording.count(totals.files, "file")
        yield Line(f"interrupted: {done} done, the rest untouched", Tone.BAD)


def _is_whole(totals: Totals) -> bool:
    return not (totals.interrupted or totals.stopped or totals.cut_short)


def _cut_short(why: str) -> str:
    return f"not finished: {wording.printable(why)}"


def _files(totals: Totals) -> str:
    outcomes = ", ".join(
        f"{totals.counts[status]} {status}" for status in Status if totals.counts[status]
    )
    return f"{wording.count(totals.files, 'file')}: {outcomes}"


def _time(totals: Totals) -> str:
    if totals.seconds <= 0:
        return ""
    speed = ""
    if totals.megapixels:
        speed = f", {totals.megapixels / totals.seconds:.1f} MP/s"
    return f" ({wording.duration(totals.seconds)}{speed})"


def _bytes(totals: Totals, *, dry_run: bool) -> Line:
    saved = totals.bytes_in - totals.bytes_out
    dropped = ""
    if totals.metadata_dropped:
        asked = "metadata" if dry_run else "metadata dropped as asked"
        dropped = f", of which {wording.size(totals.metadata_dropped)} {asked}"
    return Line(
        f"{wording.size(totals.bytes_in)} -> {wording.size(totals.bytes_out)}, "
        f"{'would save' if dry_run else 'saved'} {wording.size(saved)} "
        f"({wording.percent(totals.saved_fraction)}){dropped}",
        Tone.GOOD if saved > 0 else Tone.PLAIN,
    )


def _metadata(totals: Totals) -> Iterator[Line]:
    if totals.gain_maps:
        files = wording.count(totals.gain_maps, "file")
        yield Line(f"HDR gain maps carried as they are: {files}, {wording.size(totals.gain_map)}")
    for note, number in totals.notes.most_common():
        yield Line(f"{wording.count(number, 'file')}: {wording.printable(note)}")


def _left(totals: Totals) -> Iterator[Line]:
    """Name what stays as it is though its metadata was to go: who strips must know."""
    for result in sorted(totals.metadata_left, key=lambda result: str(result.path)):
        yield Line(f"{result.status}: {failure(result)}", Tone.BAD)
    left = len(totals.metadata_left) + sum(each.metadata_left for each in totals.failures)
    if left:
        files = wording.count(left, "file")
        yield Line(f"metadata was not dropped from {files}", Tone.BAD)


def _explanations(reasons: Mapping[tuple[Status, str], int]) -> Iterator[Line]:
    for wanted in _EXPLAINED:
        by_reason = Counter(
            {
                reason: files
                for (status, reason), files in reasons.items()
                if status is wanted and reason != Reason.TARGET_MET
            }
        )
        for reason, files in by_reason.most_common():
            yield Line(f"{wanted}: {files}, {wording.reason(reason)}")


def _failures(totals: Totals) -> Iterator[Line]:
    for result in sorted(totals.failures, key=lambda result: str(result.path)):
        yield Line(f"failed: {failure(result)}", Tone.BAD)
