"""Conduct one run: discover, plan, work, publish, report. Knows every room below."""

import os
import traceback
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from jpegslim.conducting import Course, notes
from jpegslim.errors import FileError, PublishError, UsageError
from jpegslim.files import backup as originals
from jpegslim.files import pool, store, work
from jpegslim.files.backup import Restored
from jpegslim.files.discovery import (
    EVERYTHING,
    Candidate,
    Selection,
    discover,
    discover_listed,
)
from jpegslim.files.holdings import Holdings, Needs
from jpegslim.files.interrupts import held
from jpegslim.files.lock import Claim, Extent, TreeLock
from jpegslim.files.plan import Task, plan
from jpegslim.files.survey import Survey, Tally
from jpegslim.files.worker import Worker
from jpegslim.reports.reporter import Reporter, RunStart
from jpegslim.results import FileResult, Optimized, Reason, Status, Totals
from jpegslim.settings import Settings

# A worker that takes longer hangs: with the metric in NumPy 8 megapixels took 14 s.
TIMEOUT_SECONDS = 900.0
# Files that need no work are told one after the other; so often somebody looks at the workers.
_LOOK_EVERY = 64


def run(
    paths: Sequence[Path],
    settings: Settings,
    *,
    output: Path | None,
    jobs: int,
    dry_run: bool,
    reporters: Sequence[Reporter] = (),
    debug: bool = False,
    selection: Selection = EVERYTHING,
    listed: Iterable[Path | FileResult | None] | None = None,
    ledger: Path | None = None,
    backup: Path | None = None,
    timeout: float | None = TIMEOUT_SECONDS,
    max_errors: int | None = None,
    time_limit: float | None = None,
    wait: bool = False,
    cluster: str | None = None,
) -> Totals:
    """Optimize every picture at `paths`, and tell `reporters` as it goes.

    output: the folder to mirror the paths in; None replaces in place. jobs: worker processes.
    debug: results of failed files carry their traceback. listed: names that stand for themselves,
    as many as there may be, after `paths`; None while there are none. ledger: its file, made
    where it is not there; None remembers nothing. backup: the folder that keeps each original that
    is replaced. timeout: seconds until a worker is killed. max_errors: start nothing new after so
    many failed files; the run counts as stopped. time_limit: start nothing new after so many
    seconds. wait: for another run at work on the same files, rather than refuse. cluster: where a
    Dask scheduler is whose workers do the work, instead of `jobs` processes here.

    Ctrl-C, SIGTERM, SIGHUP and whatever stops the run end up in the Totals; UsageError is raised
    before anything is touched.
    """
    if output is None and ledger is None and not settings.marker:
        raise UsageError(
            "without marker and ledger no run could know its own results, and every run would"
            " cost a generation: leave out --no-marker or --no-ledger, or give --output"
        )
    if output is not None and backup is not None:
        raise UsageError("--backup is for files that are replaced: with --output none are")
    if backup is not None and os.path.realpath(backup) in map(os.path.realpath, paths):
        raise UsageError(f"--backup {backup} is what is to be optimized: give another folder")
    order = _Order(
        paths=paths,
        settings=settings,
        output=output,
        jobs=jobs,
        dry_run=dry_run,
        reporters=reporters,
        debug=debug,
        selection=selection,
        listed=listed,
        # A dry run asks a ledger that is there, and makes none.
        ledger=None if ledger is None or (dry_run and not ledger.exists()) else ledger,
        backup=backup,
        timeout=timeout,
        max_errors=max_errors,
        time_limit=time_limit,
        wait=wait,
        cluster=cluster,
    )
    return _Conductor(order).conduct()


def pipe(data: bytes, settings: Settings) -> Optimized:
    """Optimize one picture from memory in a killable worker. Raises FileError."""
    admission = pool.Admission(pool.memory_budget())
    with Worker(work.PIPE_ENTRY) as worker:
        result = worker.call((data, settings), timeout=TIMEOUT_SECONDS, admit=admission.admit)
    if not isinstance(result, Optimized):
        raise TypeError(f"the worker answered with {type(result).__name__}")
    return result


def restore(
    folder: Path, *, dry_run: bool = False, ledger: Path | None = None
) -> Iterator[Restored]:
    """Put the originals in a backup folder back; yield what became of each, as it goes.

    ledger: of the runs that made the backup, so that none of them may be at work meanwhile.
    Raises UsageError at once where the folder holds no backup; RunError where another run is at
    work on the files or nothing further can succeed.
    """
    folders = {Path(os.path.realpath(path.parent)) for path in originals.paths_in(folder)}

    def put_back() -> Iterator[Restored]:
        with TreeLock(lock_folder(ledger)) as lock:
            lock.claim([Claim(each, Extent.FOLDER) for each in sorted(folders)])
            yield from originals.restore(folder, dry_run=dry_run)

    return put_back()


def default_ledger() -> Path:
    """Return the ledger's usual file, in the user's state folder."""
    return platformdirs.user_state_path("jpegslim", appauthor=False) / "ledger.sqlite"


def _real(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


def lock_folder(ledger: Path | None) -> Path:
    """Return where runs with this ledger say what they are at work on."""
    return (ledger or default_ledger()).absolute().parent / "locks"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What `run` was asked for."""

    paths: Sequence[Path]
    settings: Settings
    output: Path | None
    jobs: int
    dry_run: bool
    reporters: Sequence[Reporter]
    debug: bool
    selection: Selection
    listed: Iterable[Path | FileResult | None] | None
    ledger: Path | None
    backup: Path | None
    timeout: float | None
    max_errors: int | None
    time_limit: float | None
    wait: bool
    cluster: str | None

    @property
    def without(self) -> Sequence[Path]:
        """The folders that are not walked."""
        return [folder for folder in (self.output, self.backup) if folder is not None]

    def discover(self) -> Iterator[Candidate | FileResult]:
        """Walk below the PATHs."""
        return discover(self.paths, without=self.without, selection=self.selection)


class _Conductor:
    """One run, on the thread that called it."""

    def __init__(self, order: _Order) -> None:
        self._order = order
        self._course = Course(
            order.reporters, max_errors=order.max_errors, time_limit=order.time_limit
        )
        self._in_flight: dict[str, Task] = {}
        # Sources by where they lead.
        self._at_work: dict[str, str] = {}
        self._tally = Tally()
        self._survey = Survey(order.discover())
        self._holdings = Holdings(
            Needs(
                paths=order.paths,
                output=order.output,
                without=order.without,
                selection=order.selection,
                listed=order.listed is not None,
                ledger=order.ledger,
                locks=lock_folder(order.ledger),
                backup=order.backup,
                dry_run=order.dry_run,
                wait=order.wait,
            )
        )

    def conduct(self) -> Totals:
        order = self._order
        planned = self._plan()
        start = RunStart(
            settings=order.settings,
            output=order.output,
            dry_run=order.dry_run,
            jobs=order.jobs,
            backup=order.backup,
            paths=tuple(order.paths),
            notes=notes(),
        )

        def go() -> None:
            with self._holdings:
                self._work(planned)

        return self._course.run(start, go)

    def _plan(self) -> Iterator[Task | FileResult | None]:
        return plan(
            self._holdings.recall(self._found(), self._order.settings),
            paths=self._order.paths,
            output=self._order.output,
            settings=self._order.settings,
            dry_run=self._order.dry_run,
            selection=self._order.selection,
            ledger=self._order.ledger,
            run=self._holdings.run,
        )

    def _found(self) -> Iterator[Candidate | FileResult | None]:
        yield from self._order.discover()
        if self._order.listed is not None:
            for each in discover_listed(
                self._order.listed, without=self._order.without, selection=self._order.selection
            ):
                if each is not None:
                    self._tally.count(each)
                yield each
        self._tally.complete = True

    def _work(self, planned: Iterator[Task | FileResult | None]) -> None:
        outcomes = self._outcomes(self._tasks(planned))
        with ExitStack() as stack:
            stack.callback(self._clear_temporaries)
            stack.callback(self._survey.close)
            stack.callback(outcomes.close)
            for outcome in outcomes:
                with held():
                    self._course.finish(self._publish(outcome))
                self._tell_found()
        self._tell_found()

    def _outcomes(
        self, tasks: Generator[Task | None, None, None]
    ) -> Generator[pool.Outcome, None, None]:
        """Have the tasks worked on, here or by a cluster."""
        order = self._order
        if order.cluster is None:
            return pool.run(
                tasks,
                entry=work.ENTRY,
                jobs=order.jobs,
                megapixels=pool.memory_budget(),
                timeout=order.timeout,
                inherit=self._holdings.descriptors,
            )
        from jpegslim.cluster import window

        return window.run_at(
            order.cluster,
            tasks,
            entry=work.ENTRY,
            timeout=order.timeout,
            recall=self._holdings.overlooked,
            unsure=self._holdings.leave_behind,
        )

    def _tasks(
        self, planned: Iterator[Task | FileResult | None]
    ) -> Generator[Task | None, None, None]:
        """Yield what needs a worker; tell of the rest at once."""
        for number, each in enumerate(planned):
            if self._course.is_over():
                return
            settled = self._settle(each) if isinstance(each, Task) else each
            if each is None:
                yield None
            elif settled is not None:
                self._course.finish(settled)
                if number % _LOOK_EVERY == 0:
                    yield None
            elif isinstance(each, Task):
                task = replace(each, wish=self._course.wish)
                self._in_flight[task.token] = task
                self._at_work[_real(task.destination)] = _real(task.source)
                # A run that finds nothing to do is over before two walks at once would be.
                self._survey.begin()
                yield task

    def _settle(self, task: Task) -> FileResult | None:
        """Return the outcome of a task that needs no worker, None where it needs one."""
        # Only a list can name a file again, or map one onto itself; a walk knows its own.
        if self._order.listed is not None:
            destination = _real(task.destination)
            other = self._at_work.get(destination)
            if other == _real(task.source):
                return FileResult(
                    path=task.source,
                    status=Status.SKIPPED,
                    reason=Reason.LISTED_TWICE,
                    message="is listed twice, and being worked on already",
                    target=task.settings.target,
                )
            if other is not None:
                name = store.plain_name(Path(other))
                text = f"{name} would get the same name in the output folder: run them apart"
                return self._failed(task, PublishError(text, reason="name_clash"))
            if not task.in_place and destination == _real(task.source):
                text = f"--output {self._order.output} would write it onto itself"
                return self._failed(task, PublishError(text, reason="exists"))
        return self._holdings.admit(task)

    def _publish(self, outcome: pool.Outcome) -> FileResult:
        """Give what is staged its name, and return what became of the file."""
        task = outcome.payload
        if not isinstance(task, Task):
            raise TypeError(f"the pool answered for {type(task).__name__}")
        try:
            return self._holdings.writer.publish(task, self._done(task, outcome))
        except FileError as error:
            return self._failed(task, error)
        finally:
            store.discard(task.staged)
            del self._in_flight[task.token]
            # In a folder that ignores case, two files of a walk may have had one place.
            self._at_work.pop(_real(task.destination), None)

    def _done(self, task: Task, outcome: pool.Outcome) -> work.Done:
        """Return the worker's answer; where it died, a copy for the output folder."""
        if isinstance(outcome.result, work.Done):
            return outcome.result
        if outcome.error is None:
            raise TypeError(f"a worker answered with {type(outcome.result).__name__}")
        if task.in_place or task.dry_run:
            raise outcome.error
        # It may have died in the midst of staging.
        store.discard(task.staged)
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
            traceback="".join(traceback.format_exception(error)) if self._order.debug else None,
        )

    def _tell_found(self) -> None:
        survey, tally = self._survey, self._tally
        if survey.has_begun:
            files, size = survey.files + tally.files, survey.size + tally.size
            complete = survey.complete and tally.complete
        else:
            totals = self._course.totals
            files, size, complete = totals.files, totals.bytes_in, tally.complete
        self._course.tell_found(files, size, complete=complete)

    def _clear_temporaries(self) -> None:
        """Remove what killed workers left; nobody works on these files any more."""
        for task in self._in_flight.values():
            store.discard(task.staged)
