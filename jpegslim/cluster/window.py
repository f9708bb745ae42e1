"""A run's window on the cluster: so many tasks submitted at once, outcomes as they complete.

What `files.pool.run` does with its own workers, with the same records. What a worker saw of the
shared folder is put here into this machine's terms, since it is this process that publishes.
"""

import os
import pickle
import queue
import secrets
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from distributed import CancelledError, Future, KilledWorker

from jpegslim.cluster import attempts
from jpegslim.cluster.gateway import AGAIN, Gateway
from jpegslim.cluster.station import Answer, Job
from jpegslim.errors import FileError, RunError, WorkerError
from jpegslim.files import store
from jpegslim.files.plan import Task
from jpegslim.files.pool import Outcome
from jpegslim.files.remembered import Excerpt
from jpegslim.files.work import Done
from jpegslim.files.worker import POLL_SECONDS
from jpegslim.results import Status
from jpegslim.version import VERSION

# Tasks beyond those at work, for each thread of the cluster: what a worker takes up while the
# answer to its last task is on the way. A hundred thousand at once would be a scheduler's load.
AHEAD = 1
# And for workers that are about to join.
SPARE = 4
# Where a worker meets these and this machine does not, the file is not to blame.
_THERE_ONLY = {"not_found", "unreadable"}


Recall = Callable[[Task, Done], Excerpt | None]


def run_at(
    address: str,
    tasks: Iterable[Task | None],
    *,
    entry: str,
    timeout: float | None,
    recall: Recall,
) -> Generator[Outcome, None, None]:
    """Do what `run` does on the cluster at an address, connected for as long as it takes."""
    with Gateway(address) as gateway:
        yield from run(tasks, gateway=gateway, entry=entry, timeout=timeout, recall=recall)


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
        return len(self._tasks) < self._gateway.threads() * (1 + AHEAD) + SPARE

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
            # A folder that is made elsewhere may be unknown here for half a minute (NFS
            # remembers what it did not find). What is wrong with it the worker tells.
            with suppress(OSError):
                sent.destination.parent.mkdir(parents=True, exist_ok=True)
        job = pickle.dumps(
            Job(self._name, sent, self._entry, self._timeout), pickle.HIGHEST_PROTOCOL
        )
        key = f"jpegslim-{task.token}{'' if excerpt is None else '-again'}"
        future = self._gateway.submit(job, key)
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
            worker, version, pickled = future.result(timeout=POLL_SECONDS)
        except TimeoutError:
            future.add_done_callback(self._finished.put)
            return None
        except CancelledError as error:
            # Nobody but a lost connection takes a task back while it is waited for.
            raise self._gateway.lost() from error
        except KilledWorker as error:
            return Outcome(task, None, _killed(error))
        except Exception as error:
            # What goes wrong with a file is an answer; this is trouble with the worker.
            raise self._gateway.explain(error) from error
        if version != VERSION:
            raise self._gateway.refuse_version(worker, version)
        return self._told(task, worker, pickle.loads(pickled))  # noqa: S301 - of the same version

    def _told(self, task: Task, worker: str, answer: Answer) -> Outcome:
        error = answer.error
        if isinstance(error, RunError):
            raise RunError(f"{error} (on the {self._gateway.name(worker)})")
        if isinstance(error, WorkerError):
            told = WorkerError(
                f"{error} (on the {self._gateway.name(worker)})", reason=error.reason
            )
            for note in answer.notes:
                told.add_note(note)
            error = told
        if error is not None or not isinstance(answer.result, Done):
            return Outcome(task, answer.result, error)
        refused = self._refusal(task, worker, answer.result)
        if refused is not None:
            return Outcome(task, None, refused)
        return Outcome(task, _from_here(task, answer.result), None)

    def _refusal(self, task: Task, worker: str, done: Done) -> FileError | None:
        """Return why an answer does not count: the worker looked at another folder than ours.

        Raises RunError where that concerns more than this file.
        """
        folder = store.plain_name(task.source.absolute().parent)
        if done.staged is not None and not os.path.lexists(done.staged.temporary):
            name = self._gateway.name(worker)
            self._gateway.unlink(worker, done.staged.temporary)
            raise RunError(
                f"what the {name} wrote into {store.plain_name(done.staged.temporary.parent)} is"
                f" not to be seen here: share one folder under one name, and {AGAIN}"
            )
        result = done.result
        there_only = result.status is Status.FAILED and result.reason in _THERE_ONLY
        if not there_only or not os.access(task.source, os.R_OK):
            return None
        name = self._gateway.name(worker)
        if not self._gateway.sees(worker, task.source.absolute().parent):
            raise RunError(
                f"the {name} has no folder {folder}: share it there under the same name,"
                f" and {AGAIN}"
            )
        text = f"{result.message}, says the {name}, though it can be read here"
        return WorkerError(text, reason=result.reason)


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


def _killed(error: KilledWorker) -> WorkerError:
    times = error.allowed_failures + 1
    return WorkerError(
        f"every Dask worker that had it died, {times} in all;"
        f" the last was {error.last_worker.address}",
        reason="worker_died",
    )
