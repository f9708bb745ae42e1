"""Uploads and results on disk: a private folder, names of our own, a bound on the bytes.

No name or path of a client gets here. The folder is locked for as long as the service lives;
what a killed service left behind is swept away by the next one.
"""

import asyncio
import errno
import hashlib
import os
import secrets
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jpegslim.errors import RunError
from jpegslim.web.limits import MEBIBYTE, Limits
from jpegslim.web.problems import Problem

if sys.platform != "win32":
    import fcntl

_PREFIX = "jpegslim-serve-"
_CHUNK = MEBIBYTE // 4
_START_OF_IMAGE = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Stored:
    """One file of the spool. client: who answers for its bytes. digest: SHA-256, hexadecimal."""

    path: Path
    client: str
    size: int
    digest: str


class Spool:
    """The folder and what is in it. Methods belong to the event loop's thread."""

    def __init__(self, limits: Limits, *, parent: Path | None = None) -> None:
        """Make the folder, after sweeping away what dead services left. Raises RunError."""
        self._limits = limits
        place = Path(tempfile.gettempdir()) if parent is None else parent
        try:
            _sweep(place)
            self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))  # mode 0700
            self._lock = _lock(self._folder)
        except OSError as error:
            text = f"can't keep uploads in {place}: {error.strerror or error}"
            raise RunError(text) from error
        self._used: Counter[str] = Counter()

    @property
    def used(self) -> int:
        """Bytes that are stored or arriving."""
        return self._used.total()

    def close(self) -> None:
        """Remove the folder and everything in it."""
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)

    def new_path(self) -> Path:
        """Return a name that nobody can guess and nothing has."""
        return self._folder / secrets.token_hex(16)

    async def receive(self, chunks: AsyncIterator[bytes], *, client: str, limit: int) -> Stored:
        """Store an upload as it arrives.

        Raises Problem 413 where it is over `limit`, 422 where it is empty or no JPEG, 429 where the
        store is full, 507 where the disk is, and what `chunks` raises.
        """
        path = self.new_path()
        sha = hashlib.sha256()
        buffer = bytearray()
        size = 0
        writing: asyncio.Future[None] | None = None
        try:
            async for chunk in chunks:
                _check_size(size + len(chunk), limit)
                self._reserve(client, len(chunk))
                size += len(chunk)
                buffer += chunk
                if len(buffer) >= len(_START_OF_IMAGE) and size == len(buffer):
                    _check_start(buffer)
                if len(buffer) >= MEBIBYTE:
                    writing = asyncio.ensure_future(_write(path, buffer, sha))
                    await asyncio.shield(writing)
                    buffer.clear()
            if size <= len(_START_OF_IMAGE):
                _check_start(buffer)
            writing = asyncio.ensure_future(_write(path, buffer, sha))
            await asyncio.shield(writing)
        except BaseException as error:
            self._give_back(client, size)
            if writing is not None:
                # A thread that still writes would bring the file back.
                await asyncio.wait({writing})
            await asyncio.shield(asyncio.to_thread(path.unlink, missing_ok=True))
            if isinstance(error, OSError):
                raise _disk_problem(error) from error
            raise
        return Stored(path, client, size, sha.hexdigest())

    def adopt(self, path: Path, *, client: str, size: int) -> Stored:
        """Take a result that a worker wrote into the books."""
        self._used[client] += size
        return Stored(path, client, size, "")

    def release(self, stored: Stored) -> None:
        """Delete a file and forget its bytes."""
        stored.path.unlink(missing_ok=True)
        self._give_back(stored.client, stored.size)

    def _reserve(self, client: str, size: int) -> None:
        full = self._used.total() + size > self._limits.stored_bytes
        if full or self._used[client] + size > self._limits.stored_of_one:
            raise Problem(
                429,
                "storage_full",
                "no room for more pictures: download and delete what is done, or wait",
                retry_after=min(60.0, self._limits.keep_seconds),
            )
        self._used[client] += size

    def _give_back(self, client: str, size: int) -> None:
        self._used[client] -= size
        if not self._used[client]:
            del self._used[client]


def read_chunks(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes, a quarter of a mebibyte at a time."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def too_large(limit: int) -> Problem:
    """Return what is said of an upload over the limit."""
    return Problem(413, "too_large", f"the file is larger than {limit / 1e6:g} MB")


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise too_large(limit)


def _check_start(start: bytes | bytearray) -> None:
    if not start:
        raise Problem(422, "not_a_jpeg", "the file is empty")
    if not start.startswith(_START_OF_IMAGE):
        raise Problem(422, "not_a_jpeg", "the file is not a JPEG")


async def _write(path: Path, buffer: bytearray, sha: "hashlib._Hash") -> None:
    await asyncio.to_thread(_append, path, bytes(buffer), sha)


def _append(path: Path, data: bytes, sha: "hashlib._Hash") -> None:
    # Opened for each piece: a thousand slow uploads hold no descriptors.
    with path.open("ab") as file:
        file.write(data)
    sha.update(data)


def _disk_problem(error: OSError) -> Problem:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem(507, "disk_full", "the server's disk is full", retry_after=60)
    return Problem(500, "not_stored", f"the upload can't be stored: {error.strerror}")


def _lock(folder: Path) -> int | None:
    """Lock a folder for as long as the descriptor is open; OSError where it is another's.

    The folder itself, not a file in it: what tidies temporary folders by age passes over a folder
    that is locked, with everything in it (tmpfiles.d(5)).
    """
    if sys.platform == "win32":
        return None
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _sweep(place: Path) -> None:
    """Remove the folders of services that ended without tidying up."""
    if sys.platform == "win32":
        return
    for folder in place.glob(f"{_PREFIX}*"):
        # Gone meanwhile, in use, or a link that somebody left in a shared temporary folder.
        with suppress(OSError):
            if folder.lstat().st_uid != os.getuid():
                continue
            lock = _lock(folder)
            try:
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                if lock is not None:
                    os.close(lock)
