"""What a Dask worker does with a task: have a killable child work on the file.

The child is the one of the local pool, so a photo that crashes or hangs costs itself and not the
Dask worker. Nothing is published here. A task that nobody waits for any more (the client is
gone or was stopped) is ended at once and what it staged is removed.
"""

import pickle
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

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

_AT_WORK = {Status.running, Status.paused, Status.closing_gracefully}
_WAITED_FOR = {"executing", "long-running"}


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
    """What comes back: the entry's result, or what it raised. notes: on the error."""

    result: object | None
    error: FileError | RunError | None
    notes: tuple[str, ...] = ()


def perform(version: str, job: bytes) -> tuple[str, str, bytes]:
    """Work on a pickled Job; return this worker's address and version and a pickled Answer.

    The answer is empty where the versions differ: what one version pickles another may misread,
    so nothing but these plain types ever crosses between two.
    """
    dask_worker = get_worker()
    address = str(dask_worker.address)
    if version != VERSION:
        return address, VERSION, b""
    answer = _station(dask_worker).work(dask_worker, pickle.loads(job))  # noqa: S301 - who may submit may run anything
    return address, VERSION, pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)


def withdraw(window: str, dask_worker: DaskWorker) -> None:
    """End the jobs of a window here; once this returns, none of them stages anything more."""
    _station(dask_worker).withdraw(window)


_stations: "WeakKeyDictionary[DaskWorker, _Station]" = WeakKeyDictionary()
_opening = threading.Lock()


def _station(dask_worker: DaskWorker) -> "_Station":
    """Return the station of this Dask worker; one process may have several in it."""
    with _opening:
        if dask_worker not in _stations:
            _stations[dask_worker] = _Station(_budget(dask_worker))
        return _stations[dask_worker]


def _budget(dask_worker: DaskWorker) -> float:
    """Return the megapixels that may be in work here at once.

    Several Dask workers share a machine, each with its own limit: what is free is not all ours.
    """
    limit = dask_worker.memory_manager.memory_limit
    if not limit:
        return memory_budget()
    return min(memory_budget(), max(1.0, limit * MEMORY_SHARE / BYTES_PER_MEGAPIXEL))


class _Station:
    """The children of one Dask worker, kept from task to task."""

    def __init__(self, megapixels: float) -> None:
        self._admission = Admission(megapixels)
        self._idle: dict[str, list[Worker]] = {}
        self._lock = threading.Lock()
        self._leave: threading.Timer | None = None
        self._at_work: dict[Worker, str] = {}
        # A name for each run that was stopped, for as long as the Dask worker lives.
        self._withdrawn: set[str] = set()

    def work(self, dask_worker: DaskWorker, job: Job) -> Answer:
        """Have a child work on the job, and end it where nobody waits for it any more."""
        key = dask_worker.get_current_task()

        def is_wanted() -> bool:
            state = dask_worker.state.tasks.get(key)
            return (
                state is not None
                and state.state in _WAITED_FOR
                and dask_worker.status in _AT_WORK
                and job.window not in self._withdrawn
            )

        task = attempts.next_attempt(job.task)
        with self._child(job) as child:
            with _watched(child, is_wanted):
                answer = self._call(child, replace(job, task=task))
            if not is_wanted():
                store.discard(task.staged)
        return answer

    def withdraw(self, window: str) -> None:
        """End the jobs of a window and let no more of them begin."""
        self._withdrawn.add(window)
        deadline = time.monotonic() + WITHDRAW_SECONDS
        while time.monotonic() < deadline:
            with self._lock:
                children = [child for child, whose in self._at_work.items() if whose == window]
            if not children:
                return
            for child in children:
                child.kill()
            time.sleep(WITHDRAW_SECONDS / 100)

    def _call(self, child: Worker, job: Job) -> Answer:
        if job.window in self._withdrawn:
            return Answer(None, WorkerError("nobody waits for it"))
        try:
            result = child.call(job.task, timeout=job.timeout, admit=self._admission.admit)
        except (FileError, RunError) as error:
            return Answer(None, error, tuple(getattr(error, "__notes__", ())))
        except Exception as error:  # noqa: BLE001 - of ours: this file's, as in a child
            text = f"internal error: {one_line(error)}"
            return Answer(None, WorkerError(text, reason="internal_error"))
        return Answer(result, None)

    @contextmanager
    def _child(self, job: Job) -> Iterator[Worker]:
        with self._lock:
            if self._leave is not None:
                self._leave.cancel()
            idle = self._idle.get(job.entry)
            child = idle.pop() if idle else Worker(job.entry)
            self._at_work[child] = job.window
        try:
            yield child
        finally:
            with self._lock:
                del self._at_work[child]
                self._idle.setdefault(job.entry, []).append(child)
                self._leave = threading.Timer(IDLE_SECONDS, self._dismiss)
                self._leave.daemon = True
                self._leave.start()

    def _dismiss(self) -> None:
        with self._lock:
            children = [child for idle in self._idle.values() for child in idle]
            self._idle.clear()
        for child in children:
            child.close()


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
