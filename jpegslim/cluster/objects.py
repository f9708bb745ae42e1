"""Photos in S3 worked on by a cluster: the client's side of `depot`.

Each hand of the run waits for one photo: first for a worker to prepare it, then, once the run has
noted what is about to be written, for the same worker to deliver it. Where that one is gone, with
what it had prepared, another looks whether it was written, and begins anew where it was not.
"""

import pickle
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegslim.aws.making import Job
from jpegslim.aws.treatment import Prepared, Settled, failed
from jpegslim.aws.workplace import Name, Ready
from jpegslim.cluster import attempts
from jpegslim.cluster.answers import answer_of, check_seen, opened, refusal
from jpegslim.cluster.depot import Brought, Errand, Service, deliver, prepare
from jpegslim.cluster.gateway import Gateway
from jpegslim.cluster.window import make_folder, room
from jpegslim.errors import FileError, WorkerError
from jpegslim.files import work
from jpegslim.files.plan import Task
from jpegslim.files.worker import POLL_SECONDS
from jpegslim.results import Status
from jpegslim.version import VERSION

if TYPE_CHECKING:
    from distributed import Future

# What workers need besides, and the extra that brings it.
EXTRAS = {"boto3": "aws", "awscrt": "aws"}
# So many workers in a row may die with what they had prepared of one photo.
_LIVES = 3


@contextmanager
def open_place(
    address: str,
    *,
    endpoint_url: str | None,
    profile: str | None,
    region: str | None,
    name: Name,
    run: str,
    unsure: Callable[[], None],
    entry: str = work.ENTRY,
) -> Iterator["There"]:
    """Connect to the scheduler at an address for as long as a run takes.

    endpoint_url, profile, region: where S3 is, as for `connect`, on every worker. name: what the
    ledger knows an object by. run: begins the tokens of what is staged. unsure: called in the end
    where somebody there may still stage something. Raises RunError.
    """
    service = Service(endpoint_url, profile, region)
    with Gateway(address, extras=EXTRAS) as gateway:
        try:
            yield There(gateway, service, name=name, run=run, entry=entry)
        finally:
            if gateway.is_unsure():
                unsure()


@dataclass(frozen=True, slots=True)
class _Held:
    """What is kept for a photo on its way.

    worker, future: who has its result, and its ticket. lives: how often that may be lost.
    """

    worker: str
    future: "Future[Any]"
    lives: int


class There:
    """A cluster as a place to work. See `aws.workplace.Workplace`."""

    def __init__(
        self, gateway: Gateway, service: Service, *, name: Name, run: str, entry: str = work.ENTRY
    ) -> None:
        self._gateway = gateway
        self._service = service
        self._name = name
        self._run = run
        self._entry = entry
        self._window = secrets.token_hex(4)
        self._out: set[Future[Any]] = set()
        self._held: dict[Job, _Held] = {}
        self._staging: dict[Job, Task] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def hands(self) -> int:
        """Return how many photos may be on their way together, as of now. Raises RunError."""
        return room(self._gateway)

    def prepare(self, job: Job) -> Ready | Settled:
        """Have a photo read and optimized somewhere. Raises RunError."""
        return self._prepare(job, self._errand(job), _LIVES)

    def deliver(self, prepared: Prepared) -> Prepared | Settled:
        """Have what is prepared written by who has it. Raises RunError.

        Where it went down with its worker it is given back prepared anew, unless it was written.
        """
        self._check_open()
        job = prepared.job
        with self._lock:
            held = self._held.pop(job)
        ticket, result = str(held.future.key), prepared.content.digest
        reply = self._gateway.ask(held.worker, deliver, VERSION, ticket, result)
        answer = None if reply is None else opened(reply, self._gateway)
        if answer is not None and isinstance(answer.result, Brought):
            return self._settled(job, held.worker, answer.result)
        if answer is not None and isinstance(answer.error, FileError):
            return failed(job, prepared.fetched, answer.error)
        # Dask begins it anew by itself, but knows of no promise.
        held.future.release()
        if held.lives == 1:
            text = f"was lost with the Dask workers that had it, {_LIVES} in a row"
            return failed(job, prepared.fetched, WorkerError(text))
        errand = replace(self._errand(job), promised=prepared)
        again = self._prepare(job, errand, held.lives - 1)
        assert isinstance(again, Prepared | Settled)  # noqa: S101 - what lands is not delivered
        return again

    def done(self, job: Job) -> None:
        """Let go of what is kept for a job, and clear away what lost workers staged for it."""
        with self._lock:
            self._held.pop(job, None)
            task = self._staging.pop(job, None)
        if task is not None:
            attempts.clear(task)

    def stop(self) -> None:
        """Take everything back; whoever waits is turned away."""
        self._stopped.set()
        with self._lock:
            futures = [*self._out, *(held.future for held in self._held.values())]
            staging = list(self._staging.values())
        self._gateway.withdraw(self._window, futures)
        for task in staging:
            attempts.clear(task)

    def _errand(self, job: Job) -> Errand:
        """Return what to send: with paths that mean the same on every machine."""
        sent, known_as, token = job, b"", ""
        if isinstance(job.source, Path):
            sent = replace(job, source=job.source.absolute())
        elif job.landing is not None:
            sent = replace(job, landing=job.landing.absolute())
            known_as, token = self._name(job.source), f"{self._run}{secrets.token_hex(4)}"
            if not job.dry_run:
                make_folder(job.landing)
            with self._lock:
                self._staging[job] = _staging(sent, job.landing.absolute(), token)
        return Errand(
            window=self._window,
            job=sent,
            service=self._service,
            entry=self._entry,
            known_as=known_as,
            token=token,
        )

    def _prepare(self, job: Job, errand: Errand, lives: int) -> Ready | Settled:
        try:
            return self._brought(job, errand, lives)
        except FileError as error:
            if self._stopped.is_set():
                raise
            copied = not job.dry_run and (job.destination is not None or job.landing is not None)
            if not copied or errand.verdict is not None or not isinstance(error, WorkerError):
                return failed(job, None, error)
            # The best there is to be had of it is a copy.
            return self._prepare(job, replace(errand, verdict=error), lives)

    def _brought(self, job: Job, errand: Errand, lives: int) -> Ready | Settled:
        """Have an errand done. Raises FileError where nothing was brought of it, and RunError."""
        future = self._submit(errand)
        try:
            worker, brought = self._wait(future)
            ready = self._as_here(job, worker, brought)
            if isinstance(ready, Prepared):
                with self._lock:
                    self._held[job] = _Held(worker, future, lives)
        finally:
            with self._lock:
                self._out.discard(future)
        return ready

    def _submit(self, errand: Errand) -> "Future[Any]":
        order = pickle.dumps(errand, pickle.HIGHEST_PROTOCOL)
        with self._lock:
            self._check_open()
            key = f"jpegslim-{self._window}-{secrets.token_hex(4)}"
            future = self._gateway.submit(prepare, order, key)
            self._out.add(future)
        return future

    def _wait(self, future: "Future[Any]") -> tuple[str, Brought]:
        """Return what a worker brought, and its address. Raises FileError and RunError."""
        arrived = threading.Event()
        while True:
            future.add_done_callback(lambda _: arrived.set())
            while not arrived.wait(POLL_SECONDS):
                self._check_open()
            self._check_open()
            arrived.clear()
            try:
                worker, answer = answer_of(future, self._gateway)
            except TimeoutError:
                # Its worker was lost right behind it: it is worked on again.
                continue
            if answer.error is not None:
                raise answer.error
            assert isinstance(answer.result, Brought)  # noqa: S101 - of the same version
            return worker, answer.result

    def _as_here(self, job: Job, worker: str, brought: Brought) -> Ready | Settled:
        """Return what was brought with names as the user gave them, if it counts."""
        ready = brought.ready
        if isinstance(ready, Settled):
            return self._settled(job, worker, brought)
        if isinstance(ready, Prepared):
            return replace(ready, job=job, result=replace(ready.result, path=job.shown))
        if ready.done.staged is not None:
            check_seen(ready.done.staged, worker, self._gateway)
        result = ready.done.result
        if result.output is not None:
            result = replace(result, output=job.landing)
        assert job.landing is not None  # noqa: S101 - it is what landed
        task = replace(ready.task, destination=job.landing)
        return replace(ready, job=job, task=task, done=replace(ready.done, result=result))

    def _settled(self, job: Job, worker: str, brought: Brought) -> Settled:
        settled = brought.ready
        assert isinstance(settled, Settled)  # noqa: S101 - asked by the caller
        result = replace(settled.result, path=job.shown)
        if isinstance(job.source, Path):
            refused = refusal(job.source, result, worker, self._gateway)
            if refused is not None:
                return failed(job, None, refused)
        if result.status is Status.FAILED and result.reason == "access_denied":
            # Each worker has credentials of its own.
            text = f"{result.message} (on the {self._gateway.name(worker)})"
            result = replace(result, message=text)
        for note in brought.notes:
            assert settled.error is not None  # noqa: S101 - they are its own
            settled.error.add_note(note)
        return replace(settled, job=job, result=result)

    def _check_open(self) -> None:
        if self._stopped.is_set():
            raise WorkerError("was not finished: the work was stopped", reason="stopped")


def _staging(job: Job, landing: Path, token: str) -> Task:
    """Return the task that a worker will have, as far as it says what is staged where."""
    return Task(
        source=landing,
        destination=landing,
        in_place=False,
        explicit=False,
        settings=job.settings,
        dry_run=job.dry_run,
        token=token,
    )
