"""What a Dask worker does with a task: have a killable child work on the file.

The child is the one of the local pool, so a photo that crashes or hangs costs itself and not the
Dask worker. Nothing is published here. A task that nobody waits for any more (the client is
gone or was stopped) is ended at once and what it staged is removed.
"""

import asyncio
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, ref

from distributed import Status
from distributed import Worker as DaskWorker
from distributed.worker import get_worker

from jpegslim.cluster import attempts
from jpegslim.errors import FileError, RunError, WorkerError
from jpegslim.files import store
from jpegslim.files.child import BYTES_PER_MEGAPIXEL, one_line
from jpegslim.files.plan import Task
from jpegslim.files.pool import MEMORY_SHARE, Admission, memory_budget
from jpegslim.files.worker import Worker
from jpegslim.version import VERSION

# How often a job looks whether somebody still waits for it.
WATCH_SECONDS = 0.25
# How long a stopped client waits for its jobs to end; a child stuck in a read from a dead disk
# outlives its SIGKILL.
WITHDRAW_SECONDS = 2.0
# Children that had nothing to do for so long are let go: a cluster has other users.
IDLE_SECONDS = 20.0

_OPEN = {Status.running, Status.paused, Status.closing_gracefully}
# The states of a task that is being worked on.
AT_WORK = frozenset({"executing", "long-running"})


@dataclass(frozen=True, slots=True)
class Job:
    """What the client sends.

    window: whose job it is, among all who use this cluster. entry: "package.module:function".
    timeout: seconds, or None.
    """

    window: str
    task: Task
    entry: str
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back: a result, or what was raised. notes: on the error."""

    result: object | None
    error: FileError | RunError | None = None
    notes: tuple[str, ...] = ()


# A worker's address, its version, and a pickled Answer.
Reply = tuple[str, str, bytes]
# Of a task, as Dask names it.
Key = Any


def perform(version: str, job: bytes) -> Reply:
    """Work on a pickled Job."""
    return reply(version, get_worker(), lambda worker: _work(worker, pickle.loads(job)))  # noqa: S301 - who may submit may run anything


def reply(version: str, dask_worker: DaskWorker, work: Callable[[DaskWorker], object]) -> Reply:
    """Return what to send to a client of some version: what `work` returned or raised.

    The answer is empty where the versions differ: what one version pickles another may misread,
    so nothing but these plain types ever crosses between two.
    """
    address = str(dask_worker.address)
    if version != VERSION:
        return address, VERSION, b""
    try:
        answer = Answer(work(dask_worker))
    except (FileError, RunError) as error:
        answer = Answer(None, error, tuple(getattr(error, "__notes__", ())))
    except Exception as error:  # noqa: BLE001 - of ours: this file's, as in a child
        text = f"internal error: {one_line(error)}"
        bug = WorkerError(text, reason="internal_error")
        answer = Answer(None, bug, (traceback.format_exc(),))
    return address, VERSION, pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)


def label(name: str, address: str) -> str:
    """Return what a person calls a worker."""
    return f"Dask worker {address}" if name == address else f"Dask worker {name} ({address})"


def named(error: WorkerError, worker: str, notes: Sequence[str] = ()) -> WorkerError:
    """Return trouble of a worker with its label. notes: for those who debug."""
    told = WorkerError(f"{error} (on the {worker})", reason=error.reason)
    for note in notes:
        told.add_note(note)
    return told


async def withdraw(window: str, dask_worker: DaskWorker) -> None:
    """End the jobs of a window here; once this returns, none of them stages anything more."""
    # It waits for children to end, and others' work goes on meanwhile.
    await asyncio.to_thread(lambda: station_of(dask_worker).withdraw(window))


def _work(dask_worker: DaskWorker, job: Job) -> object:
    station = station_of(dask_worker)
    task = attempts.next_attempt(job.task)
    staged = False
    try:
        done = station.call(job.window, job.entry, task, job.timeout)
        staged = done.staged is not None
    finally:
        # What was not reserved here may be another worker's.
        if task.reserved and not (staged and station.is_wanted(job.window)):
            store.discard(task.staged)
    return done


_stations: "WeakKeyDictionary[DaskWorker, Station]" = WeakKeyDictionary()
_opening = threading.Lock()


def station_of(dask_worker: DaskWorker) -> "Station":
    """Return the station of this Dask worker; one process may have several in it."""
    with _opening:
        if dask_worker not in _stations:
            _stations[dask_worker] = Station(dask_worker)
        return _stations[dask_worker]


def _budget(dask_worker: DaskWorker) -> float:
    """Return the megapixels that may be in work here at once.

    Several Dask workers share a machine, each with its own limit: what is free is not all ours.
    """
    limit = dask_worker.memory_manager.memory_limit
    if not limit:
        return memory_budget()
    return min(memory_budget(), max(1.0, limit * MEMORY_SHARE / BYTES_PER_MEGAPIXEL))


class Station:
    """The children of one Dask worker, kept from task to task."""

    def __init__(self, dask_worker: DaskWorker) -> None:
        # It is kept by its Dask worker and must not keep that alive.
        self._dask_worker = ref(dask_worker)
        self._admission = Admission(lambda: _budget(self._worker()))
        _stop_profiling(dask_worker)
        self._idle: dict[str, list[Worker]] = {}
        self._lock = threading.Lock()
        self._leave: threading.Timer | None = None
        self._at_work: dict[Worker, str] = {}
        # A name for each run that was stopped, for as long as the Dask worker lives.
        self._withdrawn: set[str] = set()
        self._on_withdrawal: list[Callable[[str], None]] = []

    def current(self) -> Key:
        """Return the key of the task that this thread works on."""
        return self._worker().get_current_task()

    def label(self) -> str:
        """Return what a person calls this worker."""
        dask_worker = self._worker()
        return label(str(dask_worker.name), str(dask_worker.address))

    def is_wanted(
        self, window: str, key: Key | None = None, *, states: Collection[str] = AT_WORK
    ) -> bool:
        """Tell whether somebody waits for a task of this window.

        key: the current task's unless said otherwise. states: those of a task that is waited for.
        """
        dask_worker = self._dask_worker()
        if dask_worker is None or window in self._withdrawn:
            return False
        task = dask_worker.state.tasks.get(self.current() if key is None else key)
        return task is not None and task.state in states and dask_worker.status in _OPEN

    def call(self, window: str, entry: str, payload: object, timeout: float | None) -> Any:
        """Have a child work on something, and end it where nobody waits for it any more.

        Raises what `Worker.call` does, and WorkerError with the reason "stopped" where nobody
        waits.
        """
        key = self.current()

        def is_wanted() -> bool:
            return self.is_wanted(window, key)

        try:
            with self._child(window, entry) as child, _watched(child, is_wanted):
                if not is_wanted():
                    raise _stopped()
                admit = partial(self._admission.admit, is_wanted=is_wanted)
                return child.call(payload, timeout=timeout, admit=admit)
        except (WorkerError, RuntimeError) as error:
            if is_wanted():
                raise
            raise _stopped() from error

    def withdraw(self, window: str) -> None:
        """End the jobs of a window and let no more of them begin."""
        self._withdrawn.add(window)
        deadline = time.monotonic() + WITHDRAW_SECONDS
        while time.monotonic() < deadline:
            # One that is done with its photo may be at work for somebody else the moment after.
            with self._lock:
                children = [child for child, whose in self._at_work.items() if whose == window]
                for child in children:
                    child.kill()
            if not children:
                break
            time.sleep(WITHDRAW_SECONDS / 100)
        for drop in self._on_withdrawal:
            drop(window)

    def on_withdrawal(self, drop: Callable[[str], None]) -> None:
        """Have a function called with each window that is withdrawn."""
        self._on_withdrawal.append(drop)

    def _worker(self) -> DaskWorker:
        dask_worker = self._dask_worker()
        assert dask_worker is not None  # noqa: S101 - it is what calls
        return dask_worker

    @contextmanager
    def _child(self, window: str, entry: str) -> Iterator[Worker]:
        with self._lock:
            if self._leave is not None:
                self._leave.cancel()
            idle = self._idle.get(entry)
            child = idle.pop() if idle else Worker(entry)
            self._at_work[child] = window
        try:
            yield child
        finally:
            with self._lock:
                del self._at_work[child]
                self._idle.setdefault(entry, []).append(child)
                self._leave = threading.Timer(IDLE_SECONDS, self._dismiss)
                self._leave.daemon = True
                self._leave.start()

    def _dismiss(self) -> None:
        with self._lock:
            children = [child for idle in self._idle.values() for child in idle]
            self._idle.clear()
        for child in children:
            child.close()


def _stop_profiling(dask_worker: DaskWorker) -> None:
    """End Dask's own look at its threads where it can lock up the process for good.

    In Python 3.11 a collection during `sys._current_frames` gives way to a thread that is being
    started, and each waits for the other (cpython#106883). Dask spares its event loop that look,
    its tasks not: in one of eight runs of the tests on a busy machine a worker never moved again.
    """
    look = dask_worker.periodic_callbacks.get("profile")
    if look is not None and sys.version_info < (3, 12):
        dask_worker.loop.add_callback(look.stop)


def _stopped() -> WorkerError:
    return WorkerError("was not finished: nobody waits for it", reason="stopped")


@contextmanager
def _watched(child: Worker, is_wanted: Callable[[], bool]) -> Iterator[None]:
    """Kill the child where nobody waits for its answer any more."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(WATCH_SECONDS):
            if not is_wanted():
                # Again and again: the child may be just about to start.
                child.kill()

    watcher = threading.Thread(target=watch, name=f"watch {child.pid}", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
