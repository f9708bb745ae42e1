"""The walk below one folder: a stream, in a stable order, with one folder in memory at a time."""

import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from jpegslim.files.selection import Sieve, picks
from jpegslim.files.store import plain_words
from jpegslim.files.territory import Territory, is_library, real
from jpegslim.results import FileResult, Reason, Status


@dataclass(frozen=True, slots=True)
class Found:
    """A picture below the folder. path: where a link leads, if it is one."""

    path: Path
    relative: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to visit. linked: it was come to through a link on the way."""

    relative: Path
    real: Path
    linked: bool


class Walk:
    """Visits one folder after the other, its files before its folders, without recursion."""

    def __init__(self, top: Path, *, sieve: Sieve, territory: Territory) -> None:
        """top: the folder as the user named it."""
        self._top = top
        self._sieve = sieve
        self._territory = territory

    def __iter__(self) -> Iterator[Found | FileResult]:
        """Yield what is wanted, and what is in the way of it."""
        pending = [_Folder(Path(), real(self._top), linked=False)]
        while pending:
            folder = pending.pop()
            place = self._top / folder.relative
            files, folders, error = self._list(place)
            if error is not None:
                text = f"the folder can't be read: {plain_words(error)}"
                yield failed(place, "unreadable", text)
            for entry in files:
                found = self._take(entry, place, folder)
                if found is not None:
                    yield found
            below = []
            for entry in folders:
                further = self._enter(entry, place, folder)
                if isinstance(further, FileResult):
                    yield further
                elif further is not None:
                    below.append(further)
            pending.extend(reversed(below))

    def _list(
        self, place: Path
    ) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]], OSError | None]:
        """Return the files and the folders in a folder, sorted, and what kept from the rest."""
        files: list[os.DirEntry[str]] = []
        folders: list[os.DirEntry[str]] = []
        trouble = None
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or self._ignores(entry):
                        continue
                    if _is_folder(entry):
                        folders.append(entry)
                    elif picks(entry.name):
                        files.append(entry)
        except OSError as error:
            trouble = error
        by_name = attrgetter("name")
        return sorted(files, key=by_name), sorted(folders, key=by_name), trouble

    def _ignores(self, entry: os.DirEntry[str]) -> bool:
        return _is_link(entry) and not self._sieve.follows_links

    def _enter(
        self, entry: os.DirEntry[str], place: Path, folder: _Folder
    ) -> _Folder | FileResult | None:
        """Judge a folder inside another; None where it is not visited from here."""
        relative = folder.relative / entry.name
        if not self._sieve.enters(relative):
            return None
        if is_library(entry.name):
            text = "the library of a photo program: name it as a PATH to work inside it"
            return skipped(place / entry.name, Reason.PHOTO_LIBRARY, text)
        link = _is_link(entry)
        leads_to = real(place / entry.name) if link else folder.real / entry.name
        if link or folder.linked:
            entered = self._territory.claim(leads_to, is_folder=True)
        else:
            entered = not self._territory.excludes(leads_to)
        return _Folder(relative, leads_to, link or folder.linked) if entered else None

    def _take(
        self, entry: os.DirEntry[str], place: Path, folder: _Folder
    ) -> Found | FileResult | None:
        """Judge a file; None where it is not for this run."""
        relative = folder.relative / entry.name
        if not self._sieve.wants(relative):
            return None
        path = place / entry.name
        link = _is_link(entry)
        try:
            status = entry.stat()
        except FileNotFoundError:
            # What is gone since the folder was read is no matter of ours.
            return failed(path, "not_found", "the link leads nowhere") if link else None
        except OSError as error:
            return failed(path, "unreadable", f"can't be read: {plain_words(error)}")
        if not stat.S_ISREG(status.st_mode):
            return failed(path, "not_a_regular_file", "is not a regular file")
        if link or folder.linked:
            leads_to = real(path) if link else folder.real / entry.name
            if not self._territory.claim(leads_to, is_folder=False):
                return None
            path = leads_to if link else path
        return self._weigh(Found(path, relative, status.st_size, status.st_mtime_ns))

    def _weigh(self, found: Found) -> Found | FileResult | None:
        if self._sieve.is_small(found.size):
            return None
        return young(found.path) if self._sieve.is_young(found.mtime_ns) else found


def failed(path: Path, reason: str, message: str) -> FileResult:
    """Return the outcome of a path that can't be taken."""
    return FileResult(path=path, status=Status.FAILED, reason=reason, message=message)


def skipped(path: Path, reason: Reason, message: str) -> FileResult:
    """Return the outcome of a path that is left alone on purpose."""
    return FileResult(path=path, status=Status.SKIPPED, reason=reason, message=message)


def young(path: Path) -> FileResult:
    """Return the outcome of a file that may still be written to."""
    return skipped(path, Reason.TOO_YOUNG, "modified just now: left for the next run")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link in a circle: whoever takes it for a picture will be told.
        return False


def _is_link(entry: os.DirEntry[str]) -> bool:
    """Tell links from files and folders, a Windows junction included."""
    if sys.platform == "win32":
        tag = entry.stat(follow_symlinks=False).st_reparse_tag
        return entry.is_symlink() or tag == stat.IO_REPARSE_TAG_MOUNT_POINT
    else:  # noqa: RET505 - mypy reads one platform's branch
        return entry.is_symlink()
