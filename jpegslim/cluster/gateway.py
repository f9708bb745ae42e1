"""The way to a Dask scheduler: connecting, checking who works there, and telling its troubles.

All of Dask's own words stay in here. It logs a dozen lines where a scheduler goes away; the user
is told one.
"""

import logging
import os
import pickle
import pkgutil
import queue
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from distributed import Client, Future, LocalCluster
from distributed.security import Security
from distributed.versions import VersionMismatchWarning

from jpegslim.cluster.station import WATCH_SECONDS, Reply, label, withdraw
from jpegslim.errors import RunError
from jpegslim.files.child import one_line
from jpegslim.files.pool import default_jobs
from jpegslim.files.worker import POLL_SECONDS
from jpegslim.version import VERSION

LOCAL = "local"
TLS = "tls"
CONNECT_SECONDS = 10.0
# Of that, how much is waited for in all.
_PATIENCE = 1.5
# Workers of a cluster that grows with its work take a while to come.
WORKERS_SECONDS = 60.0
# A run that ends waits so long for its tasks to be taken back: a worker that is frozen answers
# only when Dask gives it up, after five minutes.
WITHDRAW_SECONDS = 5.0
# How often the scheduler is asked who is there.
CENSUS_SECONDS = 2.0
# The page with Dask's own figures can be seen from this machine alone.
DASHBOARD = "127.0.0.1:8787"

AGAIN = "run again to go on with what is left"
NO_EXTRAS: Mapping[str, str] = MappingProxyType({})


class Gateway:
    """A connection to a scheduler; a context manager.

    `threads` and `withdraw` are for the thread that opened it, the rest for any. Each method
    raises RunError where the scheduler can't be reached.
    """

    def __init__(
        self,
        address: str,
        *,
        extras: Mapping[str, str] = NO_EXTRAS,
        connect_seconds: float = CONNECT_SECONDS,
        workers_seconds: float = WORKERS_SECONDS,
    ) -> None:
        """Say where: an address as Dask writes it, or `local` or `local:N` for N at once here.

        extras: libraries that workers need, each with the extra that brings it.
        """
        self._address = address
        self._extras = extras
        self._connect_seconds = connect_seconds
        self._workers_seconds = workers_seconds
        self._stack = ExitStack()
        self._threads = 0
        self._workers: set[str] = set()
        self._unsure = False
        self._counted = self._seen = float("-inf")
        self._client: Client

    def __enter__(self) -> Self:
        """Connect, wait for a worker, and refuse workers of another version."""
        with ExitStack() as stack:
            stack.enter_context(_hushed())
            self._client = stack.enter_context(self._connected())
            self._seen = time.monotonic()
            while not self.threads():
                time.sleep(CENSUS_SECONDS / 10)
                self._counted = float("-inf")
            self._muster()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.__exit__(*exception)  # type: ignore[arg-type]

    def threads(self) -> int:
        """Return how many tasks can be worked on at once, as of late.

        Raises RunError where there has been no worker for too long.
        """
        now = time.monotonic()
        if now - self._counted >= CENSUS_SECONDS:
            self._threads = self._count()
            self._counted = now
            if self._threads:
                self._seen = now
            elif now - self._seen > self._workers_seconds:
                raise RunError(
                    f"the Dask scheduler {self._address} has had no worker for"
                    f" {self._workers_seconds:.0f} seconds: start one with"
                    f" 'dask worker {self._address}', and {AGAIN}"
                )
        return self._threads

    def is_unsure(self) -> bool:
        """Tell whether somebody may still work on what was submitted.

        That is a worker that went away and may come back, or one that could not be asked to stop.
        """
        if not self._unsure:
            with suppress(RunError):
                self._count()
        return self._unsure

    def submit(self, work: Callable[[str, bytes], Reply], order: bytes, key: str) -> "Future[Any]":
        """Have work done somewhere. work: called there with this version and a pickled order."""
        # By a function of Python's own: a worker that finds what it can't import in the message
        # itself does not fail the task but ends.
        call = pickle.dumps(_Call(work, (VERSION, order)), pickle.HIGHEST_PROTOCOL)
        future: Future[Any] = self._asked(
            self._client.submit, pickle.loads, call, key=key, pure=False
        )
        return future

    def ask(self, worker: str, question: Callable[..., Any], *args: Any) -> Any:
        """Return what one worker answers to a question, None where it is gone."""
        if worker not in self._asked(self._client.nthreads):
            return None
        answers = self._asked(
            self._client.run, question, *args, workers=[worker], on_error="return"
        )
        answer = answers.get(worker)
        # It went while it was asked.
        if isinstance(answer, OSError):
            return None
        if isinstance(answer, Exception):
            raise self.explain(answer)
        return answer

    def withdraw(self, window: str, futures: "list[Future[Any]]") -> None:
        """Take back what a window submitted; once this returns, nothing more comes of it."""
        answered = threading.Event()

        def take_back() -> None:
            # The run is over, and why is known already.
            with suppress(Exception):
                self._asked(self._client.cancel, futures, force=True)
                self._asked(self._client.run, withdraw, window, on_error="ignore")
                answered.set()

        asking = threading.Thread(target=take_back, daemon=True)
        asking.start()
        asking.join(WITHDRAW_SECONDS)
        if not answered.is_set():
            # Nobody to be asked, or a worker of another version. They notice by themselves.
            self._unsure = True
            time.sleep(2 * WATCH_SECONDS)

    def name(self, worker: str) -> str:
        """Return what a person calls the worker at an address."""
        # Unasked, some versions of Dask tell of the first five.
        workers = self._asked(self._client.scheduler_info, n_workers=-1)["workers"]
        return label(str(workers.get(worker, {}).get("name", worker)), worker)

    def sees(self, worker: str, folder: Path) -> bool:
        """Tell whether a worker has this folder; one that is gone meanwhile has it not."""
        answers = self._asked(
            self._client.run, os.path.isdir, str(folder), workers=[worker], on_error="ignore"
        )
        return bool(answers.get(worker))

    def unlink(self, worker: str, path: Path) -> None:
        """Remove a file that only this worker can see."""
        self._asked(self._client.run, os.unlink, str(path), workers=[worker], on_error="ignore")

    def refuse_version(self, worker: str, version: str) -> RunError:
        """Return what is wrong with a worker of another version."""
        return RunError(
            f"the {self.name(worker)} runs jpegslim {version}, and this is {VERSION}:"
            f" install the same version there, and {AGAIN}"
        )

    def explain(self, error: BaseException) -> RunError:
        """Return why Dask could not run a task at all; as a rule a worker of another version."""
        self._muster()
        return RunError(f"the Dask scheduler {self._address} can't run tasks: {one_line(error)}")

    def lost(self) -> RunError:
        """Return what to say where the scheduler is gone."""
        self._unsure = True
        return RunError(f"lost the Dask scheduler {self._address}: {AGAIN}")

    def _count(self) -> int:
        workers: dict[str, int] = self._asked(self._client.nthreads)
        self._unsure = self._unsure or not self._workers <= workers.keys()
        self._workers.update(workers)
        return sum(workers.values())

    def _muster(self) -> None:
        """Raise RunError unless every worker there has this very version and what it needs."""
        for worker, version in self._resolved("jpegslim.version:VERSION"):
            if isinstance(version, ImportError | AttributeError):
                raise RunError(
                    f"the {self.name(worker)} has no jpegslim ({one_line(version)}):"
                    f" install jpegslim[cluster] {VERSION} there"
                )
            # One that is gone meanwhile answered with an OSError; its place is taken later.
            if isinstance(version, str) and version != VERSION:
                raise self.refuse_version(worker, version)
        for library, extra in self._extras.items():
            for worker, found in self._resolved(f"{library}:__name__"):
                if isinstance(found, ImportError):
                    raise RunError(
                        f"the {self.name(worker)} has no {library}:"
                        f" install jpegslim[cluster,{extra}] {VERSION} there, and {AGAIN}"
                    )

    def _resolved(self, name: str) -> Iterator[tuple[str, Any]]:
        """Yield what a name stands for on each worker, or what kept it from being found."""
        # By a function of Python's own: it runs on a worker that has no jpegslim, or an old one.
        found = self._asked(self._client.run, pkgutil.resolve_name, name, on_error="return")
        yield from found.items()

    def _asked(self, ask: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if self._client.status != "running":
            raise self.lost()
        try:
            return ask(*args, **options)
        except Exception as error:
            # Lost meanwhile, Dask's client raises whatever it trips over.
            if isinstance(error, OSError) or self._client.status != "running":
                raise self.lost() from error
            raise

    @contextmanager
    def _connected(self) -> Iterator[Client]:
        with ExitStack() as stack:
            where: Any = self._address
            kind, _, number = self._address.partition(":")
            if kind == LOCAL:
                where = stack.enter_context(_local(int(number or default_jobs())))
            elif kind == TLS:
                self._check_certificates()
            with _quietly():
                client = self._answering(where)
            stack.callback(client.close)
            yield client

    def _answering(self, where: Any) -> Client:
        """Return a client that is connected. Raises RunError where what is there is no scheduler.

        Dask's client waits without end for what takes a connection and says nothing, such as a
        dashboard, and trips over a worker in its own words; so it does that on a thread.
        """
        answers: queue.SimpleQueue[Client | Exception] = queue.SimpleQueue()

        def connect() -> None:
            try:
                client = _Client(  # type: ignore[no-untyped-call]
                    where, timeout=self._connect_seconds, set_as_default=False
                )
                answers.put(client)
            except Exception as error:  # noqa: BLE001 - raised again below
                answers.put(error)

        threading.Thread(target=connect, daemon=True).start()
        # A blocked wait on Windows does not notice Ctrl-C.
        deadline = time.monotonic() + self._connect_seconds * _PATIENCE
        answer: Client | Exception = TimeoutError("no answer")
        while time.monotonic() < deadline:
            with suppress(queue.Empty):
                answer = answers.get(timeout=POLL_SECONDS)
                break
        if isinstance(answer, Client):
            return answer
        raise RunError(
            f"no Dask scheduler answers at {self._address}:"
            " start one there with 'dask scheduler', or see to the address"
        ) from answer

    def _check_certificates(self) -> None:
        # Without them Dask's client trips over itself, and for long.
        try:
            ready = Security().get_connection_args("client").get("ssl_context")
        except OSError as error:
            text = f"the certificates in Dask's configuration can't be used: {one_line(error)}"
            raise RunError(text) from error
        if ready is None:
            raise RunError(
                f"{self._address} asks for certificates: name them in Dask's configuration"
                " (distributed.comm.tls in ~/.config/dask)"
            )


class _Client(Client):
    """Says farewell only where somebody answered: else it waits in vain, and says so at the end."""

    def __del__(self) -> None:
        if getattr(self, "status", None) == "running":
            super().__del__()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class _Call:
    """Unpickled, it is what a function returns."""

    work: Callable[[str, bytes], Reply]
    arguments: tuple[str, bytes]

    def __reduce__(self) -> tuple[object, ...]:
        return self.work, self.arguments


@contextmanager
def _local(threads: int) -> Iterator[LocalCluster]:
    """Start a scheduler and a worker in this process; what takes time is done in children anyway.

    Nothing but the dashboard listens.
    """
    with _quietly():
        cluster = LocalCluster(
            n_workers=1,
            threads_per_worker=threads,
            processes=False,
            dashboard_address=DASHBOARD,
            # Unasked, a worker serves its own page on every interface.
            worker_dashboard_address="127.0.0.1:0",
            silence_logs=False,
        )
    try:
        yield cluster
    finally:
        # Unasked, it waits for its threads, of which one may hang on a dead network.
        for worker in cluster.workers.values():
            cluster.sync(worker.close, executor_wait=False)
        cluster.close()


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep Dask's log lines from the terminal."""
    before = {}
    for name in ("distributed", "tornado", "asyncio"):
        logger = logging.getLogger(name)
        below = [each for each in logging.Logger.manager.loggerDict if each.startswith(f"{name}.")]
        for each in (logger, *map(logging.getLogger, below)):
            before[each] = each.level
            each.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep Dask's warnings from the terminal: a taken port, a library of another version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionMismatchWarning)
        warnings.simplefilter("ignore", UserWarning)
        # A socket that could not have the taken port.
        warnings.simplefilter("ignore", ResourceWarning)
        yield
