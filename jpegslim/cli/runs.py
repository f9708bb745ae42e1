"""What `report` prints: past runs as lines for a person and as records for JSON."""

import time
from collections import Counter
from typing import TYPE_CHECKING

from jpegslim.chronicle import UNENDED, start_of
from jpegslim.cli.printer import Printer
from jpegslim.files.history import Run
from jpegslim.reports import wording
from jpegslim.reports.records import totals_record
from jpegslim.reports.reporter import RunStart
from jpegslim.reports.summary import summarize
from jpegslim.results import SCHEMA_VERSION, FileResult, Status, Totals

if TYPE_CHECKING:
    from pathlib import Path

_CHANGED = (Status.OPTIMIZED, Status.LOSSLESS)


class Retold:
    """A reporter that prints the summary of a past run."""

    def __init__(self) -> None:
        self._reasons: Counter[tuple[Status, str]] = Counter()
        self._printer = Printer()
        self._backup: Path | None = None

    def started(self, run: RunStart) -> None:
        """Say when, and of what."""
        self._backup = run.backup
        when = "" if run.began is None else _when(run.began)
        self._printer.line(f"{when}  {_places(run)}")

    def found(self, files: int, size: int, *, complete: bool) -> None:
        """Say nothing."""

    def finished(self, result: FileResult) -> None:
        """Count it."""
        self._reasons[(result.status, result.reason)] += 1

    def closed(self, totals: Totals) -> None:
        """Print the summary."""
        for line in summarize(
            totals,
            reasons=self._reasons,
            dry_run=False,
            failures_in_sight=False,
            backup=self._backup,
        ):
            self._printer.line(line.text)


def run_line(run: Run) -> str:
    """Return one run in one line."""
    return f"{run.number:4}  {_when(run.began)}  {_outcome(run)}  {_places(start_of(run))}"


def run_record(run: Run) -> dict[str, object]:
    """Return one run; the totals are those of reports, null where it did not end."""
    start = start_of(run)
    totals = None if run.totals is None else totals_record(run.totals, dry_run=False)["totals"]
    return {
        "schema": SCHEMA_VERSION,
        "run": run.number,
        "began": run.began,
        "paths": [wording.well_formed(str(path)) for path in start.paths],
        "output": None if start.output is None else wording.well_formed(str(start.output)),
        "backup": None if start.backup is None else wording.well_formed(str(start.backup)),
        "target": start.settings.target,
        "results": run.results,
        "totals": totals,
    }


def _outcome(run: Run) -> str:
    totals = run.totals
    if totals is None:
        return f"{wording.count(run.results, 'result')}, {UNENDED}"
    changed = sum(totals.counts[status] for status in _CHANGED)
    parts = [wording.count(totals.files, "file"), f"{changed} smaller"]
    if totals.counts[Status.FAILED]:
        parts.append(f"{totals.counts[Status.FAILED]} failed")
    if totals.bytes_in > totals.bytes_out:
        saved = wording.size(totals.bytes_in - totals.bytes_out)
        parts.append(f"saved {saved} ({wording.percent(totals.saved_fraction)})")
    if totals.interrupted or totals.stopped or totals.cut_short:
        parts.append("not finished")
    return ", ".join(parts)


def _places(start: RunStart) -> str:
    paths = [wording.printable(str(path)) for path in start.paths]
    named = ", ".join(paths[:2]) + (f" and {len(paths) - 2} more" if len(paths) > 2 else "")  # noqa: PLR2004
    output = "" if start.output is None else f" -> {wording.printable(str(start.output))}"
    return f"{named or 'a list'}{output}"


def _when(began: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(began))
