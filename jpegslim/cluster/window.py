"""A run's window on the cluster: so many tasks submitted at once, outcomes as they complete.

What `files.pool.run` does with its own workers, with the same records. What a worker saw of the
shared folder is put here into this machine's terms, since it is this process that publishes.
"""

import pickle
import queue
import secrets
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegslim.cluster import attempts
from jpegslim.cluster.answers import answer_of, check_seen, refusal
from jpegslim.cluster.gateway import Gateway
from jpegslim.cluster.station import Job, perform
from jpegslim.errors import FileError, WorkerError
from jpegslim.files.plan import Task
from jpegslim.files.pool import Outcome
from jpegslim.files.remembered import Excerpt
from jpegslim.files.work import Done
from jpegslim.files.worker import POLL_SECONDS

if TYPE_CHECKING:
    from distributed import Future

# Tasks beyond those at work, for each thread of the cluster: what a worker takes up while the
# answer to its last task is on the way. A hundred thousand at once would be a scheduler's load.
AHEAD = 1
# And for workers that are about to join.
SPARE = 4

Recall = Callable[[Task, Done], Excerpt | None]


def room(gateway: Gateway) -> int:
    """Return how many tasks may be out at once, as of now. Raises RunError."""
    return gateway.threads() * (1 + AHEAD) + SPARE


def run_at(
    address: str,
    tasks: Iterable[Task | None],
    *,
    entry: str,
    timeout: float | None,
    recall: Recall,
    unsure: Callable[[], None],
) -> Generator[Outcome, None, None]:
    """Do what `run` does on the cluster at an address, connected for as long as it takes.

    unsure: called in the end where somebody there may still stage something.
    """
    with Gateway(address) as gateway:
        try:
            yield from run(tasks, gateway=gateway, entry=entry, timeout=timeout, recall=recall)
        finally:
            if gateway.is_unsure():
                unsure()


def run(
    tasks: Iterable[Task | None],
    *,
    gateway: Gateway,
    entry: str,
    timeout: float | None,
    recall: Recall = lambda *_: None,
) -> Generator[Outcome, None, None]:
    """Work on `tasks` on the cluster; yield outcomes as they complete.

    tasks: pulled only so far ahead of the outcomes; None stands for nothing yet. entry, timeout:
    as for `files.pool.run`. gateway: connected. recall: asked about each answer for what the
    ledger knows of the file and the worker did not; the file is worked on again with that.

    A FileError is an outcome. Raises RunError where nothing further can succeed; whatever is
    raised, and where the consumer stops, everything submitted is taken back.
    """
    window = _Window(gateway, entry=entry, timeout=timeout, recall=recall)
    source = iter(tasks)
    exhausted = False
    try:
        while True:
            while not exhausted and window.has_room() and not window.has_answer():
                try:
                    task = next(source)
                except StopIteration:
                    exhausted = True
                else:
                    if task is not None:
                        window.submit(task)
            if window.is_empty():
                if exhausted:
                    break
                continue
            task, outcome = window.next_outcome()
            try:
                yield outcome
            finally:
                attempts.clear(task)
    finally:
        window.stop()


class _Window:
    """What is submitted and not yet answered."""

    def __init__(
        self, gateway: Gateway, *, entry: str, timeout: float | None, recall: Recall
    ) -> None:
        self._name = secrets.token_hex(4)
        self._gateway = gateway
        self._recall = recall
        self._entry = entry
        self._timeout = timeout
        self._tasks: dict[Future[Any], Task] = {}
        self._reminded: set[Future[Any]] = set()
        self._finished: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()

    def is_empty(self) -> bool:
        """Tell whether there is nothing to wait for."""
        return not self._tasks

    def has_room(self) -> bool:
        """Tell whether another task may be submitted."""
        return len(self._tasks) < room(self._gateway)

    def has_answer(self) -> bool:
        """Tell whether `next_outcome` returns without waiting for work."""
        return not self._finished.empty()

    def submit(self, task: Task, excerpt: Excerpt | None = None) -> None:
        """Send a task off, with paths that mean the same on every machine."""
        # The ledger is this machine's: SQLite is not to be read over a network.
        sent = replace(
            task,
            source=task.source.absolute(),
            destination=task.destination.absolute(),
            ledger=excerpt,
        )
        if not sent.dry_run:
            make_folder(sent.destination)
        job = pickle.dumps(
            Job(self._name, sent, self._entry, self._timeout), pickle.HIGHEST_PROTOCOL
        )
        key = f"jpegslim-{task.token}{'' if excerpt is None else '-again'}"
        future = self._gateway.submit(perform, job, key)
        self._tasks[future] = task
        if excerpt is not None:
            self._reminded.add(future)
        future.add_done_callback(self._finished.put)

    def next_outcome(self) -> tuple[Task, Outcome]:
        """Wait for an outcome, and return it with its task."""
        while True:
            try:
                future = self._finished.get(timeout=POLL_SECONDS)
            except queue.Empty:
                self._gateway.threads()
                continue
            outcome = self._outcome(future)
            if outcome is not None:
                task = self._tasks.pop(future)
                excerpt = None
                if isinstance(outcome.result, Done) and future not in self._reminded:
                    excerpt = self._recall(task, outcome.result)
                self._reminded.discard(future)
                if excerpt is None:
                    return task, outcome
                attempts.clear(task)
                self.submit(task, excerpt)

    def stop(self) -> None:
        """Take back what is submitted, and clear away what it has left."""
        if self._tasks:
            self._gateway.withdraw(self._name, list(self._tasks))
        for task in self._tasks.values():
            attempts.clear(task)
        self._tasks.clear()

    def _outcome(self, future: "Future[Any]") -> Outcome | None:
        """Return what became of a task, None where its answer went down with its worker."""
        task = self._tasks[future]
        try:
            worker, answer = answer_of(future, self._gateway)
        except TimeoutError:
            future.add_done_callback(self._finished.put)
            return None
        except WorkerError as given_up:
            return Outcome(task, None, given_up)
        done, error = answer.result, answer.error
        if not isinstance(done, Done):
            return Outcome(task, done, error if isinstance(error, FileError) else None)
        if done.staged is not None:
            check_seen(done.staged, worker, self._gateway)
        refused = refusal(task.source, done.result, worker, self._gateway)
        if refused is not None:
            return Outcome(task, None, refused)
        return Outcome(task, _from_here(task, done), None)


def _from_here(task: Task, done: Done) -> Done:
    """Return an answer with names as the user gave them and numbers as this machine sees them."""
    output = None if done.result.output is None else task.destination
    result = replace(done.result, path=task.source, output=output)
    identity = done.identity
    if identity is not None:
        # Each machine numbers its devices anew. Time, size and digest stay those of what was
        # read, so whatever else stands there now is told from it as ever.
        with suppress(OSError):
            status = task.source.stat()
            identity = replace(identity, device=status.st_dev, inode=status.st_ino)
    return replace(done, result=result, identity=identity)


def make_folder(destination: Path) -> None:
    """Make the folder for a result that a worker stages; what is wrong with it the worker tells.

    One that is made elsewhere may be unknown here for half a minute: NFS remembers what it did not
    find.
    """
    with suppress(OSError):
        destination.parent.mkdir(parents=True, exist_ok=True)
