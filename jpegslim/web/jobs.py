"""Many pictures as one job: upload, follow, download, delete."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import PurePosixPath

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from zipstream import ZipStream

from jpegslim.web.batches import Batch, BatchFile, State
from jpegslim.web.guard import client_of
from jpegslim.web.parameters import read_path, read_query, settings_from_object
from jpegslim.web.problems import Problem
from jpegslim.web.sending import Sending, attachment
from jpegslim.web.service import Service, body, draining
from jpegslim.web.spool import Stored, read_chunks
from jpegslim.web.views import batch_summary, batch_view, file_view, totals_view

# An object of three members; more is somebody's mistake.
_LONGEST_BODY = 10_000
# Changes within this time travel together.
_EVENT_PAUSE = 0.05
_PING_SECONDS = 15
_FAREWELL_SECONDS = 2.0
_FAILURES_NAME = "jpegslim-failed.txt"
# Refusals that are about the picture itself: bringing it again would end the same.
_FINAL = (413, 422)


async def open_job(request: Request) -> Response:
    """Begin a job."""
    service: Service = request.app.state.service
    read_query(request, known=set())
    # A plain form of another site can't send this type without asking first.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Problem(415, "not_json", "send Content-Type: application/json")
    text = bytearray()
    async for chunk in body(request, service.limits):
        text += chunk
        if len(text) > _LONGEST_BODY:
            raise Problem(413, "too_large", "the body is longer than any options need")
    try:
        given = json.loads(bytes(text))
    except (ValueError, RecursionError) as error:
        raise Problem(400, "bad_body", "the body is not JSON") from error
    settings = settings_from_object(given, service.limits)
    batch = service.batches.open(settings, client=client_of(request.scope))
    return JSONResponse(batch_view(batch), 201, headers={"Location": f"/v1/jobs/{batch.id}"})


async def show_job(request: Request) -> Response:
    """Tell how far a job has come."""
    _, batch = _find(request)
    read_query(request, known=set())
    return JSONResponse(batch_view(batch))


async def delete_job(request: Request) -> Response:
    """Forget a job and everything in it."""
    service, batch = _find(request)
    service.drop(batch, why="deleted")
    return Response(status_code=204)


async def add_file(request: Request) -> Response:
    """Take one picture of a job. The same bytes under the same path again change nothing."""
    service, batch = _find(request)
    async with draining(request):
        query = read_query(request, known={"path"})
        if "path" not in query:
            raise Problem(400, "bad_path", "give the file's name: ?path=trip/one.jpg")
        path = read_path(query["path"])
        _check_count(batch, path, service)
        batch.leases += 1
        try:
            stored = await service.receive(request, client=client_of(request.scope))
        except Problem as problem:
            if problem.status in _FINAL:
                _note_refusal(batch, path, problem)
            raise
        finally:
            batch.leases -= 1
            service.batches.sweep(batch)
    try:
        return _take(service, batch, path, stored)
    except BaseException:
        service.spool.release(stored)
        raise


def _take(service: Service, batch: Batch, path: str, stored: Stored) -> Response:
    if batch.ended is not None:
        raise Problem(404, "no_such_job", "the job was deleted meanwhile")
    if service.stopping.is_set():
        raise Problem(503, "stopping", "the service is stopping", retry_after=10)
    _check_count(batch, path, service)
    before = batch.at_path(path)
    if before is not None and before.source is not None:
        if before.source.digest != stored.digest:
            raise Problem(409, "path_taken", "the job has another file of this path")
        service.spool.release(stored)
        return JSONResponse(file_view(before))
    file = batch.add(path)
    file.source = stored
    service.enlist(batch, file)
    batch.change(file)
    return JSONResponse(file_view(file), 202)


async def get_file(request: Request) -> Response:
    """Give one picture: the result, or with ?version=original what was uploaded."""
    service, batch = _find(request)
    version = read_query(request, known={"version"}).get("version", "result")
    if version not in ("result", "original"):
        raise Problem(400, "bad_parameter", "version is result or original")
    file = service.batches.file(batch, request.path_params["file"])
    if version == "result" and not file.state.is_final:
        raise Problem(409, "not_done", "this picture is still being worked on")
    stored = file.source if version == "original" else file.delivered
    if stored is None:
        raise Problem(404, "no_such_file", "this file was refused and is not kept")
    # What failed may be anything but a picture, whatever a browser would make of it.
    is_picture = file.state is not State.FAILED
    return _lease(
        service,
        batch,
        read_chunks(stored.path),
        size=stored.size,
        media_type="image/jpeg" if is_picture else "application/octet-stream",
        name=PurePosixPath(file.path).name,
    )


async def get_zip(request: Request) -> Response:
    """Give all pictures of a job in their folders; those that failed as they came."""
    service, batch = _find(request)
    read_query(request, known=set())
    if batch.is_busy:
        raise Problem(409, "not_done", "some pictures are still being worked on", retry_after=2)
    stream = ZipStream(sized=True)
    for file in batch.files.values():
        if file.delivered is not None:
            stream.add(read_chunks(file.delivered.path), file.path, size=file.delivered.size)
    failures = [file for file in batch.files.values() if file.state is State.FAILED]
    if failures:
        name = _FAILURES_NAME
        while batch.at_path(name) is not None:
            name = f"_{name}"
        stream.add(_failures_text(failures), name)
    return _lease(
        service,
        batch,
        iter(stream),
        size=len(stream),
        media_type="application/zip",
        name="jpegslim.zip",
    )


async def follow_job(request: Request) -> Response:
    """Tell of every change as it happens (server-sent events)."""
    service, batch = _find(request)
    read_query(request, known=set())
    last = request.headers.get("last-event-id", "")
    seen = int(last) if last.isascii() and last.isdigit() and len(last) <= len(str(2**53)) else 0
    return EventSourceResponse(
        _news(service, batch, seen),
        ping=_PING_SECONDS,
        headers={"Cache-Control": "no-store"},
        # The library breaks streams off when the server stops; ours end with a word.
        shutdown_grace_period=_FAREWELL_SECONDS,
    )


async def _news(service: Service, batch: Batch, seen: int) -> AsyncIterator[ServerSentEvent]:
    # Numbers of a batch that this one is not mean nothing here.
    seen = seen if seen <= batch.version else 0
    yield _event("job", batch_summary(batch))
    while True:
        bell = batch.bell
        for file in batch.changes(seen):
            seen = max(seen, file.version)
            yield _event("file", file_view(file), version=file.version)
        yield _event("totals", {**totals_view(batch), **batch_summary(batch)})
        if batch.ended is not None:
            yield _event("gone", {"reason": batch.ended})
            return
        if await _first(bell, service.stopping):
            yield _event("gone", {"reason": "stopping"})
            return
        await asyncio.sleep(_EVENT_PAUSE)


async def _first(bell: asyncio.Event, stopping: asyncio.Event) -> bool:
    """Wait for either; tell whether the service is stopping."""
    waits = {asyncio.create_task(bell.wait()), asyncio.create_task(stopping.wait())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return stopping.is_set()


def _event(name: str, data: dict[str, object], *, version: int | None = None) -> ServerSentEvent:
    return ServerSentEvent(
        json.dumps(data), event=name, id=None if version is None else str(version)
    )


def _find(request: Request) -> tuple[Service, Batch]:
    service: Service = request.app.state.service
    return service, service.batches.get(request.path_params["job"])


def _check_count(batch: Batch, path: str, service: Service) -> None:
    if len(batch.files) >= service.limits.files and batch.at_path(path) is None:
        raise Problem(422, "too_many_files", f"a job has at most {service.limits.files} files")


def _note_refusal(batch: Batch, path: str, problem: Problem) -> None:
    """Remember a file that was refused as it came, so that it is told with the others."""
    before = batch.at_path(path)
    if batch.ended is not None or (before is not None and before.source is not None):
        return
    file = batch.add(path)
    file.state, file.reason, file.message = State.FAILED, problem.reason, str(problem)
    batch.change(file)


def _lease(
    service: Service,
    batch: Batch,
    chunks: Iterator[bytes],
    *,
    size: int,
    media_type: str,
    name: str,
) -> Response:
    """Send files that must not be deleted meanwhile."""
    batch.leases += 1

    def done() -> None:
        batch.leases -= 1
        service.batches.sweep(batch)

    return Sending(
        chunks,
        size=size,
        media_type=media_type,
        headers={"Content-Disposition": attachment(name)},
        on_end=done,
    )


def _failures_text(failures: list[BatchFile]) -> bytes:
    lines = [f"{file.path}: {file.message}" for file in failures]
    head = "These files could not be optimized; those that were stored are here as they came."
    return ("\n".join([head, "", *lines]) + "\n").encode()
