"""The ASGI application: addresses, and what lives as long as it does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from jpegslim.files.pool import memory_budget
from jpegslim.settings import PRESETS
from jpegslim.version import VERSION
from jpegslim.web import jobs, pages, single
from jpegslim.web.access import COOKIE, SESSION_SECONDS, Access
from jpegslim.web.batches import Batches
from jpegslim.web.crew import Crew
from jpegslim.web.guard import Guard, Unauthorized, client_of
from jpegslim.web.limits import Limits
from jpegslim.web.metrics import MEDIA_TYPE, Metrics
from jpegslim.web.openapi import describe
from jpegslim.web.problems import (
    Problem,
    forget_client,
    show_http_error,
    show_problem,
)
from jpegslim.web.service import Service
from jpegslim.web.spool import Spool

Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(
    *,
    limits: Limits,
    workers: int,
    token: str | None = None,
    hosts: Sequence[str] = ("localhost",),
    folder: Path | None = None,
) -> Starlette:
    """Return the application.

    workers: processes at most. token: what a client must know, None for nobody. hosts: names the
    service answers to without a token, besides addresses. folder: where uploads are kept, in a
    folder of their own; default: the system's temporary folder.
    """
    access, metrics = Access(token), Metrics()

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        spool = Spool(limits, parent=folder)
        crew = Crew(jobs=workers, megapixels=memory_budget(), limits=limits, metrics=metrics)
        service = Service(limits, access, metrics, spool, crew, Batches(limits, spool))
        app.state.service = service
        crew.start()
        tasks = [
            asyncio.create_task(service.sweep_forever()),
            asyncio.create_task(metrics.watch_loop()),
        ]
        try:
            yield
        finally:
            service.stopping.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await crew.finish(limits.stop_seconds)
            await asyncio.to_thread(crew.end)
            await asyncio.to_thread(spool.close)

    app = Starlette(
        routes=[
            _route("/", GET=pages.show_page),
            _route("/static/{name}", GET=pages.show_asset),
            _route("/health", GET=health),
            _route("/metrics", GET=show_metrics),
            _route("/v1/openapi.json", GET=openapi),
            _route("/v1/service", GET=show_service),
            _route("/v1/session", PUT=open_session, DELETE=close_session),
            _route("/v1/optimize", PUT=single.optimize),
            _route("/v1/jobs", POST=jobs.open_job),
            _route("/v1/jobs/{job}", GET=jobs.show_job, DELETE=jobs.delete_job),
            _route("/v1/jobs/{job}/files", PUT=jobs.add_file),
            _route("/v1/jobs/{job}/files/{file}", GET=jobs.get_file),
            _route("/v1/jobs/{job}/events", GET=jobs.follow_job),
            _route("/v1/jobs/{job}/zip", GET=jobs.get_zip),
        ],
        middleware=[Middleware(Guard, access=access, hosts=hosts, metrics=metrics)],
        exception_handlers={
            Problem: show_problem,
            HTTPException: show_http_error,
            ClientDisconnect: forget_client,
        },
        lifespan=life,
    )
    app.router.redirect_slashes = False
    app.state.assets = pages.read_assets()
    app.state.openapi = describe(limits, needs_token=token is not None)
    return app


async def health(request: Request) -> Response:
    """Tell that the service takes work, or that it is stopping."""
    service: Service = request.app.state.service
    if service.stopping.is_set():
        raise Problem(503, "stopping", "the service is stopping", retry_after=10)
    return JSONResponse({"status": "ok", "version": VERSION})


async def show_metrics(request: Request) -> Response:
    """Give the counters to Prometheus."""
    service: Service = request.app.state.service
    gauges: dict[str, tuple[str, float]] = {
        "jpegslim_workers": ("Worker processes at most.", service.crew.size),
        "jpegslim_waiting": ("Pictures that wait for a worker.", service.crew.waiting),
        "jpegslim_working": ("Pictures with a worker.", service.crew.working),
        "jpegslim_jobs": ("Jobs held.", len(service.batches)),
        "jpegslim_stored_bytes": ("Bytes of uploads and results held.", service.spool.used),
    }
    return Response(service.metrics.text(gauges), headers={"Content-Type": MEDIA_TYPE})


async def openapi(request: Request) -> Response:
    """Give the description of this interface."""
    return JSONResponse(request.app.state.openapi)


async def show_service(request: Request) -> Response:
    """Tell what the service takes and offers."""
    service: Service = request.app.state.service
    limits = service.limits
    return JSONResponse(
        {
            "version": VERSION,
            "presets": dict(PRESETS),
            "file_bytes": limits.file_bytes,
            "megapixels": limits.megapixels,
            "files": limits.files,
            "keep_seconds": limits.keep_seconds,
            "needs_token": not service.access.is_open,
        }
    )


async def open_session(request: Request) -> Response:
    """Let a browser in: the token once, then a cookie that scripts can't read."""
    access: Access = request.app.state.service.access
    authorization = request.headers.get("authorization")
    if not access.knows(authorization, None, client=client_of(request.scope)):
        raise Unauthorized
    response = Response(status_code=204)
    if not access.is_open:
        response.set_cookie(
            COOKIE,
            access.open_session(),
            max_age=SESSION_SECONDS,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
    return response


async def close_session(_: Request) -> Response:
    """Let a browser forget the cookie."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _route(path: str, **endpoints: Endpoint) -> Route:
    """Return one route for all methods of a path, so that Allow names every one of them."""

    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await endpoints[method](request)

    return Route(path, endpoint, methods=list(endpoints))
