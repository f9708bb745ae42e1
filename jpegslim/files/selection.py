"""Which of the files found are wanted: by name, by size, by age."""

import time
from dataclasses import dataclass
from pathlib import Path

from jpegslim.errors import UsageError
from jpegslim.files.patterns import compile_patterns

EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the user wants of the pictures found; `files.patterns` says how globs are read.

    include: below a folder only files that match one of these; empty for all. exclude: neither
        files nor folders that match one of these; it wins over include. A file that the user
        named is taken whatever it is called.
    min_size: in bytes; smaller files are left out, named ones are skipped.
    min_age: in seconds; files modified less than this ago, or ahead, are skipped: somebody may
        still be writing them. A clock that is wrong by years keeps no file out.
    follow_symlinks: visit the files and folders that links below a folder lead to, each once.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_size: int = 0
    min_age: float = 0.0
    follow_symlinks: bool = False

    def __post_init__(self) -> None:
        """Raise UsageError where a pattern or a number makes no sense."""
        compile_patterns(self.include)
        compile_patterns(self.exclude)
        if self.min_size < 0 or not self.min_age >= 0:
            raise UsageError("a size or an age can't be negative")


EVERYTHING = Selection()


class Sieve:
    """A selection made ready to judge many files."""

    def __init__(self, selection: Selection) -> None:
        self.follows_links = selection.follow_symlinks
        self._min_size = selection.min_size
        self._min_age = selection.min_age
        self._include = compile_patterns(selection.include) if selection.include else None
        self._exclude = compile_patterns(selection.exclude) if selection.exclude else None

    def wants(self, relative: Path) -> bool:
        """Tell whether a file with this path below its root is taken by its name."""
        if self._exclude is None and self._include is None:
            return True
        plain = relative.as_posix()
        if self._exclude is not None and self._exclude.match_file(plain):
            return False
        return self._include is None or self._include.match_file(plain)

    def enters(self, relative: Path) -> bool:
        """Tell whether a folder with this path below its root is visited."""
        return self._exclude is None or not self._exclude.match_folder(relative.as_posix())

    def passes(self, relative: Path, *, is_folder: bool) -> bool:
        """Tell whether the walk gets all the way to a path, and takes what is there."""
        if self._exclude is None and self._include is None:
            return True
        *above, _ = relative.parents
        if not all(self.enters(folder) for folder in above):
            return False
        return self.enters(relative) if is_folder else self.wants(relative)

    def is_small(self, size: int) -> bool:
        """Tell whether a file of so many bytes is not worth the work."""
        return size < self._min_size

    def is_young(self, mtime_ns: int) -> bool:
        """Tell whether a file modified then may still be written to."""
        if not self._min_age:
            return False
        # Ahead of our clock: a file server's runs differently.
        return abs(time.time() - mtime_ns / 1e9) < self._min_age


def picks(name: str) -> bool:
    """Tell whether the walk takes a file of this name."""
    return not name.startswith(".") and name.lower().endswith(EXTENSIONS)
