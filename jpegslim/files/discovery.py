"""Finding the pictures: PATH arguments in, a stream of candidates out, each file once.

Below a folder the walk takes names that end like a JPEG's. It passes over names that begin with
a dot (thumbnails, trash, version control, macOS's `._` companions, our own temporaries), follows
no links and enters no folder the caller excludes. What the user names is taken as named.
"""

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from jpegslim.files.store import TEMPORARY, plain_words
from jpegslim.results import FileResult, Status

EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to work on.

    root: the PATH argument it was found by. relative: its place below root; for a PATH that is
    a file, its name. explicit: the user named the file itself, so its content is judged and not
    its extension. path: root / relative, or where a named link leads.
    """

    path: Path
    root: Path
    relative: Path
    explicit: bool


@dataclass(frozen=True, slots=True)
class Root:
    """A PATH argument that exists. real: the same without links, "." and ".."."""

    path: Path
    real: Path
    is_folder: bool


def discover(
    paths: Sequence[Path], *, without: Sequence[Path] = ()
) -> Iterator[Candidate | FileResult]:
    """Yield every picture at and below `paths` once, in a stable order, as the walk goes.

    without: folders the walk must not enter, such as an output folder inside the input.

    A path that can't be taken is yielded as a FileResult with the status FAILED and the reason
    "not_found", "unreadable" or "not_a_regular_file".
    """
    excluded = frozenset(_key(_real(folder)) for folder in without)
    for root in distinct(paths, without=without):
        if isinstance(root, FileResult):
            yield root
        elif root.is_folder:
            yield from _walk(root, excluded)
        else:
            path = root.real if root.path.is_symlink() else root.path
            yield Candidate(path, root.path, Path(root.path.name), explicit=True)


def distinct(paths: Sequence[Path], *, without: Sequence[Path] = ()) -> Iterator[Root | FileResult]:
    """Yield the PATH arguments that have to be visited, in order.

    Left out: one named before, and one the walk below another of them reaches anyway.
    """
    excluded = frozenset(_key(_real(folder)) for folder in without)
    roots = [_examine(path) for path in paths]
    folders = {_key(root.real) for root in roots if isinstance(root, Root) and root.is_folder}
    seen: set[str] = set()
    for root in roots:
        if isinstance(root, FileResult):
            yield root
            continue
        key = _key(root.real)
        ours = fnmatchcase(root.real.name, TEMPORARY)
        if key not in seen and not ours and not _reached(root, folders, excluded):
            seen.add(key)
            yield root


def picks(name: str) -> bool:
    """Tell whether the walk takes a file of this name."""
    return not name.startswith(".") and name.lower().endswith(EXTENSIONS)


def holds(root: Root, relative: Path, *, without: Sequence[Path] = ()) -> bool:
    """Tell whether the walk below the folder `root` would yield `relative`."""
    path = root.real / relative
    try:
        regular = stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
    if not regular or _real(path.parent) != path.parent:
        return False
    excluded = frozenset(_key(_real(folder)) for folder in without)
    return picks(path.name) and _reached(Root(path, path, False), {_key(root.real)}, excluded)


def _walk(root: Root, excluded: frozenset[str]) -> Iterator[Candidate | FileResult]:
    """Visit one folder after the other, its files before its folders, without recursion."""
    pending = [Path()]
    while pending:
        folder = pending.pop()
        files: list[tuple[str, bool]] = []
        folders: list[str] = []
        try:
            with os.scandir(root.path / folder) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or _is_link(entry):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif picks(entry.name):
                        files.append((entry.name, entry.is_file(follow_symlinks=False)))
        except OSError as error:
            text = f"the folder can't be read: {plain_words(error)}"
            yield _failed(root.path / folder, "unreadable", text)
        for name, regular in sorted(files):
            relative = folder / name
            if regular:
                yield Candidate(root.path / relative, root.path, relative, explicit=False)
            else:
                yield _failed(root.path / relative, "not_a_regular_file", "is not a regular file")
        pending.extend(
            folder / name
            for name in sorted(folders, reverse=True)
            if _key(root.real / folder / name) not in excluded
        )


def _reached(root: Root, folders: set[str], excluded: frozenset[str]) -> bool:
    """Tell whether the walk below one of `folders` comes to `root` by itself."""
    if not root.is_folder and not picks(root.real.name):
        return False
    step = root.real
    if root.is_folder and (step.name.startswith(".") or _key(step) in excluded):
        return False
    for above in step.parents:
        if _key(above) in folders:
            return True
        if above.name.startswith(".") or _key(above) in excluded:
            return False
    return False


def _examine(path: Path) -> Root | FileResult:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        text = "the link leads nowhere" if path.is_symlink() else "no such file or folder"
        return _failed(path, "not_found", text)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        text = plain_words(error) if isinstance(error, OSError) else "no file can have this name"
        return _failed(path, "unreadable", f"can't be read: {text}")
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        text = "is a device, pipe or socket, not a picture"
        return _failed(path, "not_a_regular_file", text)
    return Root(path, _real(path), stat.S_ISDIR(mode))


def _is_link(entry: os.DirEntry[str]) -> bool:
    """Tell links from files and folders, a Windows junction included."""
    if sys.platform == "win32":
        tag = entry.stat(follow_symlinks=False).st_reparse_tag
        return entry.is_symlink() or tag == stat.IO_REPARSE_TAG_MOUNT_POINT
    else:  # noqa: RET505 - mypy reads one platform's branch
        return entry.is_symlink()


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _key(path: Path) -> str:
    """Return what two names of one folder have in common (on Windows, whatever their case)."""
    return os.path.normcase(path)


def _failed(path: Path, reason: str, message: str) -> FileResult:
    return FileResult(path=path, status=Status.FAILED, reason=reason, message=message)
