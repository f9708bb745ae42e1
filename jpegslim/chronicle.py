"""Remember runs as they go, and tell them again: any report can be written of a past run."""

import time
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

from jpegslim.errors import UsageError
from jpegslim.files.history import LARGEST_RUN, History, Run, beside, is_news
from jpegslim.reports.reporter import Reporter, RunStart
from jpegslim.results import FileResult, Totals, place
from jpegslim.settings import Settings

UNENDED = "the run was killed, or is still at work"


class Chronicle:
    """A reporter that writes the history beside a ledger.

    A dry run is not remembered, nor one that was stopped before its first file.
    """

    def __init__(self, ledger: Path) -> None:
        self._file = beside(ledger)
        self._start: RunStart | None = None
        self._began = 0.0
        self._history: History | None = None
        self._run = 0

    def started(self, run: RunStart) -> None:
        """Wait for the first file: until then the run's own trouble is more worth telling."""
        self._start = None if run.dry_run else run
        self._began = time.time()

    def found(self, files: int, size: int, *, complete: bool) -> None:
        """Say nothing: only finished files are remembered."""

    def finished(self, result: FileResult) -> None:
        """Note the result where anything was done; raises RunError where that fails."""
        if self._start is not None and is_news(result):
            self._open(self._start).add(self._run, result)

    def closed(self, totals: Totals) -> None:
        """Note how the run ended, and close the history."""
        try:
            if self._start is not None and (totals.files or totals.stopped is None):
                self._open(self._start).end(self._run, totals)
        finally:
            if self._history is not None:
                self._history.close()

    def _open(self, start: RunStart) -> History:
        if self._history is None:
            self._history = History(self._file)
            self._run = self._history.begin(_options(start), began=self._began)
        return self._history


def remembered(ledger: Path) -> list[Run]:
    """Return the runs that a ledger remembers, the latest first."""
    file = beside(ledger)
    if not file.exists():
        return []
    with History(file, read_only=True) as history:
        return history.runs()


def replay(ledger: Path, number: int | None, reporters: Sequence[Reporter]) -> Totals:
    """Tell reporters of a past run as if it went on now; return its totals.

    number: as `remembered` gives it, None for the latest. Raises UsageError where it is not
    remembered.
    """
    file = beside(ledger)
    if not file.exists():
        raise UsageError("no run is remembered yet")
    with History(file, read_only=True) as history:
        run = history.run(number)
        if run is None:
            raise UsageError(
                "no run is remembered yet"
                if number is None
                else f"run {number} is not remembered; 'jpegslim report' lists those that are"
            )
        start = start_of(run)
        for reporter in reporters:
            reporter.started(start)
        sums = Totals()
        for result in history.results(run.number):
            sums.add(result)
            for reporter in reporters:
                reporter.finished(result)
        totals = _completed(run, sums)
        for reporter in reporters:
            reporter.closed(totals)
    return totals


def _completed(run: Run, sums: Totals) -> Totals:
    """Return the totals of a run: what was noted at its end, and what its results add up to."""
    if run.totals is None:
        return replace(sums, stopped=UNENDED)
    noted = run.totals
    return replace(
        sums,
        counts=noted.counts,
        bytes_in=noted.bytes_in,
        bytes_out=noted.bytes_out,
        megapixels=noted.megapixels,
        seconds=noted.seconds,
        interrupted=noted.interrupted,
        stopped=noted.stopped,
        cut_short=noted.cut_short,
    )


def start_of(run: Run) -> RunStart:
    """Return how a past run was started."""
    options = run.options
    known = {field.name for field in fields(Settings)}
    settings = {name: value for name, value in options["settings"].items() if name in known}
    notes = list(options["notes"])
    if run.left_out:
        notes.append(
            f"a run is remembered with {LARGEST_RUN:,} results at most:"
            f" {run.left_out:,} are missing"
        )
    return RunStart(
        settings=Settings(**settings),
        output=None if options["output"] is None else place(options["output"]),
        dry_run=False,
        jobs=options["jobs"],
        backup=_path(options["backup"]),
        notes=tuple(notes),
        paths=tuple(place(path) for path in options["paths"]),
        began=run.began,
        folder=Path(options["folder"]),
    )


def _options(start: RunStart) -> dict[str, object]:
    return {
        "settings": asdict(start.settings),
        "output": None if start.output is None else str(start.output),
        "backup": None if start.backup is None else str(start.backup),
        "paths": [str(path) for path in start.paths],
        "jobs": start.jobs,
        "folder": str(Path.cwd() if start.folder is None else start.folder),
        "notes": start.notes,
    }


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)
