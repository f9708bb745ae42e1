"""The service behind all addresses: what it is made of, and how a picture goes through it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from jpegslim.errors import FileError
from jpegslim.settings import Settings
from jpegslim.web.access import Access
from jpegslim.web.batches import Batch, Batches, BatchFile, State
from jpegslim.web.crew import Crew, Ticket
from jpegslim.web.limits import Limits
from jpegslim.web.metrics import Metrics
from jpegslim.web.orders import Made, Order
from jpegslim.web.problems import TOO_SLOW, Problem
from jpegslim.web.spool import Spool, Stored, too_large

# A refused client that is still sending would see its connection break instead of the reason,
# so the rest is read and dropped, up to this much.
_DRAIN_BYTES = 64 << 20
_DRAIN_SECONDS = 10.0
_SWEEPS_A_LIFE = 20


@dataclass(slots=True)
class Service:
    """Everything the endpoints need. stopping: set once nothing new is taken."""

    limits: Limits
    access: Access
    metrics: Metrics
    spool: Spool
    crew: Crew
    batches: Batches
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self, request: Request, *, client: str) -> Stored:
        """Store a request's body. Raises Problem where it is refused."""
        if self.stopping.is_set():
            raise Problem(503, "stopping", "the service is stopping", retry_after=10)
        length = request.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > self.limits.file_bytes:
            raise too_large(self.limits.file_bytes)
        chunks = body(request, self.limits)
        return await self.spool.receive(chunks, client=client, limit=self.limits.file_bytes)

    def submit(self, source: Stored, settings: Settings, *, urgent: bool) -> tuple[Ticket, Path]:
        """Put a stored picture in line; return the ticket and where its result will lie."""
        result = self.spool.new_path()
        order = Order(str(source.path), str(result), settings)
        return self.crew.submit(order, client=source.client, urgent=urgent), result

    def settle(self, result: Path, future: "asyncio.Future[Made]", *, client: str) -> Stored | None:
        """Take what a finished order wrote into the books; None where it wrote nothing."""
        if future.cancelled() or future.exception() is not None:
            result.unlink(missing_ok=True)
            return None
        made = future.result()
        if not made.written:
            return None
        return self.spool.adopt(result, client=client, size=made.optimized.bytes_out)

    def enlist(self, batch: Batch, file: BatchFile) -> None:
        """Let a batch's file be worked on, and note what becomes of it."""
        assert file.source is not None  # noqa: S101 - only stored files are enlisted
        source = file.source
        ticket, result = self.submit(source, batch.settings, urgent=False)
        file.ticket = ticket
        batch.leases += 1

        def began() -> None:
            file.state = State.WORKING
            batch.change(file)

        def ended(future: "asyncio.Future[Made]") -> None:
            file.ticket = None
            file.result = self.settle(result, future, client=source.client)
            _note(file, future)
            batch.leases -= 1
            batch.change(file)
            self.batches.sweep(batch)

        ticket.on_start = began
        ticket.future.add_done_callback(ended)

    def drop(self, batch: Batch, *, why: str) -> None:
        """End a batch: what waits is withdrawn, what runs is finished and thrown away."""
        for file in batch.files.values():
            if file.ticket is not None:
                self.crew.withdraw(file.ticket)
        self.batches.end(batch, why=why)

    async def sweep_forever(self) -> None:
        """Forget batches when their time is over, until cancelled."""
        pause = min(30.0, self.limits.keep_seconds / _SWEEPS_A_LIFE)
        while True:
            await asyncio.sleep(pause)
            for batch in self.batches.expired():
                self.drop(batch, why="expired")


@asynccontextmanager
async def draining(request: Request) -> AsyncIterator[None]:
    """Where a body is refused, read on for a moment so that the reason reaches the client."""
    try:
        yield
    except Problem as problem:
        # A client that waits to be asked has sent nothing, unless it was asked already.
        waits = "100-continue" in request.headers.get("expect", "").lower()
        is_late = problem.status == TOO_SLOW
        if not is_late and (not waits or hasattr(request.state, "is_over")):
            with suppress(TimeoutError, ClientDisconnect):
                await _drain(request)
        raise


async def _drain(request: Request) -> None:
    read = 0
    async with asyncio.timeout(_DRAIN_SECONDS):
        async for chunk in _rest(request):
            read += len(chunk)
            if read > _DRAIN_BYTES:
                return


async def body(request: Request, limits: Limits) -> AsyncIterator[bytes]:
    """Yield a request's body as it arrives. Raises Problem 408 where it stalls or takes long."""
    loop = asyncio.get_running_loop()
    over = loop.time() + limits.upload_seconds
    chunks = _rest(request)
    while True:
        try:
            async with asyncio.timeout_at(min(over, loop.time() + limits.idle_seconds)):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise Problem(TOO_SLOW, "upload_too_slow", "the upload took too long") from error
        if chunk is None:
            return
        yield chunk


async def _rest(request: Request) -> AsyncIterator[bytes]:
    """Yield what is left of a request's body; unlike Starlette's, it may be left and taken up."""
    request.state.is_over = getattr(request.state, "is_over", False)
    while not request.state.is_over:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        request.state.is_over = not message.get("more_body", False)
        yield message.get("body", b"")


def _note(file: BatchFile, future: "asyncio.Future[Made]") -> None:
    """Write an order's outcome into its file."""
    if future.cancelled():
        file.state, file.reason = State.FAILED, "withdrawn"
        file.message = "the job was deleted before its turn came"
        return
    error = future.exception()
    if error is not None:
        file.state = State.FAILED
        file.reason = error.reason if isinstance(error, FileError) else "server_trouble"
        file.message = str(error)
        return
    made = future.result()
    result = made.optimized
    file.state = State(str(result.status))
    file.reason = str(result.reason)
    file.message = result.detail
    file.score, file.worst_tile = result.score, result.worst_tile
    file.width, file.height = result.width, result.height
    file.orientation, file.seconds = made.orientation, made.seconds
