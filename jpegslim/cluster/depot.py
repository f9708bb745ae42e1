"""What a Dask worker does with a photo in S3, or one that is to go there.

It fetches the photo into a folder of its own, has a child of its station work on it, and keeps the
result until the client, which notes first what is about to be written, asks for it to be delivered.
Photos travel between S3 and this machine alone. What nobody asks for any more is thrown away.
What a lost worker had written, without a word of it, is known by the note on the object.
"""

import asyncio
import pickle
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from distributed import Worker as DaskWorker
from distributed.threadpoolexecutor import ThreadPoolExecutor
from distributed.worker import get_worker

from jpegslim.aws.addresses import Address
from jpegslim.aws.connection import connect
from jpegslim.aws.content import Shelf
from jpegslim.aws.landing import Landed, Landing
from jpegslim.aws.making import Job
from jpegslim.aws.objects import Fetched, Objects
from jpegslim.aws.taskwork import TaskMaker
from jpegslim.aws.treatment import Prepared, Settled, Treatment
from jpegslim.aws.workplace import Ready
from jpegslim.cluster import attempts
from jpegslim.cluster.station import AT_WORK, Reply, Station, named, reply, station_of
from jpegslim.errors import RunError, UsageError, WorkerError
from jpegslim.files import store

# How often a depot looks whether somebody still waits for what it keeps.
SWEEP_SECONDS = 1.0
# So many runs' clients are kept open: the next run asks for its credentials anew, which may have
# expired and been renewed since.
_RUNS = 4
# So many results are written at once by a process.
_WRITES = 32
# A result is kept while its task is at work, and then until the client lets go of it.
_KEPT = AT_WORK | {"memory"}


@dataclass(frozen=True, slots=True)
class Service:
    """Where S3 is, as the user said; the rest is each worker's own configuration."""

    endpoint_url: str | None
    profile: str | None
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What the client sends.

    window: whose errand it is. entry: "package.module:function". known_as, token: for a photo that
    becomes a file, as for `Landing.prepare`. promised: what another worker had prepared of it and
    was lost with, perhaps once it had written it. verdict: what becomes of it where it is not to
    be worked on any more, but copied.
    """

    window: str
    job: Job
    service: Service
    entry: str
    known_as: bytes = b""
    token: str = ""
    promised: Prepared | None = None
    verdict: WorkerError | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """What becomes of an errand; contents in it stay on the worker. notes: on its error."""

    ready: Ready | Settled
    notes: tuple[str, ...] = ()


def prepare(version: str, errand: bytes) -> Reply:
    """Make the result of a pickled Errand's photo; the Answer holds what was Brought."""
    return reply(version, get_worker(), lambda worker: _depot(worker).prepare(pickle.loads(errand)))  # noqa: S301 - who may submit may run anything


async def deliver(version: str, ticket: str, result: str, dask_worker: DaskWorker) -> Reply:
    """Write what a task prepared here; the Answer holds what was Brought, None if it is gone.

    ticket: the task's key. result: the digest that the client noted; another is not written. It
    runs beside the tasks, since it does nothing but wait.
    """
    return await asyncio.get_running_loop().run_in_executor(
        _writers,
        lambda: reply(version, dask_worker, lambda worker: _depot(worker).deliver(ticket, result)),
    )


# Dask's own kind of threads: the process can end while one hangs on a dead network.
_writers = ThreadPoolExecutor(_WRITES, thread_name_prefix="jpegslim-deliver")
_depots: "WeakKeyDictionary[DaskWorker, _Depot]" = WeakKeyDictionary()
_opening = threading.Lock()


def _depot(dask_worker: DaskWorker) -> "_Depot":
    """Return the depot of this Dask worker; one process may have several in it."""
    with _opening:
        if dask_worker not in _depots:
            _depots[dask_worker] = _Depot(dask_worker)
        return _depots[dask_worker]


@dataclass(frozen=True, slots=True)
class _Kept:
    window: str
    prepared: Prepared
    treatment: Treatment


@dataclass(frozen=True, slots=True)
class _Children:
    """A station's children, for one errand. See `workshop.Caller`."""

    station: Station
    errand: Errand

    def call(self, payload: object, *, timeout: float | None) -> Any:
        errand = self.errand
        if errand.verdict is not None:
            raise errand.verdict
        try:
            return self.station.call(errand.window, errand.entry, payload, timeout)
        except WorkerError as error:
            notes = getattr(error, "__notes__", ())
            raise named(error, self.station.label(), notes) from error


class _Depot:
    """The photos on one Dask worker."""

    def __init__(self, dask_worker: DaskWorker) -> None:
        self._station = station_of(dask_worker)
        self._threads = dask_worker.state.nthreads
        try:
            # Dask clears it away with the worker, or with the next one after a kill.
            folder = tempfile.mkdtemp(prefix="jpegslim-", dir=dask_worker.local_directory)
        except OSError as error:
            text = f"{dask_worker.local_directory} can't be used: {store.plain_words(error)}"
            raise RunError(text) from error
        self._shelf = Shelf(Path(folder), in_memory=0, when_full=RunError)
        # By window, the one used last at the end.
        self._objects: dict[str, Objects] = {}
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()
        self._sweeper: threading.Timer | None = None
        self._station.on_withdrawal(self._drop)

    def prepare(self, errand: Errand) -> Brought:
        """Fetch a photo and make its result, to be kept or staged."""
        job, children = errand.job, _Children(self._station, errand)
        objects = self._reach(errand)
        treatment = Treatment(objects, TaskMaker(children, None))
        ready: Ready | Settled | None = None
        if errand.promised is not None:
            ready = _written_before(objects, errand.promised)
        if ready is not None:
            return _brought(ready)
        if job.landing is None:
            ready = treatment.prepare(job)
        else:
            landing = Landing(objects, children, None, attempt=attempts.next_attempt)
            ready = landing.prepare(job, errand.known_as, errand.token)
        if not isinstance(ready, Settled) and not self._station.is_wanted(errand.window):
            ready.discard()
        elif isinstance(ready, Prepared):
            self._keep(_Kept(errand.window, ready, treatment))
        elif isinstance(ready, Landed):
            # What is staged is all that the client needs.
            ready.fetched.content.discard()
        return _brought(ready)

    def deliver(self, ticket: str, result: str) -> Brought | None:
        """Write what is kept under a ticket, if it is this result; None for nothing."""
        with self._lock:
            kept = self._kept.get(ticket)
            if kept is None or kept.prepared.content.digest != result:
                return None
            del self._kept[ticket]
        return _brought(kept.treatment.deliver(kept.prepared))

    def _reach(self, errand: Errand) -> Objects:
        service = errand.service
        with self._lock:
            objects = self._objects.pop(errand.window, None)
            if objects is None:
                try:
                    client = connect(
                        endpoint_url=service.endpoint_url,
                        profile=service.profile,
                        region=service.region,
                        # Each thread fetches, and what others prepared is written beside.
                        transfers=2 * self._threads + 2,
                    )
                except UsageError as error:
                    raise RunError(str(error)) from error
                objects = Objects(client, self._shelf)
            self._objects[errand.window] = objects
            for window in list(self._objects)[:-_RUNS]:
                del self._objects[window]
            return objects

    def _keep(self, kept: _Kept) -> None:
        ticket = str(self._station.current())
        with self._lock:
            before = self._kept.pop(ticket, None)
            self._kept[ticket] = kept
            if self._sweeper is None:
                self._sweep_later()
        if before is not None:
            before.prepared.discard()

    def _drop(self, window: str) -> None:
        """Throw away what is kept for a window."""
        self._throw([ticket for ticket, kept in self._kept.copy().items() if kept.window == window])

    def _sweep(self) -> None:
        """Throw away what nobody asks for any more: its client is gone."""
        try:
            self._throw(
                [
                    ticket
                    for ticket, kept in self._kept.copy().items()
                    if not self._station.is_wanted(kept.window, ticket, states=_KEPT)
                ]
            )
        finally:
            with self._lock:
                self._sweeper = None
                if self._kept:
                    self._sweep_later()

    def _sweep_later(self) -> None:
        sweeper = threading.Timer(SWEEP_SECONDS, self._sweep)
        sweeper.daemon = True
        sweeper.start()
        # Where the system refuses a thread, the next result that is kept tries again.
        self._sweeper = sweeper

    def _throw(self, tickets: list[str]) -> None:
        for ticket in tickets:
            with self._lock:
                kept = self._kept.pop(ticket, None)
            if kept is not None:
                kept.prepared.discard()


def _written_before(objects: Objects, promised: Prepared) -> Settled | None:
    """Return the outcome of what a lost worker wrote, None where it did not come to that.

    Raises FileError.
    """
    job = promised.job
    place = job.source if job.destination is None else job.destination
    assert isinstance(place, Address)  # noqa: S101 - files are not replaced here
    standing = objects.look(place)
    # It names the very state of the source: only this result, whoever wrote it, says the same.
    if standing is None or standing.note != promised.note:
        return None
    if not promised.note.is_of(standing.size, standing.checksum):
        return None
    return Settled(
        job=job,
        result=promised.result,
        fetched=promised.fetched,
        judged=promised.judged,
        error=promised.error,
        written=promised,
        etag=standing.etag,
    )


def _brought(ready: Ready | Settled) -> Brought:
    """Return what the client is to know, without the names of files that only this machine has."""
    fetched = None if ready.fetched is None else _elsewhere(ready.fetched)
    if isinstance(ready, Landed):
        assert fetched is not None  # noqa: S101 - it is what landed
        return Brought(replace(ready, fetched=fetched))
    if isinstance(ready, Prepared):
        assert fetched is not None  # noqa: S101 - it is what was prepared
        return Brought(replace(ready, fetched=fetched, content=ready.content.elsewhere()))
    written = ready.written
    if written is not None:
        inner = _brought(written).ready
        assert isinstance(inner, Prepared)  # noqa: S101
        written = inner
    notes = tuple(getattr(ready.error, "__notes__", ()))
    return Brought(replace(ready, fetched=fetched, written=written), notes)


def _elsewhere(fetched: Fetched) -> Fetched:
    return replace(fetched, content=fetched.content.elsewhere())
