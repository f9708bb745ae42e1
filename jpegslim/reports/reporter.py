"""What a run calls to be told of: the console and every file format follow this protocol."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from jpegslim.results import FileResult, Totals, Url, Wish
from jpegslim.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """What is known before the first file is done.

    paths: what was asked for, without the names of a list. output: None means in place. backup:
    where originals are kept, None for nowhere. notes: lines that a person should see once. began:
    seconds since 1970, None for just now. folder: what relative names count from, None for the
    current one. objects: they are what is replaced, and their bucket may keep older versions.
    """

    settings: Settings
    output: Path | Url | None
    dry_run: bool
    jobs: int
    backup: Path | None = None
    notes: tuple[str, ...] = ()
    paths: tuple[Path | Url, ...] = ()
    began: float | None = None
    folder: Path | None = None
    objects: bool = False


class Reporter(Protocol):
    """Receives a run's events, all on the thread that called `batch.run`."""

    def started(self, run: RunStart) -> None:
        """Called once, before any work."""

    def found(self, files: int, size: int, *, complete: bool) -> None:
        """Called as the walk goes on: files and bytes found so far, complete on the last call."""

    def finished(self, result: FileResult) -> None:
        """Called once a file, in completion order, after it was published."""

    def closed(self, totals: Totals) -> None:
        """Called once, also after an interruption; files are flushed and closed here."""


@runtime_checkable
class Onlooker(Protocol):
    """A reporter that shows pictures of some results."""

    def wish(self) -> Wish:
        """Return which; asked anew for every file that is about to be worked on."""
