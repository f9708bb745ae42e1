"""HTTP connections with a bound: on how many, on how many of one client, and on idle ones."""

import asyncio
import ipaddress
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from jpegslim.web.guard import client_of
from jpegslim.web.limits import Limits

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, except that it turns away connections over the limits.

    They are closed without an answer: whoever opens hundreds at once is not reading. So is whoever
    stops reading in the middle of an answer, since files that are being sent can't be deleted.
    """

    limits: ClassVar[Limits]
    # All clients of a proxy come over its connections.
    proxy: ClassVar[Network | None]
    held: ClassVar[Counter[str]]

    _owner: str | None = None
    _headers_due: asyncio.TimerHandle | None = None
    _reading_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or end it where there are too many."""
        peer = transport.get_extra_info("peername") or ("unknown", 0)
        owner = client_of({"client": peer[:2]})
        full = self.held.total() >= self.limits.connections
        greedy = self.held[owner] >= self.limits.connections_of_one
        if full or (greedy and not self._is_proxy(peer[0])):
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
        for due in (self._headers_due, self._reading_due):
            if due is not None:
                due.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give a client that takes nothing some time to take what waits for it."""
        super().pause_writing()
        self._reading_due = self.loop.call_later(self.limits.idle_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on sending."""
        if self._reading_due is not None:
            self._reading_due.cancel()
            self._reading_due = None
        super().resume_writing()

    def _expect_headers(self) -> None:
        """Give headers that began to come some time; uvicorn waits for as long as it takes."""
        if self._headers_due is None:
            due = self.limits.idle_seconds
            self._headers_due = self.loop.call_later(due, self._check_headers)

    def _check_headers(self) -> None:
        self._headers_due = None
        if self._is_idle():
            self.transport.abort()

    def _is_proxy(self, address: str) -> bool:
        if self.proxy is None:
            return False
        try:
            return ipaddress.ip_address(address) in self.proxy
        except ValueError:
            return False

    def _is_idle(self) -> bool:
        # Declared as always there, set to None until the first request.
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete


def bounded_protocol(limits: Limits, *, proxy: Network | None = None) -> type[asyncio.Protocol]:
    """Return the protocol with these limits, and a count of its own. proxy: not held to one's."""
    own: dict[str, Any] = {"limits": limits, "proxy": proxy, "held": Counter()}
    return type(BoundedProtocol.__name__, (BoundedProtocol,), own)
