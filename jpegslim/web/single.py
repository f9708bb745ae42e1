"""One picture in, one picture out: `PUT /v1/optimize`."""

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from jpegslim.errors import FileError, RunError
from jpegslim.results import Reason
from jpegslim.web.crew import Ticket
from jpegslim.web.guard import client_of
from jpegslim.web.orders import Made
from jpegslim.web.parameters import read_query, settings_from_query
from jpegslim.web.problems import Problem, of_picture
from jpegslim.web.sending import Sending
from jpegslim.web.service import Service, draining
from jpegslim.web.spool import read_chunks
from jpegslim.web.views import figures

QUERY = {"quality", "metadata", "baseline"}


async def optimize(request: Request) -> Response:
    """Take a JPEG's bytes, give the optimized ones, with the figures in headers."""
    service: Service = request.app.state.service
    client = client_of(request.scope)
    async with draining(request):
        settings = settings_from_query(read_query(request, known=QUERY), service.limits)
        service.crew.check_room(client)
        source = await service.receive(request, client=client)
    stored = [source]

    def release() -> None:
        while stored:
            service.spool.release(stored.pop())

    try:
        ticket, path = service.submit(source, settings, urgent=True)
    except BaseException:
        release()
        raise

    def ended(future: "asyncio.Future[Made]") -> None:
        result = service.settle(path, future, client=client)
        if result is not None:
            stored.append(result)

    ticket.future.add_done_callback(ended)
    try:
        made = await _outcome(request, service, ticket)
        _refuse_too_big(made)
    except BaseException:
        # A worker may still be reading the source.
        if ticket.future.done():
            release()
        else:
            ticket.future.add_done_callback(lambda _: release())
        raise
    delivered = stored[-1]
    return Sending(
        read_chunks(delivered.path),
        size=delivered.size,
        media_type="image/jpeg",
        headers=figures(made),
        on_end=release,
    )


async def _outcome(request: Request, service: Service, ticket: Ticket) -> Made:
    """Wait for the picture; give up its place where the client leaves before its turn."""
    gone = asyncio.create_task(_left(request))
    try:
        both: set[asyncio.Future[Any]] = {ticket.future, gone}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not ticket.future.done():
            service.crew.withdraw(ticket)
            raise ClientDisconnect
        return ticket.future.result()
    except asyncio.CancelledError:
        service.crew.withdraw(ticket)
        raise
    except FileError as error:
        if error.reason == "stopped":
            raise Problem(503, "stopping", str(error), retry_after=10) from error
        raise of_picture(error) from error
    except RunError as error:
        raise Problem(503, "server_trouble", str(error), retry_after=30) from error
    finally:
        gone.cancel()


def _refuse_too_big(made: Made) -> None:
    if made.optimized.reason == Reason.TOO_BIG:
        raise Problem(422, str(Reason.TOO_BIG), f"the picture has {made.optimized.detail}")


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
