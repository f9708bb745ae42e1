"""Finding the pictures: PATH arguments in, a stream of candidates out, each file once.

Below a folder the walk takes names that end like a JPEG's, as far as the selection wants them.
It passes over names that begin with a dot (thumbnails, trash, version control, macOS's `._`
companions, our own temporaries), enters no folder the caller excludes, and follows links only
where asked to. The libraries of photo programs are left to them. What the user names is taken
as named.
"""

import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from jpegslim.files.selection import EVERYTHING, Selection, Sieve, picks
from jpegslim.files.store import TEMPORARY, plain_words
from jpegslim.files.territory import Territory, key, keys, real
from jpegslim.files.walk import Walk, failed, skipped, young
from jpegslim.results import FileResult, Reason

__all__ = [
    "EVERYTHING",
    "Candidate",
    "Root",
    "Selection",
    "discover",
    "discover_listed",
    "distinct",
    "holds",
    "output_name",
    "picks",
]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to work on.

    root: the PATH or listed name it was found by. relative: its place below root; for one that
    is a file, its name. explicit: the user named the file itself, so its content is judged and
    not its extension. path: root / relative, or where a link leads. size, mtime_ns: as found.
    base: what stands before `relative` in an output folder.
    """

    path: Path
    root: Path
    relative: Path
    explicit: bool
    size: int
    mtime_ns: int
    base: Path

    @property
    def place(self) -> Path:
        """Where its result belongs below an output folder."""
        return self.base / self.relative


@dataclass(frozen=True, slots=True)
class Root:
    """A PATH argument that exists. real: the same without links, "." and ".."."""

    path: Path
    real: Path
    is_folder: bool
    size: int = 0
    mtime_ns: int = 0


def discover(
    paths: Sequence[Path], *, without: Sequence[Path] = (), selection: Selection = EVERYTHING
) -> Iterator[Candidate | FileResult]:
    """Yield every wanted picture at and below `paths` once, in a stable order, as the walk goes.

    without: folders the walk must not enter, such as an output folder inside the input.

    A path that can't be taken is yielded as a FileResult with the status FAILED and the reason
    "not_found", "unreadable" or "not_a_regular_file"; what is left alone on purpose as SKIPPED
    with the reason "too_young", "too_small" (a named file) or "photo_library".
    """
    visit = _Visit(paths, keys(without), Sieve(selection))
    for root in visit.roots:
        if isinstance(root, FileResult):
            yield root
        else:
            base = Path(output_name(root.path)) if root.is_folder else Path()
            yield from visit.at(root, base)


def discover_listed(
    names: Iterable[Path | FileResult | None],
    *,
    without: Sequence[Path] = (),
    selection: Selection = EVERYTHING,
) -> Iterator[Candidate | FileResult | None]:
    """Yield what each name of an endless list leads to, judged alone as a PATH is.

    No name is remembered: a file that is listed twice, or by itself and with its folder, comes
    twice. In an output folder a relative name keeps the folders it is written with; an absolute
    name, or one with "..", goes by its last part. Handed on are outcomes, of what is no file's
    name, and None, for nothing yet.
    """
    avoided, sieve = keys(without), Sieve(selection)
    for name in names:
        if name is None or isinstance(name, FileResult):
            yield name
            continue
        visit = _Visit([name], avoided, sieve)
        mirrored = not name.anchor and ".." not in name.parts
        for root in visit.roots:
            if isinstance(root, FileResult):
                yield root
            elif root.is_folder:
                yield from visit.at(root, name if mirrored else Path(output_name(name)))
            else:
                yield from visit.at(root, name.parent if mirrored else Path())


def distinct(
    paths: Sequence[Path], *, without: Sequence[Path] = (), selection: Selection = EVERYTHING
) -> Iterator[Root | FileResult]:
    """Yield the PATH arguments that have to be visited, in order.

    Left out: one named before, and one the walk below another of them reaches anyway.
    """
    yield from _Visit(paths, keys(without), Sieve(selection)).roots


def holds(
    root: Root,
    relative: Path,
    *,
    without: Sequence[Path] = (),
    selection: Selection = EVERYTHING,
) -> bool:
    """Tell whether the walk below the folder `root` would yield `relative`.

    With links followed it may say so of a name whose file comes by another name.
    """
    path = root.real / relative
    sieve = Sieve(selection)
    try:
        status = path.stat() if sieve.follows_links else path.lstat()
    except OSError:
        return False
    if not stat.S_ISREG(status.st_mode) or sieve.is_small(status.st_size):
        return False
    if not sieve.follows_links and real(path.parent) != path.parent:
        return False
    territory = Territory([root.real], without=keys(without), sieve=sieve)
    return territory.reaches(path, is_folder=False)


def output_name(path: Path) -> str:
    """Return the last part of a PATH, its real one where it is written as "." or ".."."""
    if path.name in ("", ".."):
        return real(path).name
    return path.name


class _Visit:
    """The PATHs of a run, or one listed name, and what is found there."""

    def __init__(self, paths: Sequence[Path], without: frozenset[str], sieve: Sieve) -> None:
        self._sieve = sieve
        examined = [_examine(path) for path in paths]
        folders = [each.real for each in examined if isinstance(each, Root) and each.is_folder]
        self._territory = Territory(folders, without=without, sieve=sieve)
        self.roots = list(self._distinct(examined))

    def at(self, root: Root, base: Path) -> Iterator[Candidate | FileResult]:
        """Yield what is at and below one PATH."""
        if not root.is_folder:
            named = self._named(root, base)
            if named is not None:
                yield named
            return
        for found in Walk(root.path, sieve=self._sieve, territory=self._territory):
            if isinstance(found, FileResult):
                yield found
            else:
                yield Candidate(
                    path=found.path,
                    root=root.path,
                    relative=found.relative,
                    explicit=False,
                    size=found.size,
                    mtime_ns=found.mtime_ns,
                    base=base,
                )

    def _named(self, root: Root, base: Path) -> Candidate | FileResult | None:
        path = root.real if root.path.is_symlink() else root.path
        if self._sieve.follows_links and not self._territory.first(root.real):
            return None
        if self._sieve.is_small(root.size):
            text = f"{root.size} bytes: smaller than asked for"
            return skipped(path, Reason.TOO_SMALL, text)
        if self._sieve.is_young(root.mtime_ns):
            return young(path)
        name = Path(root.path.name)
        return Candidate(path, root.path, name, True, root.size, root.mtime_ns, base)

    def _distinct(self, examined: Sequence[Root | FileResult]) -> Iterator[Root | FileResult]:
        seen: set[str] = set()
        for root in examined:
            if isinstance(root, FileResult):
                yield root
                continue
            known = key(root.real) in seen or fnmatchcase(root.real.name, TEMPORARY)
            if not known and not self._territory.reaches(root.real, is_folder=root.is_folder):
                seen.add(key(root.real))
                yield root


def _examine(path: Path) -> Root | FileResult:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        text = "the link leads nowhere" if path.is_symlink() else "no such file or folder"
        return failed(path, "not_found", text)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        text = plain_words(error) if isinstance(error, OSError) else "no file can have this name"
        return failed(path, "unreadable", f"can't be read: {text}")
    is_folder = stat.S_ISDIR(status.st_mode)
    if not is_folder and not stat.S_ISREG(status.st_mode):
        text = "is a device, pipe or socket, not a picture"
        return failed(path, "not_a_regular_file", text)
    return Root(path, real(path), is_folder, status.st_size, status.st_mtime_ns)
