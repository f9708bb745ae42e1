"""Which objects and files a run is about, as they are found."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from jpegslim.aws.addresses import Address, as_folder
from jpegslim.aws.objects import Listed, Objects
from jpegslim.errors import UsageError
from jpegslim.files.discovery import discover, discover_listed
from jpegslim.files.selection import EVERYTHING, Selection, Sieve, picks
from jpegslim.results import FileResult, Reason, Status, Url

_ABSENT = "no such object, and none below it"
_LETTERS = "; '*' is a letter like others in a key, and no pattern: choose with --include"


@dataclass(frozen=True, slots=True)
class Found:
    """A photo to work on. place: below an output, with slashes. listed: of an object."""

    source: Address | Path
    place: str
    size: int
    listed: Listed | None = None


def find_files(
    paths: Sequence[Path], listed: Iterable[Path | FileResult | None], selection: Selection
) -> Iterator[Found | FileResult | None]:
    """Yield the photos at and below local paths, and those that a list names; None for none yet."""
    for each in chain(
        discover(paths, selection=selection), discover_listed(listed, selection=selection)
    ):
        if each is None or isinstance(each, FileResult):
            yield each
            continue
        place = each.place.as_posix()
        try:
            place.encode()
        except UnicodeEncodeError:
            yield _failed(each.path, "unsafe_name", "its name is no UTF-8, as keys of objects are")
        else:
            yield Found(each.path, place, each.size)


def find_objects(
    objects: Objects,
    tops: Sequence[Address],
    selection: Selection,
    *,
    without: Address | None,
) -> Iterator[Found | FileResult]:
    """Yield the photos that these addresses name, and those below them, as listings go on.

    An address stands for the object with exactly this key, and for all whose keys go on behind a
    slash: `photos` never for `photos-old/a.jpg`. Below it the rules are those for folders.
    without: what is below it is left out.
    """
    sieve = Sieve(selection)
    for top in tops:
        met = any(_meets(as_folder(other), as_folder(top)) for other in tops if other != top)
        something = met
        for each in _at(objects, top, sieve, walks=not met):
            something = True
            if isinstance(each, Found) and isinstance(each.source, Address):
                if without is None or not without.holds(each.source):
                    yield each
            elif each is not None:
                yield each
        # A bucket that is empty is there all the same, as an empty folder is.
        if not something and top.key:
            yield _failed(top.url, "not_found", _ABSENT + (_LETTERS if "*" in top.key else ""))


def check_apart(
    tops: Sequence[Address], output: Address | Path | None, selection: Selection = EVERYTHING
) -> list[Address]:
    """Return the addresses to find objects at: none twice, none that another one's walk comes to.

    Raises UsageError where results would lie over their sources or over each other.
    """
    sieve = Sieve(selection)
    folders = list(dict.fromkeys(map(as_folder, tops)))
    distinct = [
        # Without the slash it is the object of that name as well.
        next((top for top in tops if top != folder and as_folder(top) == folder), folder)
        for folder in folders
        if not any(_covers(other, folder, tops, sieve) for other in folders if other != folder)
    ]
    if output is None:
        return distinct
    names = [_name(top) for top in distinct]
    for top, name in zip(distinct, names, strict=True):
        if isinstance(output, Address):
            there = Address(output.bucket, output.key + name)
            if there == _bare(top):
                raise UsageError(
                    f"--output {output} would write {top} onto itself:"
                    " leave --output out to optimize in place, or give another place"
                )
            if output.holds(top) or output == as_folder(top):
                raise UsageError(
                    f"{top} lies in --output {output}, and what lies there is left alone:"
                    " give another place"
                )
        if names.count(name) > 1:
            raise UsageError(
                f"several PATHs would get the name {name!r} in the output: run them apart"
            )
    return distinct


def _covers(folder: Address, other: Address, tops: Sequence[Address], sieve: Sieve) -> bool:
    """Tell whether a walk below a folder comes to all that another folder's address stands for."""
    # Named without its slash, that is also an object, which may not be called like a photo.
    name = _bare(other).key.removeprefix(folder.key)
    return _meets(folder, other) and (_bare(other) not in tops or _is_taken(name, sieve))


def _meets(folder: Address, other: Address) -> bool:
    """Tell whether a walk below a folder goes through another one."""
    return folder.holds(other) and not _is_hidden(other.key.removeprefix(folder.key))


def local_place(output: Path, place: str) -> Path | None:
    """Return the file below `output` that a key becomes, None where no file can be called so.

    Keys are anything: one that was taken for a path could lead out of the folder.
    """
    parts = place.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        return None
    there = output.joinpath(*parts)
    # On Windows a backslash, a colon or a device's name changes where a name leads.
    kept = there.parts[len(output.parts) :] == tuple(parts)
    return there if kept and not _is_reserved(there) else None


def _is_reserved(path: Path) -> bool:
    if sys.platform == "win32" and sys.version_info >= (3, 13):
        return os.path.isreserved(path)
    return sys.platform == "win32" and path.is_reserved()


def _at(
    objects: Objects, top: Address, sieve: Sieve, *, walks: bool
) -> Iterator[Found | FileResult | None]:
    """Yield what is at an address and, if it walks, below it; None for nothing for this run."""
    if top.key and not top.key.endswith("/"):
        named = objects.named(top)
        if named is not None:
            yield weighed(named, top.name, sieve, explicit=True)
    if not walks:
        return
    name, below = _name(top), as_folder(top)
    for listed in objects.below(below):
        relative = listed.address.key.removeprefix(below.key)
        if not relative and listed.address.is_named_like_a_photo:
            # No folder but a photo, and the slash is a letter of its key.
            yield weighed(listed, f"{name}/", sieve, explicit=True)
        elif not _is_taken(relative, sieve):
            yield None
        else:
            place = f"{name}/{relative}"
            yield weighed(listed, place, sieve, explicit=False)


def weighed(
    listed: Listed, place: str, sieve: Sieve, *, explicit: bool
) -> Found | FileResult | None:
    """Return an object as far as its size and its age are wanted; None for what nobody misses.

    explicit: the user named it, and is told why it is left out.
    """
    if sieve.is_small(listed.size):
        if not explicit:
            return None
        text = f"{listed.size} bytes: smaller than asked for"
        return _skipped(listed, Reason.TOO_SMALL, text)
    if sieve.is_young(int(listed.modified.timestamp() * 1e9)):
        return _skipped(listed, Reason.TOO_YOUNG, "modified just now: left for the next run")
    return Found(listed.address, place, listed.size, listed)


def _is_taken(relative: str, sieve: Sieve) -> bool:
    """Tell whether a walk below a folder would take this name."""
    path = Path(relative)
    return not _is_hidden(relative) and picks(path.name) and sieve.passes(path, is_folder=False)


def _is_hidden(relative: str) -> bool:
    return any(part.startswith(".") for part in relative.split("/"))


def _name(top: Address) -> str:
    """Return what an address is called in an output: its last part, or the bucket."""
    return _bare(top).name or top.bucket


def _bare(top: Address) -> Address:
    return Address(top.bucket, top.key.rstrip("/"))


def _skipped(listed: Listed, reason: Reason, message: str) -> FileResult:
    return FileResult(
        path=listed.address.url,
        status=Status.SKIPPED,
        reason=reason,
        message=message,
        bytes_in=listed.size,
        bytes_out=listed.size,
    )


def _failed(path: Path | Url, reason: str, message: str) -> FileResult:
    return FileResult(path=path, status=Status.FAILED, reason=reason, message=message)
