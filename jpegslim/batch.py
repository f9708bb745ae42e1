"""Conduct one run: discover, plan, work, publish, report. Knows every room below."""

import threading
import time
import traceback
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from jpegslim.engine import metric
from jpegslim.errors import FileError, RunError
from jpegslim.files import pool, store, work
from jpegslim.files.discovery import discover
from jpegslim.files.plan import Task, plan
from jpegslim.files.worker import Worker
from jpegslim.reports.reporter import Reporter, RunStart
from jpegslim.results import FileResult, Optimized, Status, Totals
from jpegslim.settings import Settings

SLOW_METRIC = (
    "the metric runs in NumPy, about 60 times slower than its C kernel:"
    " install jpegslim again where a C compiler is present"
)

# A worker that takes longer hangs: the slowest machines seen need 2 s a megapixel.
TIMEOUT_SECONDS = 900.0


def run(
    paths: Sequence[Path],
    settings: Settings,
    *,
    output: Path | None,
    jobs: int,
    dry_run: bool,
    reporters: Sequence[Reporter] = (),
    debug: bool = False,
) -> Totals:
    """Optimize every picture at `paths`, and tell `reporters` as it goes.

    output: the folder to mirror the paths in; None replaces in place. jobs: worker processes.
    debug: results of failed files carry their traceback.
    Ctrl-C and whatever stops the run end up in the Totals; UsageError is raised before anything
    is touched.
    """
    conductor = _Conductor(
        paths, settings, output=output, dry_run=dry_run, reporters=reporters, debug=debug
    )
    return conductor.conduct(jobs)


def pipe(data: bytes, settings: Settings) -> Optimized:
    """Optimize one picture from memory in a killable worker. Raises FileError."""
    admission = pool.Admission(pool.memory_budget())
    with Worker(work.PIPE_ENTRY) as worker:
        result = worker.call((data, settings), timeout=TIMEOUT_SECONDS, admit=admission.admit)
    if not isinstance(result, Optimized):
        raise TypeError(f"the worker answered with {type(result).__name__}")
    return result


class _Conductor:
    """One run, on the thread that called it."""

    def __init__(
        self,
        paths: Sequence[Path],
        settings: Settings,
        *,
        output: Path | None,
        dry_run: bool,
        reporters: Sequence[Reporter],
        debug: bool,
    ) -> None:
        self._debug = debug
        self._paths = paths
        self._settings = settings
        self._output = output
        self._dry_run = dry_run
        self._reporters = reporters
        self._totals = Totals()
        # What needs no worker: told between two outcomes.
        self._settled: deque[FileResult] = deque()
        self._in_flight: dict[Path, Task] = {}

    def conduct(self, jobs: int) -> Totals:
        planned = self._plan()
        start = RunStart(
            settings=self._settings,
            output=self._output,
            dry_run=self._dry_run,
            jobs=jobs,
            notes=() if metric.implementation() != metric.NUMPY else (SLOW_METRIC,),
        )
        began = time.monotonic()
        counter = _Counter(self._paths, self._without)
        try:
            for reporter in self._reporters:
                reporter.started(start)
            self._prepare_output()
            with closing(counter), closing(self._outcomes(planned, jobs)) as outcomes:
                for outcome in outcomes:
                    self._tell_settled()
                    self._finish(self._publish(outcome))
                    self._tell_found(counter)
            self._tell_settled()
            self._tell_found(counter)
        except KeyboardInterrupt:
            self._totals.interrupted = True
        except RunError as error:
            self._totals.stopped = str(error)
        finally:
            self._clear_temporaries()
            self._totals.seconds = time.monotonic() - began
            self._close()
        return self._totals

    def _close(self) -> None:
        """Close every reporter, then raise RunError where one can't write its last lines."""
        with ExitStack() as stack:
            for reporter in reversed(self._reporters):
                stack.callback(reporter.closed, self._totals)

    @property
    def _without(self) -> Sequence[Path]:
        return [] if self._output is None else [self._output]

    def _plan(self) -> Iterator[Task | FileResult]:
        return plan(
            discover(self._paths, without=self._without),
            paths=self._paths,
            output=self._output,
            settings=self._settings,
            dry_run=self._dry_run,
        )

    def _prepare_output(self) -> None:
        if self._output is None or self._dry_run:
            return
        try:
            self._output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"the output folder {self._output} can't be made:"
                f" {store.plain_words(error)}; choose another --output"
            ) from error

    def _outcomes(
        self, planned: Iterator[Task | FileResult], jobs: int
    ) -> Generator[pool.Outcome, None, None]:
        def tasks() -> Iterator[Task]:
            for each in planned:
                if isinstance(each, FileResult):
                    self._settled.append(each)
                    continue
                self._in_flight[each.source] = each
                yield each

        return pool.run(
            tasks(),
            entry=work.ENTRY,
            jobs=jobs,
            megapixels=pool.memory_budget(),
            timeout=TIMEOUT_SECONDS,
        )

    def _publish(self, outcome: pool.Outcome) -> FileResult:
        """Give what is staged its name, and return what became of the file."""
        task = outcome.payload
        if not isinstance(task, Task):
            raise TypeError(f"the pool answered for {type(task).__name__}")
        try:
            done = self._done(task, outcome)
            if done.staged is not None and done.identity is not None:
                store.publish(
                    done.staged,
                    source=task.source,
                    identity=done.identity,
                    in_place=task.in_place,
                    replaces=done.replaces,
                )
        except FileError as error:
            return self._failed(task, error)
        else:
            return done.result
        finally:
            store.discard(task.staged)
            del self._in_flight[task.source]

    def _done(self, task: Task, outcome: pool.Outcome) -> work.Done:
        """Return the worker's answer; where it died, a copy for the output folder."""
        if isinstance(outcome.result, work.Done):
            return outcome.result
        if outcome.error is None:
            raise TypeError(f"a worker answered with {type(outcome.result).__name__}")
        if task.in_place or task.dry_run:
            raise outcome.error
        return work.copy(task, outcome.error)

    def _failed(self, task: Task, error: FileError) -> FileResult:
        size = 0
        with suppress(OSError):
            size = task.source.stat().st_size
        return FileResult(
            path=task.source,
            status=Status.FAILED,
            reason=error.reason,
            message=str(error),
            bytes_in=size,
            bytes_out=size,
            target=task.settings.target,
            traceback="".join(traceback.format_exception(error)) if self._debug else None,
        )

    def _finish(self, result: FileResult) -> None:
        self._totals.add(result)
        for reporter in self._reporters:
            reporter.finished(result)

    def _tell_settled(self) -> None:
        while self._settled:
            self._finish(self._settled.popleft())

    def _tell_found(self, counter: "_Counter") -> None:
        for reporter in self._reporters:
            reporter.found(counter.files, counter.size, complete=counter.complete)

    def _clear_temporaries(self) -> None:
        """Remove what killed workers left; nobody works on these files any more."""
        for task in self._in_flight.values():
            store.discard(task.staged)


class _Counter:
    """Walks ahead of the work on a thread of its own, so that the time left can be told."""

    def __init__(self, paths: Sequence[Path], without: Sequence[Path]) -> None:
        self.files = 0
        self.size = 0
        self.complete = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._walk, args=(paths, without), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop walking."""
        self._stop.set()
        self._thread.join()

    def _walk(self, paths: Sequence[Path], without: Sequence[Path]) -> None:
        for candidate in discover(paths, without=without):
            if self._stop.is_set():
                return
            self.files += 1
            if not isinstance(candidate, FileResult):
                with suppress(OSError):
                    self.size += candidate.path.stat().st_size
        self.complete = True
