"""Batches: which pictures a client handed in, how far each has come, and how long it is held."""

import asyncio
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum

from jpegslim.results import Tile
from jpegslim.settings import Settings
from jpegslim.web.crew import Ticket
from jpegslim.web.limits import Limits
from jpegslim.web.problems import Problem
from jpegslim.web.spool import Spool, Stored

_ID_BYTES = 16


class State(StrEnum):
    """How far a picture has come; the last five are the rungs of the ladder."""

    WAITING = "waiting"
    WORKING = "working"
    OPTIMIZED = "optimized"
    LOSSLESS = "lossless"
    KEPT = "kept"
    SKIPPED = "skipped"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self not in (State.WAITING, State.WORKING)


@dataclass(eq=False, slots=True)
class BatchFile:
    """One picture of a batch.

    path: as the client named it, for people and the zip. source: None where nothing was stored
    (refused while it arrived). result: None where the source is what is delivered. version: of
    its last change.
    """

    id: str
    path: str
    state: State = State.WAITING
    reason: str = ""
    message: str = ""
    source: Stored | None = None
    result: Stored | None = None
    score: float | None = None
    worst_tile: Tile | None = None
    width: int | None = None
    height: int | None = None
    orientation: int = 1
    seconds: float | None = None
    version: int = 0
    ticket: Ticket | None = None

    @property
    def delivered(self) -> Stored | None:
        """What a download gives: the result, else the source as it came."""
        return self.result or self.source


@dataclass(eq=False, slots=True)
class Batch:
    """The pictures of one client that become one zip."""

    client: str
    settings: Settings
    keep_seconds: float
    id: str = field(default_factory=lambda: secrets.token_urlsafe(_ID_BYTES))
    created: float = field(default_factory=time.time)
    touched: float = field(default_factory=time.time)
    files: dict[str, BatchFile] = field(default_factory=dict)
    version: int = 0
    ended: str | None = None
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    # Downloads in progress and work that can't be withdrawn: files stay until it is zero.
    leases: int = 0
    # Its totals as they were told last, and of which version they are.
    told: tuple[int, dict[str, object]] | None = None
    # Files by their last change, newest last, and by path.
    _changed: OrderedDict[str, BatchFile] = field(default_factory=OrderedDict)
    _by_path: dict[str, BatchFile] = field(default_factory=dict)

    @property
    def expires(self) -> float:
        """When it is forgotten, in seconds since the epoch."""
        return self.touched + self.keep_seconds

    @property
    def is_busy(self) -> bool:
        """Whether any picture is still on its way."""
        return any(not file.state.is_final for file in self.files.values())

    def at_path(self, path: str) -> BatchFile | None:
        """Return the file with this path."""
        return self._by_path.get(path)

    def add(self, path: str) -> BatchFile:
        """Begin a file; one that was refused before gets another chance under its old id."""
        file = BatchFile(id=secrets.token_urlsafe(_ID_BYTES), path=path)
        before = self._by_path.get(path)
        if before is not None:
            file.id = before.id
        self.files[file.id] = self._by_path[path] = file
        return file

    def change(self, file: BatchFile) -> None:
        """Note that a file changed, and wake who listens."""
        self.version += 1
        file.version = self.version
        self._changed[file.id] = file
        self._changed.move_to_end(file.id)
        self.touched = time.time()
        self.ring()

    def changes(self, since: int) -> list[BatchFile]:
        """Return the files that changed after a version, oldest change first."""
        found = []
        for file in reversed(self._changed.values()):
            if file.version <= since:
                break
            found.append(file)
        return found[::-1]

    def ring(self) -> None:
        """Wake everybody who waits for news."""
        self.bell.set()
        self.bell = asyncio.Event()


class Batches:
    """All batches, by their unguessable names. Methods belong to the event loop's thread."""

    def __init__(self, limits: Limits, spool: Spool) -> None:
        self._limits = limits
        self._spool = spool
        self._held: dict[str, Batch] = {}
        self._leaving: set[Batch] = set()

    def __len__(self) -> int:
        """Count the batches that can be asked for."""
        return len(self._held)

    def open(self, settings: Settings, *, client: str) -> Batch:
        """Begin a batch. Raises Problem 429 where the client holds too many."""
        own = [batch for batch in self._held.values() if batch.client == client]
        if len(own) >= self._limits.batches:
            first = min(batch.expires for batch in own)
            raise Problem(
                429,
                "too_many_batches",
                f"{len(own)} batches are held already: delete one first",
                retry_after=min(60.0, max(1.0, first - time.time())),
            )
        batch = Batch(client=client, settings=settings, keep_seconds=self._limits.keep_seconds)
        self._held[batch.id] = batch
        return batch

    def get(self, name: str) -> Batch:
        """Return a batch. Raises Problem 404 where there is none, or no longer."""
        batch = self._held.get(name)
        if batch is None:
            raise Problem(404, "no_such_job", "no such job; they are deleted after a while")
        return batch

    def file(self, batch: Batch, name: str) -> BatchFile:
        """Return a file of a batch. Raises Problem 404."""
        file = batch.files.get(name)
        if file is None:
            raise Problem(404, "no_such_file", "the job has no such file")
        return file

    def end(self, batch: Batch, *, why: str) -> None:
        """Forget a batch; its files go as soon as nobody reads them."""
        self._held.pop(batch.id, None)
        batch.ended = why
        batch.ring()
        self._leaving.add(batch)
        self.sweep(batch)

    def sweep(self, batch: Batch) -> None:
        """Delete the files of a batch that ended, unless somebody still needs them."""
        if batch.ended is None or batch.leases or batch not in self._leaving:
            return
        self._leaving.discard(batch)
        for file in batch.files.values():
            for stored in (file.source, file.result):
                if stored is not None:
                    self._spool.release(stored)
            file.source = file.result = None

    def expired(self) -> list[Batch]:
        """Return the batches whose time is over and that nobody needs any more."""
        now = time.time()
        return [
            batch
            for batch in self._held.values()
            if batch.expires <= now and not batch.is_busy and not batch.leases
        ]

    def all(self) -> list[Batch]:
        """Return every batch."""
        return list(self._held.values())
