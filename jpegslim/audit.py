"""Judge finished pictures against their originals, independently of the run that made them."""

import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from jpegslim.engine.metric import Comparison
from jpegslim.errors import ExitCode, FileError, UsageError
from jpegslim.files import portraits
from jpegslim.files.discovery import discover
from jpegslim.files.judging import Judge
from jpegslim.results import FileResult, Status, Tile

IDENTICAL_SCORE = 100.0


class Outcome(StrEnum):
    """What became of a pair."""

    COMPARED = "compared"
    IDENTICAL = "identical"
    MISSING = "missing"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult:
    """One original and its copy; `path` is relative to both folders.

    message: one line for a person, without the path. bytes_in and bytes_out: of the original and
    the copy, None where that file is missing or unreadable.
    """

    path: Path
    outcome: Outcome
    message: str
    bytes_in: int | None = None
    bytes_out: int | None = None
    score: float | None = None
    worst_tile: Tile | None = None


@dataclass(slots=True)
class AuditTotals:
    """The sums of an audit; sizes count only where both files are there."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    lowest: PairResult | None = None
    scores: list[float] = field(default_factory=list)

    def add(self, result: PairResult) -> None:
        """Count one pair."""
        self.counts[result.outcome] += 1
        if result.bytes_in is not None and result.bytes_out is not None:
            self.bytes_in += result.bytes_in
            self.bytes_out += result.bytes_out
        if result.score is None:
            return
        self.scores.append(result.score)
        if self.lowest is None or self.lowest.score is None or result.score < self.lowest.score:
            self.lowest = result

    @property
    def pairs(self) -> int:
        """How many names were found on either side."""
        return self.counts.total()

    @property
    def median(self) -> float | None:
        """The median score; None where nothing could be scored."""
        return statistics.median(self.scores) if self.scores else None

    @property
    def saved_fraction(self) -> float:
        """Saved bytes as a fraction of the originals; 0 where there are none."""
        return 1 - self.bytes_out / self.bytes_in if self.bytes_in else 0.0

    @property
    def exit_code(self) -> ExitCode:
        """Fine only where every pair was there and could be compared."""
        incomplete = self.counts[Outcome.MISSING] + self.counts[Outcome.FAILED]
        return ExitCode.SOME_FAILED if incomplete else ExitCode.OK


def judge(original: Path, copy: Path) -> Comparison:
    """Compare two pictures of one size in a killable worker; grey is taken as RGB beside RGB.

    Raises FileError, with the path in its message, where one can't be read or decoded, and with
    both sizes where they differ.
    """
    with Judge() as worker:
        return worker.compare((str(original), _read(original)), (str(copy), _read(copy)))


def portray(
    original: Path, copy: Path, *, heatmap: Path | None, side_by_side: Path | None
) -> Comparison:
    """Compare two pictures as `judge` does, and write the pictures that are asked for.

    Raises UsageError before any work where one would overwrite what is not ours, RunError where
    it can't be written, and FileError as `judge`.
    """
    for path, option in ((heatmap, "--heatmap"), (side_by_side, "--side-by-side")):
        if path is not None:
            portraits.check_place(path, option)
    drawn = portraits.portray(
        portraits.Sitting(
            original=(str(original), _read(original)),
            copy=(str(copy), _read(copy)),
            heatmap=heatmap is not None,
            side_by_side=side_by_side is not None,
        )
    )
    for data, place in ((drawn.heatmap, heatmap), (drawn.side_by_side, side_by_side)):
        if data is not None and place is not None:
            portraits.save(data, place)
    return drawn.judgement


def audit(originals: Path, copies: Path) -> Iterator[PairResult]:
    """Yield a result, by path, for every picture that a run would take in either tree.

    What can't be read or compared is a result too and stops nothing. A folder inside the other
    is left out of that one's tree, as a run leaves out its output folder. Raises UsageError
    where one is no folder or both hold nothing: an audit of nothing must not pass for a good one.
    """
    for folder in (originals, copies):
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder, but the other one is")
    problems: dict[Path, str] = {}
    before = _list(originals, without=copies, problems=problems)
    after = _list(copies, without=originals, problems=problems)
    if not (before or after or problems):
        raise UsageError(f"no JPEG files below {originals} or {copies}")
    with Judge() as worker:
        for path in sorted(before | after | problems.keys()):
            if path in problems:
                yield PairResult(path=path, outcome=Outcome.FAILED, message=problems[path])
            elif path not in after:
                yield _missing(path, copies)
            elif path not in before:
                yield _missing(path, originals)
            else:
                yield _judge_pair(worker, originals, copies, path)


def _judge_pair(worker: Judge, originals: Path, copies: Path, path: Path) -> PairResult:
    sizes: list[int] = []
    try:
        before, after = _read(originals / path), _read(copies / path)
        sizes = [len(before), len(after)]
        if before == after:
            return PairResult(
                path=path,
                outcome=Outcome.IDENTICAL,
                message="the same bytes",
                bytes_in=len(before),
                bytes_out=len(after),
                score=IDENTICAL_SCORE,
            )
        judgement = worker.compare(("the original", before), ("the copy", after))
    except FileError as error:
        return PairResult(
            path=path,
            outcome=Outcome.FAILED,
            message=str(error),
            bytes_in=sizes[0] if sizes else None,
            bytes_out=sizes[1] if sizes else None,
        )
    return PairResult(
        path=path,
        outcome=Outcome.COMPARED,
        message="",
        bytes_in=len(before),
        bytes_out=len(after),
        score=judgement.score,
        worst_tile=judgement.worst_tile,
    )


def _missing(path: Path, folder: Path) -> PairResult:
    return PairResult(path=path, outcome=Outcome.MISSING, message=f"not in {folder}")


def _list(folder: Path, *, without: Path, problems: dict[Path, str]) -> set[Path]:
    """Return the pictures below a folder by relative path; note what can't be read."""
    pictures: set[Path] = set()
    for found in discover([folder], without=[without]):
        if not isinstance(found, FileResult):
            pictures.add(found.relative)
        elif found.status is Status.FAILED:
            problems[Path(str(found.path)).relative_to(folder)] = f"in {folder}: {found.message}"
    return pictures


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileError(
            f"{path}: can't be read ({error.strerror or error})", reason="unreadable"
        ) from error
