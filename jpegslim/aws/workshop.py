"""A few killable workers that many threads share: each borrows one for one picture."""

import queue
import threading
from collections.abc import Sequence
from typing import Any, Protocol, Self

from jpegslim.errors import WorkerError
from jpegslim.files.pool import Admission
from jpegslim.files.worker import Worker


class Caller(Protocol):
    """Has killable workers do what they were started for."""

    def call(self, payload: object, *, timeout: float | None) -> Any:
        """Do as `Workshop.call` does."""


class Workshop:
    """Bounded in processes and in megapixels; a context manager that ends them all.

    entry: what the workers do, "package.module:function". inherit: descriptors they keep open.
    """

    def __init__(
        self, *, entry: str, jobs: int, megapixels: float, inherit: Sequence[int] = ()
    ) -> None:
        self._workers = [Worker(entry, inherit=inherit) for _ in range(jobs)]
        # The one used last is taken first: the others may never have to start.
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        for worker in reversed(self._workers):
            self._idle.put(worker)
        self._admission = Admission(megapixels)
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def jobs(self) -> int:
        """How many workers there are."""
        return len(self._workers)

    @property
    def stopped(self) -> bool:
        """Whether it is closed for good."""
        return self._stopped.is_set()

    def start(self) -> None:
        """Start one worker ahead, so that its imports overlap the first download."""
        self._workers[0].start()

    def call(self, payload: object, *, timeout: float | None) -> Any:
        """Let a worker do its work on `payload`; return what it returned.

        timeout: seconds, beginning once a worker is free and memory granted. Raises what
        `Worker.call` does, and WorkerError with the reason "stopped" where the workshop is
        closed meanwhile.
        """
        worker = self._idle.get()
        try:
            self._check_open()
            return worker.call(payload, timeout=timeout, admit=self._admission.admit)
        except BaseException as error:
            if self.stopped:
                raise _closed() from error
            raise
        finally:
            if self.stopped:
                # Its thread may have been just about to start it anew.
                worker.kill()
            self._idle.put(worker)

    def stop(self) -> None:
        """End every worker now; who waits for one is turned away."""
        self._stopped.set()
        self._admission.close()
        for worker in self._workers:
            worker.kill()

    def _check_open(self) -> None:
        if self.stopped:
            raise _closed()


def _closed() -> WorkerError:
    return WorkerError("was not finished: the work was stopped", reason="stopped")
