"""The listening side of `jpegslim serve`: what it may listen on, and how it stops."""

import asyncio
import ipaddress
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from jpegslim.errors import RunError, UsageError
from jpegslim.web.access import SHORTEST_TOKEN
from jpegslim.web.app import make_app
from jpegslim.web.connections import Network, bounded_protocol
from jpegslim.web.limits import Limits

_BACKLOG = 512
_KEEP_ALIVE_SECONDS = 15
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to serve.

    token: what clients must know. open_to_all: listen beyond this machine without one.
    hosts: further names the service answers to. proxy: the address, or network, whose
    X-Forwarded-For is believed, None for nobody. folder: where uploads are kept, None for the
    temporary folder.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    workers: int = 1
    limits: Limits = field(default_factory=Limits)
    token: str | None = None
    open_to_all: bool = False
    hosts: Sequence[str] = ()
    proxy: str | None = None
    folder: Path | None = None


def serve(options: Options, *, on_ready: Callable[[str], None]) -> None:
    """Serve until a signal asks to stop; then finish what runs.

    on_ready: called with the page's address once connections are accepted. A second signal ends
    everything at once. Raises UsageError where listening there would not be safe, RunError where
    it is not possible.
    """
    proxy = None if options.proxy is None else _network(options.proxy)
    listener = _listen(options)
    try:
        name, port = listener.getsockname()[:2]
        shown = f"[{name}]" if ":" in name else name
        app = make_app(
            limits=options.limits,
            workers=options.workers,
            token=options.token,
            hosts=("localhost", socket.gethostname(), options.host, *options.hosts),
            folder=options.folder,
        )
        config = uvicorn.Config(
            app,
            http=bounded_protocol(options.limits, proxy=proxy),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=proxy is not None,
            forwarded_allow_ips=None if proxy is None else str(proxy),
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=round(options.limits.stop_seconds),
        )
        server = _Server(config, app, lambda: on_ready(f"http://{shown}:{port}/"))
        asyncio.run(server.serve(sockets=[listener]))
    finally:
        listener.close()
    if not server.started:
        raise RunError("the web service could not start; what went wrong stands above")


class _Server(uvicorn.Server):
    """uvicorn that tells when it is ready, and ends without raising the signal again."""

    def __init__(
        self, config: uvicorn.Config, app: Starlette, on_ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._app = app
        self._on_ready = on_ready
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        await super().startup(sockets=sockets)
        self._loop = asyncio.get_running_loop()
        if self.started and not self.should_exit:
            self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as uvicorn calls it
        """Begin to stop; on the second signal, stop now."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop_now if self.should_exit else self._stop)
        self.should_exit = True

    def _stop(self) -> None:
        """End the streams of news, and take nothing new."""
        self._app.state.service.stopping.set()

    def _stop_now(self) -> None:
        """Break off all connections: with nobody to answer, nothing holds up the end."""
        self._app.state.service.crew.hurry()
        for connection in list(self.server_state.connections):
            transport = connection.transport
            if transport is not None:
                transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals that ask to end for as long as it serves."""
        before = {}
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            # A signal that is ignored (`nohup`) stays ignored.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, self.handle_exit)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _network(text: str) -> Network:
    """Return a proxy's address, or a network of them."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        said = f"--trust-proxy {text}: give its address, or a network like 10.0.0.0/8"
        raise UsageError(said) from error


def _listen(options: Options) -> socket.socket:
    """Return a listening socket, after making sure that it is safe to have."""
    if options.token is not None and len(options.token) < SHORTEST_TOKEN:
        raise UsageError(f"the token is too short to be safe: give {SHORTEST_TOKEN} characters")
    try:
        found = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise UsageError(f"can't listen on {options.host!r}: no such address") from error
    family, _, _, _, address = found[0]
    is_local = ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback
    if not (is_local or options.token or options.open_to_all):
        raise UsageError(
            f"{options.host} can be reached from other machines: give --token-file,"
            " or --insecure-no-token if everybody there may use it"
        )
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise RunError(
            f"can't listen on {options.host} port {options.port}:"
            f" {error.strerror or error}; --port chooses another"
        ) from error
    return listener
