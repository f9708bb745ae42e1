"""Reading sources and putting results in their place: the only module that writes pictures.

A result is staged whole and synced under a temporary name in the folder where it will stand,
then published by one atomic rename. Whatever happens in between, the source and anything that
stood at the destination are untouched.
"""

import errno
import hashlib
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jpegslim.errors import FileError, PublishError, RunError
from jpegslim.results import Reason

# Address space is the limit long before this; it keeps a disk image called .jpg out of memory.
LARGEST_FILE = 2 << 30

# Matches every temporary of ours and nothing a camera or a person writes.
TEMPORARY = ".jpegslim-*.tmp"

# Once one file meets these, so does the next.
_HOPELESS = {
    errno.ENOSPC: "no space left in {folder}: free some and run again",
    errno.EDQUOT: "your disk quota for {folder} is used up: free some space and run again",
    errno.EROFS: "{folder} is read-only: give a folder that can be written with --output",
    errno.EFBIG: "files in {folder} may not be as large as this: raise the limit (ulimit -f)",
}
# What a file system answers that has no hard links, or forbids them.
_NO_LINKS = {
    errno.EPERM,
    errno.EACCES,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EMLINK,
    errno.EXDEV,
}
# Extended attributes that belong to the picture. Others sign the old bytes (security.ima), give
# rights (security.capability) or are the file system's own.
_ACL = "system.posix_acl_access"
_KEPT_ATTRIBUTES = ("user.", "security.selinux")

# A virus scanner or indexer may hold a new file on Windows for a moment.
_RETRY_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)

_READ_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    # Opening a FIFO would wait for a writer.
    | getattr(os, "O_NONBLOCK", 0)
)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_WRITE_FLAGS = os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | _NO_FOLLOW
_CREATE_FLAGS = _WRITE_FLAGS | os.O_CREAT | os.O_EXCL
_RESERVED_FLAGS = _WRITE_FLAGS | os.O_TRUNC


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells that a file is still the one that was read. digest: SHA-256 of its bytes, hex."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    digest: str


@dataclass(frozen=True, slots=True)
class Staged:
    """A finished file under its temporary name, and the name it is meant for."""

    temporary: Path
    destination: Path


def read(path: Path, *, limit: int | None = None) -> tuple[bytes, Identity]:
    """Read a whole file and what identifies it.

    limit: bytes; a larger file is refused unread.

    Raises FileError with the reason "not_found", "unreadable", "not_a_regular_file", "too_big",
    or "changed" where the file changed while it was read.
    """
    return _read(path, _READ_FLAGS, limit)


def temporary_for(destination: Path, token: str) -> Path:
    """Return the name that `stage` works under: whoever chose the token can clear it away."""
    return destination.parent / TEMPORARY.replace("*", token)


def temporaries_of(run: str) -> str:
    """Return the pattern of the temporaries whose tokens begin with a run's name."""
    return TEMPORARY.replace("*", f"{run}*")


def reserve(staged: Staged) -> bool:
    """Take a temporary name for a `stage` to come, empty; False where somebody has it.

    Raises as `stage` does.
    """
    with translated(staged.temporary.parent):
        _make_folder(staged.temporary.parent)
        try:
            with _opened(staged.temporary, _CREATE_FLAGS):
                return True
        except FileExistsError:
            return False


def stage(
    data: bytes,
    destination: Path,
    *,
    like: Path,
    token: str | None = None,
    reserved: bool = False,
) -> Staged:
    """Write `data` whole and synced under a temporary name beside `destination`.

    token: makes the temporary's name, `temporary_for`; random where not given. reserved: that name
    was taken for this, and is not written where it is gone meanwhile.

    Folders on the way to `destination` are created. Permissions (not on Windows, where the
    folder's apply) and times follow the file `like`. Owner, group and extended attributes
    (Linux: the user's own, ACL and SELinux label) follow it where the system allows; where the
    group can't, the group gets no more rights than everybody has.

    Raises PublishError for this file's trouble, RunError where no other file would fare better.
    The temporary is gone then.
    """
    folder = destination.parent
    temporary = temporary_for(destination, token or secrets.token_hex(8))
    try:
        looks = like.stat()
    except OSError as error:
        raise PublishError(f"the source can't be examined: {plain_words(error)}") from error
    with translated(folder):
        _make_folder(folder)
        try:
            with _opened(temporary, _RESERVED_FLAGS if reserved else _CREATE_FLAGS) as descriptor:
                _write_all(descriptor, data)
                _dress(descriptor, like, looks)
                os.fsync(descriptor)
            if sys.platform == "win32":  # closing sets the time there
                os.utime(temporary, ns=(looks.st_atime_ns, looks.st_mtime_ns))
        except FileExistsError:
            # Somebody else's.
            raise
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    return Staged(temporary, destination)


def publish(
    staged: Staged, *, source: Path, identity: Identity, in_place: bool, replaces: str | None
) -> None:
    """Give the staged file its name, atomically; its temporary name is gone in every outcome.

    in_place: the destination is the source. It is compared with `identity`, bytes included,
        right before it is replaced.
    replaces: digest of an earlier result of ours that may stand at the destination; anything
        else there is left alone.

    Raises PublishError ("changed": the source is not what was read; "exists": something else
    has the name), RunError where no other file would fare better.
    """
    destination = staged.destination
    try:
        with translated(destination.parent):
            if in_place:
                if _identify(source) != identity:
                    text = "was changed by another program meanwhile; left as it is"
                    raise PublishError(text, reason="changed")
                _replace(staged.temporary, destination)
            elif os.path.lexists(destination):
                _check_ours(destination, identity, replaces)
                _replace(staged.temporary, destination)
            else:
                _claim(staged.temporary, destination)
            sync_folder(destination.parent)
    finally:
        discard(staged)


def place(data: bytes, destination: Path, *, like: Path) -> None:
    """Write a new file whole, synced and looking like `like` under a name that nobody has.

    Raises PublishError ("exists" where the name is taken), RunError where no other file would
    fare better.
    """
    staged = stage(data, destination, like=like)
    try:
        with translated(destination.parent):
            _claim(staged.temporary, destination)
            sync_folder(destination.parent)
    finally:
        discard(staged)


def link(source: Path, destination: Path) -> bool:
    """Give a file a second name that nobody has, durably; False where links can't be had.

    Raises PublishError and RunError as `place` does.
    """
    with translated(destination.parent):
        _make_folder(destination.parent)
        try:
            os.link(source, destination, follow_symlinks=False)
        except FileExistsError as error:
            raise _taken() from error
        except OSError as error:
            if error.errno in _NO_LINKS:
                return False
            raise
        sync_folder(destination.parent)
    return True


def digest(data: bytes) -> str:
    """Return what identifies bytes: SHA-256, hex."""
    return hashlib.sha256(data).hexdigest()


def discard(staged: Staged) -> None:
    """Remove the temporary where it still exists."""
    with suppress(OSError):
        staged.temporary.unlink()


def plain_words(error: OSError) -> str:
    """Return the system's own words for an error, without the path and the number."""
    return (error.strerror or type(error).__name__).lower()


def plain_name(path: Path) -> str:
    """Return a path as one line that is safe in a message, whatever is in the name."""
    name = str(path)
    return name if name.isprintable() else ascii(name)


def _read_up_to(descriptor: int, size: int) -> bytes:
    pieces = []
    while size and (piece := os.read(descriptor, min(size, 1 << 30))):
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _moment(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _read(path: Path, flags: int, limit: int | None) -> tuple[bytes, Identity]:
    try:
        with _opened(path, flags) as descriptor:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise FileError("is not a regular file", reason="not_a_regular_file")
            if limit is not None and before.st_size > limit:
                text = f"is too large: {before.st_size:,} bytes"
                raise FileError(text, reason=Reason.TOO_BIG)
            # One byte more than there should be, so that growth shows and is bounded.
            data = _read_up_to(descriptor, before.st_size + 1)
            after = os.fstat(descriptor)
    except FileNotFoundError as error:
        raise FileError("no such file", reason="not_found") from error
    except OSError as error:
        raise FileError(f"can't be read: {plain_words(error)}", reason="unreadable") from error
    if _moment(before) != _moment(after) or len(data) != before.st_size:
        raise FileError("changed while it was read", reason="changed")
    return data, Identity(*_moment(before), digest(data))


def _identify(path: Path) -> Identity | None:
    """Return what stands at `path` now, None where it is a link or can't be read."""
    try:
        _, identity = _read(path, _READ_FLAGS | _NO_FOLLOW, None)
    except FileError:
        return None
    return identity


def _check_ours(destination: Path, source: Identity, replaces: str | None) -> None:
    """Raise PublishError unless our earlier result, of this digest, is at `destination`."""
    found = _identify(destination) if replaces is not None else None
    if found is None or found.digest != replaces:
        raise _taken()
    if (found.device, found.inode) == (source.device, source.inode):
        # The output folder leads back to the source by a link.
        raise _taken()


def _taken() -> PublishError:
    return PublishError("the output already exists; left as it is", reason="exists")


def _make_folder(folder: Path) -> None:
    """Create a folder and what is missing above it; no recursion, so any depth will do."""
    missing = []
    while not folder.is_dir() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    for step in reversed(missing):
        # Another worker may be faster. A file there shows when the next step or file is made.
        with suppress(FileExistsError):
            step.mkdir()
            sync_folder(step.parent)


def _replace(temporary: Path, destination: Path) -> None:
    for pause in _RETRY_SECONDS if sys.platform == "win32" else ():
        with suppress(PermissionError):
            temporary.replace(destination)
            return
        time.sleep(pause)
    temporary.replace(destination)


def _claim(temporary: Path, destination: Path) -> None:
    """Rename to a name nobody has; PublishError where somebody was faster."""
    try:
        if sys.platform == "win32":
            temporary.rename(destination)  # refuses to replace there
        else:
            _link(temporary, destination)
    except FileExistsError as error:
        raise _taken() from error


def _link(temporary: Path, destination: Path) -> None:
    try:
        destination.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        with suppress(OSError):
            temporary.unlink()
        return
    # An empty file claims the name; the rename over it is atomic again.
    with _opened(destination, _CREATE_FLAGS):
        pass
    try:
        temporary.replace(destination)
    except BaseException:
        destination.unlink()
        raise


def _dress(descriptor: int, like: Path, looks: os.stat_result) -> None:
    """Give the new file the owner, rights and attributes of `like`, as `stage` promises."""
    if sys.platform != "win32":
        mode = looks.st_mode & 0o777
        kept: tuple[str, ...] = (*_KEPT_ATTRIBUTES, _ACL)
        for owner in (looks.st_uid, -1):
            with suppress(OSError):
                os.fchown(descriptor, owner, looks.st_gid)
                break
        else:
            # Another group can read it now: it gets what everybody has, as editors do it.
            mode &= ~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3
            kept = _KEPT_ATTRIBUTES
        if sys.platform == "linux":
            with suppress(OSError):
                for name in os.listxattr(like):
                    if name.startswith(kept):
                        with suppress(OSError):
                            os.setxattr(descriptor, name, os.getxattr(like, name))
        os.fchmod(descriptor, mode)
        os.utime(descriptor, ns=(looks.st_atime_ns, looks.st_mtime_ns))


def sync_folder(folder: Path) -> None:
    """Make the rename last through a power cut, where folders can be synced.

    The new name is already there: a refusal here must not report the file as failed.
    """
    if sys.platform != "win32":
        with suppress(OSError), _opened(folder, os.O_RDONLY) as descriptor:
            os.fsync(descriptor)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn an OSError into RunError where every file would meet it, else into PublishError."""
    try:
        yield
    except OSError as error:
        if error.errno in _HOPELESS:
            raise RunError(_HOPELESS[error.errno].format(folder=plain_name(folder))) from error
        raise PublishError(f"can't be written: {plain_words(error)}") from error
