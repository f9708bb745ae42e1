"""How far a run is and how fast it goes, in the words of a progress line."""

import time
from collections.abc import Callable

from jpegslim.reports import wording
from jpegslim.results import FileResult, Status

_FEW_SECONDS = 9.95


class Pace:
    """Counts what was found and what is done.

    Bytes measure the way left, since the time a picture takes follows its size.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Count from now on; `clock` returns seconds."""
        self._clock = clock
        self._since = clock()
        self._dry_run = False
        self._files_found = 0
        self._bytes_found = 0
        self._all_found = False
        self._bytes_out = 0
        self._failed = 0
        self.files_done = 0
        self.bytes_done = 0

    def start(self, *, dry_run: bool) -> None:
        """Start the clock."""
        self._since = self._clock()
        self._dry_run = dry_run

    def find(self, files: int, number_of_bytes: int, *, complete: bool) -> None:
        """Take in how much was found so far; the work may be ahead of the walk that counts."""
        self._files_found = files
        self._bytes_found = number_of_bytes
        self._all_found = complete

    def finish(self, result: FileResult) -> None:
        """Count a finished file."""
        self.files_done += 1
        self.bytes_done += result.bytes_in
        self._bytes_out += result.bytes_out
        self._failed += result.status is Status.FAILED

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._since

    @property
    def total_bytes(self) -> int | None:
        """How many bytes there are to do; None while the walk goes on."""
        if not self._all_found:
            return None
        # Files that failed unread leave their bytes undone: the last one ends the way anyhow.
        return self.bytes_done if self.files_done >= self._files_found else self._bytes_found

    @property
    def seconds_left(self) -> float | None:
        """An estimate from the average so far; None while there is nothing to estimate from."""
        total = self.total_bytes
        if total is None or not self.bytes_done:
            return None
        return max(total - self.bytes_done, 0) * self.elapsed / self.bytes_done

    def parts(self) -> list[str]:
        """Return what there is to say, the most important first."""
        found = max(self._files_found, self.files_done)
        if not (found or self._all_found):
            return ["looking for photos"]
        parts = [f"{self.files_done}/{found}{'' if self._all_found else '+'} files"]
        if self._failed:
            parts.append(f"{self._failed} failed")
        if self.bytes_done:
            saved = wording.percent(1 - self._bytes_out / self.bytes_done)
            parts.append(f"would save {saved}" if self._dry_run else f"saved {saved}")
        left = self.seconds_left
        if left:
            parts.append(f"{_roughly(left)} left")
        if self.bytes_done and self.elapsed > 0:
            parts.append(f"{self.bytes_done / 1e6 / self.elapsed:.1f} MB/s")
        return parts


def _roughly(seconds: float) -> str:
    # An estimate of so little changes with every file.
    return "a few seconds" if seconds < _FEW_SECONDS else wording.duration(seconds)
