"""Keeping originals before they are replaced, and putting them back.

The folder mirrors the whole path of every original, so names can't clash, and holds a manifest:
one JSON line for every replacement, on disk before it happens. A hard link is a true backup,
because a replaced file is never written to: the new one takes its name. The files of other times
(edited and optimized again) are kept by their digest.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from jpegslim.errors import FileError, PublishError, RunError, UsageError
from jpegslim.files import store
from jpegslim.files.store import Identity, plain_name, plain_words

MANIFEST = "manifest.jsonl"
_MIRROR = "originals"
_VERSIONS = "versions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One replacement. path: absolute. original, result: digests before and after.

    kept: where the original is, below the backup folder.
    """

    path: str
    original: str
    result: str
    kept: str
    size: int
    mode: int
    mtime_ns: int


class RestoreOutcome(StrEnum):
    """What became of one original."""

    RESTORED = "restored"
    UNCHANGED = "unchanged"
    CHANGED = "changed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Restored:
    """The outcome of one file. message: one line for a person, without the path."""

    path: Path
    outcome: RestoreOutcome
    message: str


class Backup:
    """The folder that originals are kept in during a run; a context manager."""

    def __init__(self, folder: Path) -> None:
        """Open the manifest; RunError where the folder can't be written."""
        self._folder = folder
        self._by_result: dict[str, Entry] | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._manifest = (folder / MANIFEST).open("ab+", buffering=0)
            self._end_torn_line()
            store.sync_folder(folder)
        except OSError as error:
            raise RunError(
                f"the backup folder {plain_name(folder)} can't be written:"
                f" {plain_words(error)}; choose another --backup"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._manifest.close()

    def keep(self, path: Path, identity: Identity, *, result: str, again: bool) -> Path:
        """Keep the file at `path`, note durably that `result` will take its place, return where.

        path: absolute. identity: of the file. result: digest. again: the file is a result of
        ours, so its original may be here already.

        Raises PublishError where this original can't be kept, RunError where no other could be.
        """
        before = self._replaced_by(identity.digest) if again else None
        try:
            looks = path.stat()
        except OSError as error:
            raise PublishError(f"can't be backed up: {plain_words(error)}") from error
        if before is not None:
            original, kept = before.original, before.kept
        else:
            original, kept = identity.digest, self._keep(path, identity)
        entry = Entry(
            path=str(path),
            original=original,
            result=result,
            kept=kept,
            size=identity.size,
            mode=looks.st_mode & 0o777,
            mtime_ns=identity.mtime_ns,
        )
        with store.translated(self._folder):
            self._manifest.write(_line(entry))
            os.fsync(self._manifest.fileno())
        if self._by_result is not None:
            self._by_result[entry.result] = entry
        return self._folder / entry.kept

    def names_of(self, path: Path, status: os.stat_result) -> int:
        """Count the names that a file has in here: a run that was interrupted leaves one."""
        mirror = self._folder / _mirrored(Path(os.path.realpath(path.parent), path.name))
        with suppress(OSError):
            return int(os.path.samestat(mirror.lstat(), status))
        return 0

    def _keep(self, path: Path, identity: Identity) -> str:
        """Return where the original is kept, below the folder."""
        places = (_mirrored(path), Path(_VERSIONS, f"{identity.digest}{path.suffix[:8]}"))
        for last, relative in enumerate(places):
            place = self._folder / relative
            try:
                if _digest(place) is None:
                    self._copy(path, place, identity)
                elif _digest(place) != identity.digest:
                    continue
            except PublishError as error:
                # A name too long or taken in another case; the digest's is neither.
                if last:
                    raise PublishError(f"can't be backed up: {error}") from error
                continue
            return relative.as_posix()
        raise PublishError(f"can't be backed up: {plain_name(place)} holds something else")

    def _copy(self, path: Path, place: Path, identity: Identity) -> None:
        if store.link(path, place):
            status = place.stat()
            if (status.st_dev, status.st_ino) == (identity.device, identity.inode):
                return
            place.unlink()
            raise PublishError("was changed by another program meanwhile", reason="changed")
        try:
            data, found = store.read(path)
        except FileError as error:
            raise PublishError(str(error), reason=error.reason) from error
        if found != identity:
            raise PublishError("was changed by another program meanwhile", reason="changed")
        store.place(data, place, like=path)
        if _digest(place) != identity.digest:
            raise PublishError(f"{plain_name(place)} does not hold what was written")

    def _replaced_by(self, result: str) -> Entry | None:
        if self._by_result is None:
            self._by_result = {entry.result: entry for entry in _entries(self._folder)}
        return self._by_result.get(result)

    def _end_torn_line(self) -> None:
        if self._manifest.seek(0, os.SEEK_END):
            self._manifest.seek(-1, os.SEEK_END)
            if self._manifest.read(1) != b"\n":
                self._manifest.write(b"\n")


def paths_in(folder: Path) -> list[Path]:
    """Return every path that `restore` may write. Raises UsageError where nothing is kept."""
    return [Path(path) for path in _latest(folder)]


def restore(folder: Path, *, dry_run: bool = False) -> Iterator[Restored]:
    """Put every original in a backup folder back, each at once and whole; yield what became of it.

    A file that is neither the original nor what replaced it was changed since: it stays.
    Raises UsageError where the folder holds no backup, RunError where the disk is full.
    """
    for name, entry in _latest(folder).items():
        path = Path(name)
        try:
            outcome, message = _put_back(folder, path, entry, dry_run=dry_run)
        except FileError as error:
            outcome, message = RestoreOutcome.FAILED, str(error)
        yield Restored(path, outcome, message)


def _put_back(
    folder: Path, path: Path, entry: Entry, *, dry_run: bool
) -> tuple[RestoreOutcome, str]:
    kept = folder / entry.kept
    current: Identity | None = None
    try:
        _, current = store.read(path)
    except FileError as error:
        if error.reason != "not_found":
            raise
    if current is not None and current.digest == entry.original:
        return RestoreOutcome.UNCHANGED, "is the original"
    if current is not None and current.digest != entry.result:
        text = f"was changed since; left as it is, the original is {plain_name(kept)}"
        return RestoreOutcome.CHANGED, text
    try:
        data, found = store.read(kept)
    except FileError as error:
        raise FileError(f"its original {plain_name(kept)} {error}", reason=error.reason) from error
    if found.digest != entry.original:
        raise FileError(f"its original {plain_name(kept)} is damaged", reason="broken")
    if not dry_run:
        if current is None:
            store.place(data, path, like=kept)
        else:
            staged = store.stage(data, path, like=kept)
            store.publish(staged, source=path, identity=current, in_place=True, replaces=None)
    was = "was gone; " if current is None else ""
    return RestoreOutcome.RESTORED, f"{was}{'would be' if dry_run else 'is'} the original again"


def _latest(folder: Path) -> dict[str, Entry]:
    if not (folder / MANIFEST).is_file():
        raise UsageError(f"{plain_name(folder)} holds no backup: there is no {MANIFEST} in it")
    return {entry.path: entry for entry in _entries(folder)}


def _entries(folder: Path) -> Iterator[Entry]:
    """Yield the manifest's entries; a line cut short by a crash was followed by no replacement."""
    try:
        with (folder / MANIFEST).open("rb") as lines:
            for line in lines:
                try:
                    yield Entry(**json.loads(line))
                except (ValueError, TypeError):
                    continue
    except OSError as error:
        text = f"{plain_name(folder / MANIFEST)} can't be read: {plain_words(error)}"
        raise RunError(text) from error


def _line(entry: Entry) -> bytes:
    # Only ASCII: the bytes of names that are not UTF-8 travel as escaped lone surrogates.
    return json.dumps(asdict(entry)).encode("ascii") + b"\n"


def _mirrored(path: Path) -> Path:
    drive = [part for part in path.drive.replace(":", "").split("\\") if part]
    return Path(_MIRROR, *drive, *path.parts[1:])


def _digest(place: Path) -> str | None:
    """Return the digest of what is kept somewhere, None for nothing."""
    try:
        _, identity = store.read(place)
    except FileError as error:
        if error.reason == "not_found":
            return None
        raise PublishError(f"{plain_name(place)} {error}") from error
    return identity.digest
