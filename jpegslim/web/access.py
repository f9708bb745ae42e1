"""Who may ask: a bearer token for programs, a signed cookie for the page."""

import hashlib
import hmac
import time
from collections import OrderedDict

from jpegslim.web.problems import Problem

COOKIE = "jpegslim_session"
SESSION_SECONDS = 12 * 3600
SHORTEST_TOKEN = 16
_TRIES = 10
_TRIES_SECONDS = 60.0
_REMEMBERED = 1000


class Access:
    """The token, or none where everybody may ask."""

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else token.encode()
        # When each address last gave a wrong token, newest address last.
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    @property
    def is_open(self) -> bool:
        """Whether no token is needed."""
        return self._token is None

    def knows(self, authorization: str | None, cookie: str | None, *, client: str) -> bool:
        """Tell whether a request with these headers may pass.

        Raises Problem 429 after too many wrong tokens from one address.
        """
        if self._token is None or self._is_session(cookie):
            return True
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            return False
        return self._accepts(given.strip(), client)

    def open_session(self) -> str:
        """Return the value of a new session's cookie; only the token's holder can make one."""
        expires = int(time.time()) + SESSION_SECONDS
        return f"{expires}.{self._sign(expires)}"

    def _accepts(self, token: str, client: str) -> bool:
        assert self._token is not None  # noqa: S101 - asked only where there is one
        now = time.monotonic()
        recent = [at for at in self._wrong.get(client, []) if now - at < _TRIES_SECONDS]
        if len(recent) >= _TRIES:
            wait = _TRIES_SECONDS - (now - recent[0])
            raise Problem(
                429, "too_many_tries", "too many wrong tokens: try again later", retry_after=wait
            )
        if hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token):
            return True
        self._wrong[client] = [*recent, now]
        self._wrong.move_to_end(client)
        while len(self._wrong) > _REMEMBERED:
            self._wrong.popitem(last=False)
        return False

    def _is_session(self, cookie: str | None) -> bool:
        expires, _, signature = (cookie or "").partition(".")
        if not (expires.isascii() and expires.isdigit()) or len(expires) > len("9999999999"):
            return False
        return int(expires) > time.time() and hmac.compare_digest(
            signature.encode("utf-8", "surrogateescape"), self._sign(int(expires)).encode()
        )

    def _sign(self, expires: int) -> str:
        key = self._token or b""
        return hmac.new(key, f"jpegslim session {expires}".encode(), hashlib.sha256).hexdigest()
