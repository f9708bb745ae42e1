"""What stands before every address: hosts, origins, the token; and what every response carries."""

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jpegslim.web.access import COOKIE, Access
from jpegslim.web.metrics import Metrics
from jpegslim.web.problems import Problem, of_bug

_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
_SAME = {"same-origin", "none"}
# Networks hand a whole /64 to one household: its addresses are one client.
_IPV6_PREFIX = 64

# What a visitor without the token may have: the page itself, which holds no secret, its login,
# whether the service lives, and what it can do.
_PUBLIC = {"/", "/health", "/v1/openapi.json", "/v1/session"}
_PUBLIC_FOLDER = "/static/"

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:;"
        " connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """ASGI middleware; the outermost layer."""

    def __init__(
        self, app: ASGIApp, *, access: Access, hosts: Sequence[str], metrics: Metrics
    ) -> None:
        self._app = app
        self._access = access
        self._hosts = {host.lower() for host in hosts}
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what may not pass; add the headers to what is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        has_begun = False

        async def dress(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                self._metrics.answered(scope["method"], message["status"])
            await send(message)

        try:
            self._check(scope)
        except Problem as problem:
            await problem.response()(scope, receive, dress)
            return
        try:
            await self._app(scope, receive, dress)
        except Exception as error:
            # Answered here, where it is counted; then raised for the server's log.
            if not has_begun:
                await of_bug(error)(scope, receive, dress)
            raise

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        if scope["method"] not in _SAFE:
            _check_origin(headers)
        path = scope["path"]
        if self._access.is_open or path in _PUBLIC or path.startswith(_PUBLIC_FOLDER):
            return
        cookies = cookie_parser(headers.get("cookie", ""))
        authorization = headers.get("authorization")
        if not self._access.knows(authorization, cookies.get(COOKIE), client=client_of(scope)):
            raise Unauthorized

    def _check_host(self, headers: Headers) -> None:
        """Refuse names nobody gave this service: a page elsewhere may have its own point here.

        An address can't be rebound, and with a token a foreign page gets nowhere anyway.
        """
        host = _host_name(headers.get("host", ""))
        if not self._access.is_open or host in self._hosts or _is_address(host):
            return
        raise Problem(
            421, "unknown_host", f"this service does not answer for {host!r}: see --allow-host"
        )


class Unauthorized(Problem):
    """No token, or a wrong one."""

    def __init__(self) -> None:
        super().__init__(401, "unauthorized", "give the token: Authorization: Bearer TOKEN")

    def response(self):  # type: ignore[no-untyped-def]  # noqa: ANN201 - as in Problem
        """Return the document, with the challenge that HTTP asks for."""
        response = super().response()
        response.headers["WWW-Authenticate"] = 'Bearer realm="jpegslim"'
        return response


def client_of(scope: Scope) -> str:
    """Return whom a request counts for: the address; a network of IPv6 addresses is one client."""
    host = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address)


def _check_origin(headers: Headers) -> None:
    """Refuse changes that another site's page asks for; programs send neither header."""
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None:
        foreign = site not in _SAME
    else:
        foreign = origin is not None and origin.partition("://")[2] != headers.get("host")
    if foreign:
        raise Problem(403, "cross_site", "pages of other sites may not use this service")


def _host_name(host: str) -> str:
    """Return a Host header's name, without the port and the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
