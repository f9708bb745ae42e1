"""One photo from reading to writing, the same for the command line and the function.

`prepare` reads and optimizes, `deliver` writes: what is to be noted durably before a write has its
place between the two.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from jpegslim.aws.content import Content
from jpegslim.aws.making import Job, Maker, Making
from jpegslim.aws.note import Note, make_note, shortened
from jpegslim.aws.objects import Fetched, Objects, Standing, read_file
from jpegslim.aws.troubles import Untouched
from jpegslim.aws.writing import Placing, Replacing
from jpegslim.errors import FileError, NotAJpeg, WorkerError
from jpegslim.files.remembered import Output
from jpegslim.files.selection import picks
from jpegslim.results import METADATA_LEFT, FileResult, Reason, Status
from jpegslim.settings import Metadata

OLD_VERSION = (
    "the bucket keeps the original as an older version: nothing is saved until that expires"
)
COPIED = "; copied as it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A photo whose result waits to be written.

    result: the outcome once it is written. content: the bytes to write, the source's own for a
    copy. note: what the object will say of itself. replaces: our earlier result at the
    destination. judged, error, made, again: as for `Making`.
    """

    job: Job
    fetched: Fetched
    result: FileResult
    content: Content
    note: Note
    replaces: Standing | None = None
    judged: bool = True
    error: FileError | None = None
    made: Output | None = None
    again: bool = False

    def discard(self) -> None:
        """Let go of the bytes."""
        self.content.discard()
        self.fetched.content.discard()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A photo that is done with.

    fetched: what was read, its bytes gone; None where nothing was. judged: the outcome follows from
    the bytes and the settings alone. error: what went wrong. written: what was, None for nothing;
    etag: of it.
    """

    job: Job
    result: FileResult
    fetched: Fetched | None = None
    judged: bool = False
    error: FileError | None = None
    written: Prepared | None = None
    etag: str = ""


class Treatment:
    """Treats photos, from any thread."""

    def __init__(
        self,
        objects: Objects,
        make: Maker,
        *,
        replacing: Replacing | None = None,
        placing: Placing | None = None,
    ) -> None:
        self._objects = objects
        self._make = make
        self._replacing = replacing or Replacing(objects)
        self._placing = placing or Placing(objects)

    def prepare(self, job: Job) -> Prepared | Settled:
        """Read a photo and optimize it; trouble with it is an outcome. Raises RunError."""
        fetched = None
        prepared: Prepared | Settled
        try:
            standing = None
            if job.destination is not None:
                standing = self._objects.look(job.destination)
            if standing is not None and _is_known(standing, job):
                return _already(job, standing)
            fetched = self._fetch(job)
            prepared = self._prepare(job, fetched, standing)
        except FileError as error:
            prepared = failed(job, fetched, error)
        except BaseException:
            if fetched is not None:
                fetched.content.discard()
            raise
        if fetched is not None and isinstance(prepared, Settled):
            fetched.content.discard()
        return prepared

    def deliver(self, prepared: Prepared) -> Settled:
        """Write what is prepared; return the outcome as it stands then. Raises RunError."""
        job, fetched, result = prepared.job, prepared.fetched, prepared.result
        try:
            if job.destination is None:
                written = self._replacing.replace(fetched, prepared.content, prepared.note)
                if written.versioned:
                    result = _with_old_version(result)
            else:
                written = self._placing.place(
                    job.destination,
                    fetched,
                    prepared.content,
                    prepared.note,
                    replaces=prepared.replaces,
                )
        except FileError as error:
            return failed(job, fetched, error)
        finally:
            prepared.discard()
        return Settled(
            job=job,
            result=result,
            fetched=fetched,
            judged=prepared.judged,
            error=prepared.error,
            written=prepared,
            etag=written.etag,
        )

    def _fetch(self, job: Job) -> Fetched:
        if isinstance(job.source, Path):
            return read_file(job.source, self._objects.shelf)
        in_place = job.destination is None
        # Next to the results everything that is named like a photo has its place.
        whatever = not in_place and picks(job.source.name)
        return self._objects.fetch(
            job.source,
            job.settings,
            in_place=in_place,
            whatever=whatever,
            any_result=job.any_result,
        )

    def _prepare(self, job: Job, fetched: Fetched, standing: Standing | None) -> Prepared | Settled:
        if standing is not None and job.destination is not None:
            note = self._placing.check_ours(job.destination, standing, fetched)
            if note is None:
                # Written only where nothing stands, else held against what does.
                standing = None
            elif fetched.content.digest.startswith(note.source) and note.is_as_asked(job.settings):
                return _already(job, standing, fetched)
        making = self._made(job, fetched)
        if job.dry_run or (making.content is None and job.destination is None):
            if making.content is not None:
                making.content.discard()
            return Settled(
                job=job,
                result=making.result,
                fetched=fetched,
                judged=making.judged,
                error=making.error,
            )
        prepared = _prepared(job, fetched, making, standing)
        if making.content is None and standing is not None and _says_so(standing, prepared.note):
            return Settled(job=job, result=prepared.result, fetched=fetched, error=prepared.error)
        return prepared

    def _made(self, job: Job, fetched: Fetched) -> Making:
        try:
            making = self._make(job, fetched)
        except WorkerError as error:
            if job.destination is None or error.reason == "stopped":
                raise
            # The best there is to be had of it is a copy.
            making = Making(result=failed(job, fetched, error).result, judged=False, error=error)
        result = making.result
        if fetched.versioned and job.destination is None and making.content is not None:
            result = _with_old_version(result)
        return replace(making, result=_with_metadata_left(job, result))


def failed(job: Job, fetched: Fetched | None, error: FileError) -> Settled:
    """Tell of a photo that was not optimized, or left alone on purpose."""
    skipped = isinstance(error, Untouched | NotAJpeg)
    # What was left alone unread counts as what it was listed with, as what the ledger knows does.
    size = (job.size or 0) if fetched is None else fetched.content.size
    status = Status.SKIPPED if skipped else Status.FAILED
    result = job.told(status, error.reason, str(error), size=size)
    return Settled(job=job, result=_with_metadata_left(job, result), fetched=fetched, error=error)


def _prepared(job: Job, fetched: Fetched, making: Making, standing: Standing | None) -> Prepared:
    content = making.content or fetched.content
    result = making.result
    if making.error is not None and result.status is Status.FAILED:
        result = replace(result, message=f"{result.message}{COPIED}")
    note = make_note(
        job.settings,
        size=content.size,
        digest=content.digest,
        source=fetched.content.digest,
        origin=fetched.origin,
        etag=fetched.etag,
        score=result.score if making.made is None else making.made.score,
        copy=making.content is None,
        stopgap=not making.judged,
    )
    output = job.shown if job.destination is None else job.destination.url
    return Prepared(
        job=job,
        fetched=fetched,
        result=replace(result, output=output),
        content=content,
        note=note,
        replaces=standing,
        judged=making.judged,
        error=making.error,
        made=making.made,
        again=making.again,
    )


def _is_known(standing: Standing, job: Job) -> bool:
    """Tell by what stands at the destination alone that the source need not be read."""
    note = standing.note
    return (
        bool(job.etag)
        and note is not None
        and note.is_of(standing.size, standing.checksum)
        and note.origin == shortened(str(job.source))
        and note.tag == shortened(job.etag or "")
        and note.is_as_asked(job.settings)
    )


def _says_so(standing: Standing, note: Note) -> bool:
    """Tell whether the very copy that would be written stands there already."""
    return standing.note == note and note.is_of(standing.size, standing.checksum)


def _already(job: Job, standing: Standing, fetched: Fetched | None = None) -> Settled:
    note = standing.note
    size = job.size if fetched is None else fetched.content.size
    version = "" if note is None else note.version
    if note is not None and note.copy:
        reason = Reason.ALREADY_COPIED
        text = f"jpegslim {version} found nothing to gain and put a copy there before"
    else:
        reason = Reason.ALREADY_OPTIMIZED
        text = f"jpegslim {version} put its result there before"
    result = replace(
        # An event does not always tell the size.
        job.told(Status.SKIPPED, reason, text, size=standing.size if size is None else size),
        output=None if job.destination is None else job.destination.url,
        bytes_out=standing.size,
    )
    return Settled(job=job, result=result, fetched=fetched)


def _with_old_version(result: FileResult) -> FileResult:
    """Say of a replaced photo that its original can be had back, and is paid for until then."""
    if OLD_VERSION in result.notes:
        return result
    return replace(result, notes=(*result.notes, OLD_VERSION))


def _with_metadata_left(job: Job, result: FileResult) -> FileResult:
    """Say of a failed photo that nothing was dropped where that was asked for."""
    asked = job.settings.metadata is not Metadata.KEEP
    if result.status is not Status.FAILED or not asked or result.metadata_left:
        return result
    return replace(result, message=f"{result.message}; {METADATA_LEFT}", metadata_left=True)
