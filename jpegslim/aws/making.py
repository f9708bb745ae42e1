"""From a photo's bytes to its result, in a worker that may die of it."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from jpegslim.aws.addresses import Address
from jpegslim.aws.content import Content, Shelf, held, stored
from jpegslim.aws.objects import Fetched
from jpegslim.aws.work import NEW, Made, Order
from jpegslim.aws.workshop import Caller
from jpegslim.errors import BrokenJpeg, FileError, NotAJpeg, UnsupportedJpeg
from jpegslim.files.remembered import Excerpt, Output
from jpegslim.results import FileResult, Status, Url, Wish
from jpegslim.settings import Settings

# What will be said again of the same bytes.
LASTING = (BrokenJpeg, NotAJpeg, UnsupportedJpeg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to do with one photo.

    source: a Path for a file. destination: where the result goes, None to replace the source.
    landing: the file that it becomes instead. etag, size: of the source where they are known.
    timeout: seconds for the worker. wish: which results are to be shown. known: what the ledger
    knows of it, for a worker that can't ask. any_result: what we made before stays in its place,
    whatever it was made for.
    """

    source: Address | Path
    destination: Address | None
    settings: Settings
    landing: Path | None = None
    etag: str | None = None
    size: int | None = None
    dry_run: bool = False
    timeout: float | None = None
    wish: Wish | None = None
    # Jobs are keys, and an excerpt has none.
    known: Excerpt | None = field(default=None, compare=False)
    any_result: bool = False

    @property
    def shown(self) -> Path | Url:
        """The source as reports name it."""
        return self.source if isinstance(self.source, Path) else self.source.url

    def told(self, status: Status, reason: str, message: str, *, size: int = 0) -> FileResult:
        """Return an outcome that changes nothing."""
        return FileResult(
            path=self.shown,
            status=status,
            reason=reason,
            message=message,
            bytes_in=size,
            bytes_out=size,
            target=self.settings.target,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What became of a photo's bytes.

    content: the new ones, None where they stay. judged: the outcome follows from the bytes and the
    settings alone. error: what went wrong with the photo. made: how the source's own picture was
    made, where the result still has that and only metadata was dropped. again: the source is a
    result of ours.
    """

    result: FileResult
    content: Content | None = field(default=None)
    judged: bool = True
    error: FileError | None = None
    made: Output | None = None
    again: bool = False


class Maker(Protocol):
    """Makes results. Raises FileError where a photo's trouble is not its own."""

    def __call__(self, job: Job, fetched: Fetched) -> Making:
        """Work on what was fetched."""


class PipeMaker:
    """Sends photos through pipes, and large ones through files; knows of no earlier results."""

    def __init__(self, workshop: Caller, shelf: Shelf) -> None:
        self._workshop = workshop
        self._shelf = shelf

    def __call__(self, job: Job, fetched: Fetched) -> Making:
        """Optimize a photo; its own trouble is an outcome."""
        content = fetched.content
        path = None if content.path is None else self._shelf.new_path()
        order = Order(job.settings, content.data, content.path, path)
        try:
            made: Made = self._workshop.call(order, timeout=job.timeout)
            if made.optimized.status not in NEW:
                return Making(result=_told(job, made))
            new = held(made.optimized.data) if path is None else stored(path)
            return Making(result=_told(job, made), content=new)
        except BaseException as error:
            if path is not None:
                path.unlink(missing_ok=True)
            if isinstance(error, LASTING):
                status = Status.SKIPPED if isinstance(error, NotAJpeg) else Status.FAILED
                result = job.told(status, error.reason, str(error), size=content.size)
                return Making(result=result, error=error)
            raise


def _told(job: Job, made: Made) -> FileResult:
    result = FileResult.of(job.shown, made.optimized)
    return replace(result, orientation=made.orientation, seconds=made.seconds)
