"""What the walks below some PATHs come to by themselves, judged by where a path really is."""

import os
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from jpegslim.files.selection import Sieve, picks
from jpegslim.files.store import TEMPORARY

# Apple Photos, iPhoto and Aperture.
_LIBRARIES = (".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".aplibrary")


class Territory:
    """The folders a run walks, those it must not enter, and what it came to by links.

    Only what links lead to is remembered, so that each file comes once and no loop goes on.
    """

    def __init__(self, folders: Iterable[Path], *, without: frozenset[str], sieve: Sieve) -> None:
        """folders: real paths, each with a walk of its own. without: `keys` of those to avoid."""
        self._folders = {key(folder) for folder in folders}
        self._excluded = without
        self._sieve = sieve
        self._linked: set[str] = set()

    def reaches(self, place: Path, *, is_folder: bool) -> bool:
        """Tell whether a walk from above comes to this real path without any link."""
        if not self._folders or (self._bars(place) if is_folder else not picks(place.name)):
            return False
        for above in place.parents:
            if key(above) in self._folders and self._sieve.passes(
                place.relative_to(above), is_folder=is_folder
            ):
                return True
            if self._bars(above):
                return False
        return False

    def excludes(self, place: Path) -> bool:
        """Tell whether the caller forbade this very folder."""
        return key(place) in self._excluded

    def claim(self, place: Path, *, is_folder: bool) -> bool:
        """Take what a link led to; False where it comes by another way, or is not for this run."""
        if fnmatchcase(place.name, TEMPORARY) or (is_folder and key(place) in self._folders):
            return False
        if any(self.excludes(each) for each in (place, *place.parents)):
            return False
        return not self.reaches(place, is_folder=is_folder) and self.first(place)

    def first(self, place: Path) -> bool:
        """Remember a path; False where it was known."""
        known = len(self._linked)
        self._linked.add(key(place))
        return len(self._linked) > known

    def _bars(self, folder: Path) -> bool:
        """Tell whether no walk enters this folder from above."""
        return folder.name.startswith(".") or is_library(folder.name) or self.excludes(folder)


def is_library(name: str) -> bool:
    """Tell whether a folder is a photo program's, whose database knows the files by their size."""
    return name.lower().endswith(_LIBRARIES)


def real(path: Path) -> Path:
    """Return a path without links, "." and ".."."""
    return Path(os.path.realpath(path))


def keys(folders: Iterable[Path]) -> frozenset[str]:
    """Return what the names of these folders have in common with any others of them."""
    return frozenset(key(real(folder)) for folder in folders)


def key(path: Path) -> str:
    """Return what two names of one file have in common (on Windows, whatever their case)."""
    return os.path.normcase(path)
