"""What every run has, whatever it works on: who is told, when it is over, and how it ends."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from jpegslim.engine import metric
from jpegslim.errors import RunError
from jpegslim.files.interrupts import as_ctrl_c
from jpegslim.reports.reporter import Onlooker, Reporter, RunStart
from jpegslim.results import FileResult, Status, Totals, Wish

SLOW_METRIC = (
    "the metric runs in NumPy, 30 to 60 times slower than its C kernel:"
    " install jpegslim again where a C compiler is present"
)


def notes() -> tuple[str, ...]:
    """Return what is to be said of this installation before a run."""
    return () if metric.implementation() != metric.NUMPY else (SLOW_METRIC,)


class Course:
    """A run from its first word to its last, on one thread. totals: what it has come to so far.

    max_errors, time_limit: as for `batch.run`.
    """

    def __init__(
        self,
        reporters: Sequence[Reporter],
        *,
        max_errors: int | None,
        time_limit: float | None,
    ) -> None:
        self.totals = Totals()
        self._reporters = reporters
        self._max_errors = max_errors
        self._time_limit = time_limit
        self._began = time.monotonic()
        onlookers = (each for each in reporters if isinstance(each, Onlooker))
        self._onlooker = next(onlookers, None)

    def run(self, start: RunStart, work: Callable[[], None]) -> Totals:
        """Do the work and return what came of it.

        Ctrl-C, SIGTERM, SIGHUP and whatever stops the work end up in the Totals. Raises RunError
        where a reporter can't write its last lines.
        """
        with ExitStack() as stack:
            stack.enter_context(as_ctrl_c())
            stack.callback(self._close)
            try:
                for reporter in self._reporters:
                    reporter.started(start)
                work()
            except KeyboardInterrupt:
                self.totals.interrupted = True
            except RunError as error:
                self.totals.stopped = str(error)
        return self.totals

    @property
    def wish(self) -> Wish | None:
        """Which results are to be shown, as of now."""
        return None if self._onlooker is None else self._onlooker.wish()

    def is_over(self) -> bool:
        """Tell whether nothing new is to be started, and note why."""
        failed = self.totals.counts[Status.FAILED]
        if self._max_errors is not None and failed >= max(1, self._max_errors):
            self.totals.stopped = f"{failed} files failed, as many as --max-errors allows"
        elif self._time_limit is not None and self._seconds() >= self._time_limit:
            limit = f"{self._time_limit:g}"
            self.totals.cut_short = f"the time limit of {limit} seconds is over; run again to go on"
        else:
            return False
        return True

    def finish(self, result: FileResult) -> None:
        """Count and tell an outcome."""
        self.totals.add(result)
        for reporter in self._reporters:
            reporter.finished(result)

    def tell_found(self, files: int, size: int, *, complete: bool) -> None:
        """Tell how much there is to do, as far as that is known."""
        for reporter in self._reporters:
            reporter.found(files, size, complete=complete)

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _close(self) -> None:
        """Close every reporter, then raise RunError where one can't write its last lines."""
        self.totals.seconds = self._seconds()
        with ExitStack() as stack:
            for reporter in reversed(self._reporters):
                stack.callback(reporter.closed, self.totals)
