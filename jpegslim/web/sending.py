"""Bytes from the spool to the client, with a word when the last one went or the client left."""

from collections.abc import Callable, Iterable
from urllib.parse import quote

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class Sending(StreamingResponse):
    """A streamed response of known length that tells when it is over, however it ends."""

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        size: int,
        media_type: str,
        headers: dict[str, str],
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(
            chunks, media_type=media_type, headers={**headers, "Content-Length": str(size)}
        )
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; nothing is read for a HEAD request."""
        try:
            if scope["method"] == "HEAD":
                start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
                await send(start)
                await send({"type": "http.response.body", "body": b""})
            else:
                await super().__call__(scope, receive, send)
        finally:
            self._on_end()


def attachment(name: str) -> str:
    """Return a Content-Disposition that saves under `name` (RFC 6266)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
