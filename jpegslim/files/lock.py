"""One run at a time on a tree: who writes where is told in a folder of lock files.

Each run has a file there, named after the run, that lists what it claims and is locked by the
operating system for as long as the run or one of its workers lives. A file that nobody holds was
left by a run that died: what it claimed tells where its temporaries may lie.
"""

import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from jpegslim.errors import RunError
from jpegslim.files.store import plain_name, plain_words

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# Workers of a run that was killed end within two seconds.
GRACE_SECONDS = 3.0
_POLL_SECONDS = 0.1
_REGISTRY = "registry"
_SUFFIX = ".lock"
# Windows keeps others from reading what is locked: a byte far behind the text.
_FAR = 1 << 30
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class Extent(StrEnum):
    """How far a claim goes."""

    TREE = "tree"
    FOLDER = "folder"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Claim:
    """A place a run may write to. path: absolute and without links.

    A folder is claimed with the files right in it, a tree with everything below.
    """

    path: Path
    extent: Extent

    def covers(self, other: "Claim") -> bool:
        """Tell whether a place of `other` is in this one."""
        if self.path == other.path:
            return True
        if self.extent is Extent.TREE:
            return self.path in other.path.parents
        return (
            self.extent is Extent.FOLDER
            and other.extent is Extent.FILE
            and other.path.parent == self.path
        )

    def overlaps(self, other: "Claim") -> bool:
        """Tell whether two runs could meet on one file."""
        return self.covers(other) or other.covers(self)


@dataclass(frozen=True, slots=True)
class DeadRun:
    """A run that ended without tidying up, and what it had claimed."""

    run: str
    claims: tuple[Claim, ...]


class TreeLock:
    """What one run claims; a context manager that gives it back.

    run: names the run in the names of its temporaries. descriptor: to be inherited by its
    workers, so that the lock lasts until none of them can write (POSIX; on Windows it ends with
    the parent, and the workers right after it).
    """

    def __init__(self, folder: Path, run: str | None = None) -> None:
        """Open the run's file in `folder`; RunError where that can't be."""
        self.run = run or new_run()
        self._folder = folder
        self._claims: set[Claim] = set()
        self._left_behind = False
        with self._translated():
            folder.mkdir(parents=True, exist_ok=True)
            with self._registry():
                self.descriptor = os.open(self._file(self.run), _FLAGS, 0o600)
                if not _try_lock(self.descriptor):
                    raise RunError(f"{plain_name(folder)} does not take locks: {_elsewhere()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back."""
        with suppress(OSError), self._registry():
            # Still inherited by a worker that is about to end: the name goes all the same.
            os.close(self.descriptor)
            if not self._left_behind:
                self._file(self.run).unlink()

    def leave_behind(self) -> None:
        """Let the next run there find this one dead, and sweep: somebody may still stage."""
        self._left_behind = True

    def claim(self, claims: Sequence[Claim], *, wait: bool = False) -> list[DeadRun]:
        """Claim places for this run; return the dead runs that had claimed some of them.

        Raises RunError where another run works there, unless `wait` asks to wait for its end.
        """
        refusal = time.monotonic() + GRACE_SECONDS
        while True:
            with self._translated(), self._registry():
                rival, dead = self._look(claims)
                if rival is None:
                    lines = "".join(_line(claim) for claim in claims)
                    os.lseek(self.descriptor, 0, os.SEEK_END)
                    os.write(self.descriptor, lines.encode("ascii"))
                    self._claims.update(claims)
                    return dead
            if not wait and time.monotonic() >= refusal:
                raise RunError(
                    f"another run is at work in {plain_name(rival.path)}:"
                    " try again when it is done, or let this one wait with --wait"
                )
            time.sleep(_POLL_SECONDS)

    def holds(self, claim: Claim) -> bool:
        """Tell whether this run has claimed the place already, or a tree that it is in."""
        return claim in self._claims or any(
            Claim(above, Extent.TREE) in self._claims for above in (claim.path, *claim.path.parents)
        )

    def is_live(self, run: str) -> bool:
        """Tell whether a run, or one of its workers, may still write."""
        with self._translated(), self._registry():
            return run == self.run or self._is_held(self._file(run))

    def bury(self, run: str) -> None:
        """Forget a dead run, once its temporaries are gone."""
        with suppress(OSError), self._registry():
            self._file(run).unlink()

    def _look(self, claims: Sequence[Claim]) -> tuple[Claim | None, list[DeadRun]]:
        """Return what a live run holds of these claims, and the dead who held some of them."""
        dead = []
        for file in sorted(self._folder.glob(f"*{_SUFFIX}")):
            if file.stem == self.run:
                continue
            theirs = _claims(file)
            met = [each for each in theirs if any(each.overlaps(claim) for claim in claims)]
            held = self._is_held(file)
            if met and held:
                return met[0], []
            if met:
                dead.append(DeadRun(file.stem, tuple(theirs)))
            elif not theirs and not held:
                file.unlink()
        return None, dead

    def _file(self, run: str) -> Path:
        return self._folder / f"{run}{_SUFFIX}"

    def _is_held(self, file: Path) -> bool:
        try:
            descriptor = os.open(file, _FLAGS & ~os.O_CREAT)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _registry(self) -> Iterator[None]:
        """Keep every other run from looking and claiming."""
        descriptor = os.open(self._folder / _REGISTRY, _FLAGS, 0o600)
        try:
            while not _try_lock(descriptor):
                time.sleep(_POLL_SECONDS / 10)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunError(
                f"the folder for locks, {plain_name(self._folder)}, can't be used:"
                f" {plain_words(error)}; {_elsewhere()}"
            ) from error


def new_run() -> str:
    """Return a name for a run that no other has."""
    return secrets.token_hex(8)


def _elsewhere() -> str:
    return "give --ledger FILE in a folder that can be written"


def _line(claim: Claim) -> str:
    return f"{claim.extent} {os.fsencode(claim.path).hex()}.\n"


def _claims(file: Path) -> list[Claim]:
    """Read a run's claims; a line cut short by a crash was not acted on."""
    claims = []
    try:
        text = file.read_text("ascii")
    except FileNotFoundError:
        return []
    for line in text.splitlines():
        extent, _, path = line.partition(" ")
        if path.endswith("."):
            name = os.fsdecode(bytes.fromhex(path.removesuffix(".")))
            claims.append(Claim(Path(name), Extent(extent)))
    return claims


if sys.platform == "win32":

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
