"""HTTP connections with a bound: on how many, on how many of one client, and on idle ones."""

import asyncio
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from jpegslim.web.guard import client_of
from jpegslim.web.limits import Limits


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, except that it turns away connections over the limits.

    They are closed without an answer: whoever opens hundreds at once is not reading.
    """

    limits: ClassVar[Limits]
    held: ClassVar[Counter[str]]

    _owner: str | None = None
    _headers_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or end it where there are too many."""
        peer = transport.get_extra_info("peername") or ("unknown", 0)
        owner = client_of({"client": peer[:2]})
        full = self.held.total() >= self.limits.connections
        if full or self.held[owner] >= self.limits.connections_of_one:
            # The base class never sees it; `connection_lost` finds no owner.
            transport.abort()
            return
        self.held[owner] += 1
        self._owner = owner
        super().connection_made(transport)
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        """Pass on what arrived, and look whether a request is under way."""
        super().data_received(data)
        if self._is_idle():
            self._expect_headers()
        elif self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Give its place back."""
        if self._owner is None:
            return
        self.held[self._owner] -= 1
        if not self.held[self._owner]:
            del self.held[self._owner]
        if self._headers_due is not None:
            self._headers_due.cancel()
        super().connection_lost(exc)

    def _expect_headers(self) -> None:
        """Give headers that began to come some time; uvicorn waits for as long as it takes."""
        if self._headers_due is None:
            due = self.limits.idle_seconds
            self._headers_due = self.loop.call_later(due, self._check_headers)

    def _check_headers(self) -> None:
        self._headers_due = None
        if self._is_idle():
            self.transport.abort()

    def _is_idle(self) -> bool:
        # Declared as always there, set to None until the first request.
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete


def bounded_protocol(limits: Limits) -> type[asyncio.Protocol]:
    """Return the protocol with these limits, and a count of its own."""
    return type(BoundedProtocol.__name__, (BoundedProtocol,), {"limits": limits, "held": Counter()})
