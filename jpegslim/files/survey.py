"""Counting what a run will meet, ahead of the work, so that the time left can be told."""

import threading
from collections.abc import Iterable

from jpegslim.files.discovery import Candidate
from jpegslim.results import FileResult


class Survey:
    """Counts the files and bytes of a walk on a thread of its own, once it is told to begin."""

    def __init__(self, found: Iterable[Candidate | FileResult]) -> None:
        self.files = 0
        self.size = 0
        self.complete = False
        self._found = found
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def has_begun(self) -> bool:
        """Tell whether there is anything to read from it."""
        return self._thread is not None

    def begin(self) -> None:
        """Start to count, where that has not been done yet."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._walk, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop counting."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _walk(self) -> None:
        for each in self._found:
            if self._stop.is_set():
                return
            self.files += 1
            if isinstance(each, Candidate):
                self.size += each.size
        self.complete = True


class Tally:
    """Counts the names of a list as they are taken: a list has no end that could be known."""

    def __init__(self) -> None:
        self.files = 0
        self.size = 0
        self.complete = False

    def count(self, found: Candidate | FileResult) -> None:
        """Take in one more."""
        self.files += 1
        if isinstance(found, Candidate):
            self.size += found.size
