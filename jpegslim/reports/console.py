"""What a person at a terminal, or reading a log, is told of a run; the only importer of rich."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from enum import Enum, auto
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID
from rich.text import Text

from jpegslim.reports import summary, wording
from jpegslim.reports.pace import Pace
from jpegslim.reports.reporter import RunStart
from jpegslim.results import FileResult, Status, Totals

if TYPE_CHECKING:
    from pathlib import Path

IN_PLACE = "replacing in place; originals are not kept"
IN_BUCKETS = "replacing in place; originals are kept where the bucket keeps older versions"
BACKED_UP = "replacing in place; originals are kept in"
DRY_RUN = "dry run: nothing will be written"

_STYLES = {
    summary.Tone.PLAIN: "",
    summary.Tone.GOOD: "bold green",
    summary.Tone.BAD: "red",
}
_BAR_WIDTH = 20
# Below this width the figures need the whole line.
_WIDTH_FOR_A_BAR = 60
_REFRESHES_A_SECOND = 5
# A log wants to see that a run lives, and stay readable when it takes a night.
_LOG_EVERY_SECONDS = 10.0
_LOG_EVERY_FRACTION = 0.05


class Detail(Enum):
    """How much is told. ONE_LINE: at the end, below what went wrong, which PROBLEMS tells alone."""

    ALL = auto()
    ONE_LINE = auto()
    PROBLEMS = auto()


class ConsoleReporter:
    """Talks to standard error: a progress bar on a terminal, a line now and then elsewhere.

    Leaving the context takes the bar down even where the run ended in an exception.
    """

    def __init__(
        self,
        *,
        detail: Detail = Detail.ALL,
        bar: bool = True,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write to `stream`, standard error by default; `bar` False asks for lines only."""
        stream = sys.stderr if stream is None else stream
        # File names are shown as they are: no markup, no emoji codes, no guessed colours.
        self._console = Console(
            file=stream, markup=False, emoji=False, highlight=False, soft_wrap=True
        )
        # rich calls a log a terminal where FORCE_COLOR is set: colours yes, a moving bar no.
        moving = stream.isatty() and not self._console.is_dumb_terminal
        self._detail = detail
        self._talks = detail is Detail.ALL
        self._bar = bar and self._talks and moving
        self._pace = Pace(clock)
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._dry_run = False
        self._backup: Path | None = None
        self._reasons: Counter[tuple[Status, str]] = Counter()
        self._next_line = _LOG_EVERY_SECONDS

    def __enter__(self) -> Self:
        """Return the reporter."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the bar down where `closed` was never reached."""
        self._stop_bar()

    def started(self, run: RunStart) -> None:
        """Say what will happen to the files."""
        self._dry_run = run.dry_run
        self._pace.start(dry_run=run.dry_run)
        if not self._talks:
            return
        if run.dry_run:
            self._print(summary.Line(DRY_RUN))
        elif run.backup is not None:
            self._backup = run.backup
            self._print(summary.Line(f"{BACKED_UP} {wording.printable(str(run.backup))}"))
        elif run.output is None:
            self._print(summary.Line(IN_BUCKETS if run.objects else IN_PLACE))
        for note in run.notes:
            self._print(summary.Line(note))
        if self._bar:
            self._start_bar()

    def found(self, files: int, size: int, *, complete: bool) -> None:
        """Take in how much there is to do."""
        self._pace.find(files, size, complete=complete)
        self._show_progress()

    def finished(self, result: FileResult) -> None:
        """Move on by a file; a log names a failed one at once, since it may be cut off."""
        self._pace.finish(result)
        self._reasons[result.status, str(result.reason)] += 1
        if result.status is Status.FAILED and self._talks and not self._bar:
            self._print(summary.Line(f"failed: {summary.failure(result)}", summary.Tone.BAD))
        self._show_progress()

    def closed(self, totals: Totals) -> None:
        """Say what the run came to."""
        self._stop_bar()
        for line in self._closing_lines(totals):
            self._print(line)

    def _closing_lines(self, totals: Totals) -> Iterable[summary.Line]:
        if self._detail is Detail.PROBLEMS:
            return summary.summarize_problems(totals)
        if self._detail is Detail.ONE_LINE:
            return summary.summarize_in_one_line(totals, dry_run=self._dry_run)
        return summary.summarize(
            totals,
            reasons=self._reasons,
            dry_run=self._dry_run,
            failures_in_sight=not self._bar and self._next_line == _LOG_EVERY_SECONDS,
            backup=self._backup,
        )

    def _print(self, line: summary.Line) -> None:
        self._console.print(Text(line.text, style=_STYLES[line.tone]))

    def _show_progress(self) -> None:
        if self._progress is not None:
            self._progress.update(
                self._task, total=self._pace.total_bytes, completed=self._pace.bytes_done
            )
        elif self._talks and not self._bar and self._pace.elapsed >= self._next_line:
            self._print(summary.Line(", ".join(self._pace.parts())))
            elapsed = self._pace.elapsed
            self._next_line = elapsed + max(_LOG_EVERY_SECONDS, elapsed * _LOG_EVERY_FRACTION)

    def _start_bar(self) -> None:
        columns: list[ProgressColumn] = [_Figures(self._pace, self._console)]
        if self._console.width >= _WIDTH_FOR_A_BAR:
            columns.insert(0, BarColumn(bar_width=_BAR_WIDTH))
        self._progress = Progress(
            *columns,
            console=self._console,
            transient=True,
            refresh_per_second=_REFRESHES_A_SECOND,
            # Standard output belongs to the JSON lines: rich would send them to our console.
            redirect_stdout=False,
        )
        self._task = self._progress.add_task("", total=None)
        self._progress.start()

    def _stop_bar(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class _Figures(ProgressColumn):
    """The run's pace, as much of it as fits beside the bar."""

    def __init__(self, pace: Pace, console: Console) -> None:
        super().__init__()
        self._pace = pace
        self._console = console

    def render(self, task: Task) -> Text:  # noqa: ARG002 - the pace knows more than the task
        width = self._console.width
        room = width - _BAR_WIDTH - 2 if width >= _WIDTH_FOR_A_BAR else width - 1
        line, *rest = self._pace.parts()
        for part in rest:
            if len(line) + len(part) + 2 > room:
                break
            line = f"{line}, {part}"
        return Text(line[:room], no_wrap=True)
