"""The workers of the service: killable processes, fed fairly, awaited without blocking the loop.

A thread for each worker takes the next order from the rota and waits for the worker's answer;
outcomes go back to the event loop, which alone touches the state of batches.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from jpegslim.errors import FileError, RunError, WorkerError
from jpegslim.files.pool import Admission
from jpegslim.files.worker import Worker
from jpegslim.web.limits import Limits
from jpegslim.web.metrics import Metrics
from jpegslim.web.orders import ENTRY, Made, Order
from jpegslim.web.problems import Problem
from jpegslim.web.rota import Rota

_LOG = logging.getLogger(__name__)

_JOIN_SECONDS = 0.05
# What a picture is thought to take until one was seen.
_FIRST_GUESS_SECONDS = 2.0
_LONGEST_WAIT = 120.0
_SMOOTHING = 0.2


@dataclass(eq=False, slots=True)
class Ticket:
    """One order on its way. future: resolves to Made, or raises FileError or RunError."""

    client: str
    order: Order
    urgent: bool
    future: "asyncio.Future[Made]"
    on_start: Callable[[], None] | None = field(default=None)


class Crew:
    """Bounded, fair, and stoppable; all methods belong to the event loop's thread."""

    def __init__(
        self, *, jobs: int, megapixels: float, limits: Limits, metrics: Metrics, entry: str = ENTRY
    ) -> None:
        self._workers = [Worker(entry) for _ in range(jobs)]
        self._limits = limits
        self._metrics = metrics
        self._admission = Admission(megapixels)
        self._rota: Rota[Ticket] = Rota()
        self._changed = threading.Condition()
        self._running: set[Ticket] = set()
        self._seconds = _FIRST_GUESS_SECONDS
        self._stopping = self._hurried = False
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def waiting(self) -> int:
        """How many orders no worker has taken yet."""
        with self._changed:
            return len(self._rota)

    @property
    def working(self) -> int:
        """How many orders are with a worker."""
        return len(self._running)

    @property
    def size(self) -> int:
        """How many workers there are at most."""
        return len(self._workers)

    def start(self) -> None:
        """Start the threads, and one worker ahead so that the first picture need not wait."""
        self._loop = asyncio.get_running_loop()
        self._workers[0].start()
        for number, worker in enumerate(self._workers):
            thread = threading.Thread(
                target=self._serve, args=(worker,), name=f"crew {number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def check_room(self, client: str) -> None:
        """Raise Problem 429 where one more single picture of this client would find no place."""
        with self._changed:
            full = self._rota.urgent() >= self._limits.queue
            own = self._rota.urgent(client) >= self._limits.queue_of_one
            if full or own:
                whose = "your own queue" if own and not full else "the queue"
                self._metrics.refused("queue_full")
                raise Problem(
                    429,
                    "queue_full",
                    f"{whose} is full: try again later",
                    retry_after=self._estimate(),
                )

    def submit(
        self,
        order: Order,
        *,
        client: str,
        urgent: bool,
        on_start: Callable[[], None] | None = None,
    ) -> Ticket:
        """Put an order in line. Raises Problem 429 where an urgent one finds no place."""
        if self._stopping:
            raise Problem(503, "stopping", "the service is stopping", retry_after=10)
        if urgent:
            self.check_room(client)
        ticket = Ticket(client, order, urgent, asyncio.get_running_loop().create_future(), on_start)
        with self._changed:
            self._rota.add(client, ticket, urgent=urgent)
            self._changed.notify()
        return ticket

    def withdraw(self, ticket: Ticket) -> bool:
        """Take an order out of line; tell whether no worker had it yet."""
        with self._changed:
            removed = self._rota.remove(ticket.client, ticket)
        if removed:
            ticket.future.cancel()
        return removed

    async def finish(self, seconds: float) -> None:
        """Let what runs and the single pictures in line come to their end, at most `seconds`."""
        self._stopping = True
        with self._changed:
            # A job's pictures could not be fetched any more.
            self._rota.drop_batches()
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline and not self._hurried:
            with self._changed:
                busy = self._rota.urgent()
            if not busy and not self._running:
                return
            await asyncio.sleep(_JOIN_SECONDS)

    def hurry(self) -> None:
        """Let `finish` wait no longer."""
        self._hurried = True

    def end(self) -> None:
        """End every worker now. Blocks for as long as their processes need to die."""
        self._stopping = True
        with self._changed:
            self._admission.close()
            while (ticket := self._rota.take()) is not None:
                self._tell(self._ended, ticket, None, _stopped())
            self._changed.notify_all()
        while alive := [thread for thread in self._threads if thread.is_alive()]:
            # Again and again: a thread may be just about to start its worker anew.
            for worker in self._workers:
                worker.kill()
            for thread in alive:
                thread.join(_JOIN_SECONDS)
        for worker in self._workers:
            worker.close()

    def _serve(self, worker: Worker) -> None:
        """Be a worker's thread."""
        with worker:
            while (ticket := self._next()) is not None:
                self._tell(self._began, ticket)
                try:
                    made = worker.call(
                        ticket.order,
                        timeout=self._limits.work_seconds,
                        admit=self._admission.admit,
                    )
                except (FileError, RunError) as error:
                    self._tell(self._ended, ticket, None, error)
                except Exception as error:  # noqa: BLE001 - a bug costs one picture, not the thread
                    self._tell(self._ended, ticket, None, self._explained(error))
                else:
                    self._tell(self._ended, ticket, made, None)

    def _explained(self, error: Exception) -> WorkerError:
        if self._admission.closed:
            return _stopped()
        _LOG.error("a picture met a bug", exc_info=error)
        return WorkerError(f"internal error: {type(error).__name__}", reason="internal_error")

    def _next(self) -> Ticket | None:
        """Wait for an order; None once there will be no more."""
        with self._changed:
            while not self._admission.closed:
                ticket = self._rota.take()
                if ticket is not None:
                    self._running.add(ticket)
                    return ticket
                self._changed.wait()
            return None

    def _tell(self, call: Callable[..., None], *arguments: Any) -> None:
        assert self._loop is not None  # noqa: S101 - threads exist only after start
        # A loop that is closed has nobody left to tell.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *arguments)

    def _began(self, ticket: Ticket) -> None:
        if ticket.on_start is not None and not ticket.future.done():
            ticket.on_start()

    def _ended(self, ticket: Ticket, made: Made | None, error: FileError | RunError | None) -> None:
        self._running.discard(ticket)
        self._metrics.worked(made, error)
        if made is not None:
            self._seconds += _SMOOTHING * (made.seconds - self._seconds)
        if ticket.future.done():
            return
        if error is not None:
            ticket.future.set_exception(error)
        elif made is not None:
            ticket.future.set_result(made)

    def _estimate(self) -> float:
        """Say in how many seconds a place should be free: half of what waits is done by then."""
        ahead = len(self._rota) / 2
        return min(_LONGEST_WAIT, max(1.0, ahead * self._seconds / len(self._workers)))


def _stopped() -> WorkerError:
    return WorkerError("the service stopped before this picture was done", reason="stopped")
