"""What a worker does with one file: read, optimize, stage. Nothing is published here."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from jpegslim.engine.container.assemble import carried
from jpegslim.engine.container.marker import Marker, read_marker, source_digest
from jpegslim.engine.container.segments import parse
from jpegslim.engine.optimizer import optimize
from jpegslim.errors import FileError, NotAJpeg, PublishError
from jpegslim.files import ledger, store
from jpegslim.files.discovery import picks
from jpegslim.files.plan import Task
from jpegslim.results import FileResult, Optimized, Reason, Status
from jpegslim.settings import Settings

ENTRY = "jpegslim.files.work:run"
PIPE_ENTRY = "jpegslim.files.work:run_bytes"

# Address space is the limit long before this; it keeps a disk image called .jpg out of memory.
_LARGEST_FILE = 2 << 30
# What is said of a broken file in an output folder.
_COPIED = "; copied as it is"


@dataclass(frozen=True, slots=True)
class Done:
    """A worker's answer: the outcome, and what is staged for it.

    staged: None where nothing is to be written. identity: of the source that was read, None where
    it could not be. replaces: digest of the earlier result of ours that stands at the destination,
    None for none. delivers: digest of what is staged. again: the source is a result of ours.
    judged: the outcome follows from the bytes and the settings alone.
    """

    result: FileResult
    staged: store.Staged | None = None
    identity: store.Identity | None = None
    replaces: str | None = None
    delivers: str | None = None
    again: bool = False
    judged: bool = False


def run(task: Task, admit: Callable[[float], None]) -> Done:
    """Optimize one file and stage what is to be delivered.

    admit: blocks until there is memory for so many megapixels. Every trouble with the file is an
    outcome; RunError is raised where no other file would fare better.
    """
    start = time.perf_counter()
    done = _Job(task, admit).done()
    seconds = time.perf_counter() - start
    return replace(done, result=replace(done.result, seconds=seconds))


def copy(task: Task, error: FileError) -> Done:
    """Stage an unchanged copy for a file that `error` kept from being worked on.

    Raises PublishError where something else has the name, FileError where it can't be read.
    """
    data, identity = store.read(task.source, limit=_LARGEST_FILE)
    earlier = _Destination(task).earlier(data, identity.digest)
    staged = None
    if earlier is None or earlier.digest != identity.digest:
        staged = store.stage(data, task.destination, like=task.source, token=task.token)
    result = FileResult(
        path=task.source,
        status=Status.FAILED,
        reason=error.reason,
        message=f"{error}{_COPIED}",
        output=task.destination,
        bytes_in=len(data),
        bytes_out=len(data),
        target=task.settings.target,
    )
    replaces = None if earlier is None else earlier.digest
    return Done(result, staged, identity, replaces, delivers=identity.digest)


def run_bytes(payload: tuple[bytes, Settings], admit: Callable[[float], None]) -> Optimized:
    """Optimize one picture from memory, for doors that have no file. Raises FileError."""
    data, settings = payload
    return optimize(data, settings, admit=admit)


class _Job:
    """One file, from reading to staging."""

    def __init__(self, task: Task, admit: Callable[[float], None]) -> None:
        self._task = task
        self._admit = admit

    def done(self) -> Done:
        task = self._task
        try:
            data, identity = store.read(task.source, limit=_LARGEST_FILE)
        except FileError as error:
            return Done(self._result(Status.FAILED, error.reason, str(error)))
        replaces = delivers = staged = None
        again = False
        try:
            if not task.in_place:
                earlier = _Destination(task).earlier(data, identity.digest)
                if earlier is not None:
                    replaces = earlier.digest
                    if earlier.made is not None and earlier.made.target == task.settings.target:
                        return Done(self._already(earlier, len(data)))
            result, deliver = self._judge(data, identity.digest)
            if deliver is not None and deliver is not data:
                before = self._made_before(data, identity.digest)
                again = before is not None
                if before is not None and before.is_lossy and result.status is Status.OPTIMIZED:
                    result = replace(
                        result,
                        reason=Reason.ANOTHER_GENERATION,
                        message=f"{result.message}; {_price(before)}",
                    )
            if deliver is not None and not task.dry_run:
                result = replace(result, output=task.destination)
                # A copy of an earlier run that still is one is left alone.
                if deliver is not data or replaces != identity.digest:
                    delivers = store.digest(deliver)
                    staged = store.stage(
                        deliver, task.destination, like=task.source, token=task.token
                    )
        except PublishError as error:
            return Done(self._result(Status.FAILED, error.reason, str(error), size=len(data)))
        return Done(result, staged, identity, replaces, delivers, again, judged=True)

    def _judge(self, data: bytes, digest: str) -> tuple[FileResult, bytes | None]:
        """Return the outcome and the bytes to write, None for none."""
        task = self._task
        # With an output folder every picture of the run ends up there, as it is at the worst.
        otherwise = None if task.in_place else data
        if task.ledger is not None:
            verdict = ledger.view(task.ledger).verdict(digest, task.settings)
            if verdict is not None:
                stays = None if self._left_out(verdict.reason) else otherwise
                text = verdict.message
                if verdict.status is Status.FAILED and stays is not None:
                    text += _COPIED
                return self._result(verdict.status, verdict.reason, text, size=len(data)), stays
        try:
            optimized = optimize(data, task.settings, admit=self._admit)
        except NotAJpeg as error:
            stays = None if self._left_out(error.reason) else otherwise
            return self._result(Status.SKIPPED, error.reason, str(error), size=len(data)), stays
        except PublishError:
            raise
        except FileError as error:
            text = str(error) if otherwise is None else f"{error}{_COPIED}"
            return self._result(Status.FAILED, error.reason, text, size=len(data)), otherwise
        changed = optimized.status in (Status.OPTIMIZED, Status.LOSSLESS)
        deliver = optimized.data if changed else otherwise
        return self._told(optimized), deliver

    def _left_out(self, reason: str) -> bool:
        """Tell whether what was named as a picture and is none stays out of the output folder."""
        task = self._task
        return reason == NotAJpeg.reason and task.explicit and not picks(task.source.name)

    def _made_before(self, data: bytes, digest: str) -> "_Made | None":
        """Return how the source was made where it is a result of ours."""
        if self._task.ledger is not None:
            output = ledger.view(self._task.ledger).output(digest)
            if output is not None:
                return _Made(output.version, output.target, output.score is not None)
        marker = _marker(data)
        if marker is None:
            return None
        return _Made(marker.version, marker.target, marker.score is not None)

    def _told(self, optimized: Optimized) -> FileResult:
        megapixels = None
        if optimized.width and optimized.height:
            megapixels = optimized.width * optimized.height / 1e6
        return FileResult(
            path=self._task.source,
            status=optimized.status,
            reason=optimized.reason,
            message=optimized.detail,
            bytes_in=optimized.bytes_in,
            bytes_out=optimized.bytes_out,
            score=optimized.score,
            worst_tile=optimized.worst_tile,
            target=optimized.target,
            encoder=optimized.encoder,
            chroma_subsampling=optimized.chroma_subsampling,
            megapixels=megapixels,
            full_encodes=optimized.trace.full_encodes,
        )

    def _already(self, earlier: "_Earlier", size: int) -> FileResult:
        version = earlier.made.version if earlier.made else ""
        return replace(
            self._result(
                Status.SKIPPED,
                Reason.ALREADY_OPTIMIZED,
                f"jpegslim {version} put its result there before",
                size=size,
            ),
            output=self._task.destination,
            bytes_out=earlier.size,
        )

    def _result(self, status: Status, reason: str, message: str, *, size: int = 0) -> FileResult:
        return FileResult(
            path=self._task.source,
            status=status,
            reason=reason,
            message=message,
            bytes_in=size,
            bytes_out=size,
            target=self._task.settings.target,
        )


@dataclass(frozen=True, slots=True)
class _Made:
    """By which version and at which target a result was made."""

    version: str
    target: float | None
    is_lossy: bool


@dataclass(frozen=True, slots=True)
class _Earlier:
    """An earlier result of this very source. made: None for an unchanged copy."""

    digest: str
    size: int
    made: _Made | None


class _Destination:
    """What stands where the result would go."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def earlier(self, data: bytes, digest: str) -> _Earlier | None:
        """Return the earlier result of the source with these bytes, None where nothing is there.

        Raises PublishError where something else has the name: it may be the only copy of another
        photo.
        """
        place = self._task.destination
        try:
            there, identity = store.read(place, limit=_LARGEST_FILE)
        except FileError as error:
            if error.reason == "not_found":
                return None
            raise PublishError(f"{place} {error}", reason="exists") from error
        if there == data:
            return _Earlier(identity.digest, len(there), None)
        made = self._made(there, identity.digest, data, digest)
        if made is None:
            raise PublishError(
                f"{place} exists and was not made from this file:"
                " move it away or choose another --output",
                reason="exists",
            )
        return _Earlier(identity.digest, len(there), made)

    def _made(self, there: bytes, digest: str, source: bytes, origin: str) -> _Made | None:
        if self._task.ledger is not None:
            output = ledger.view(self._task.ledger).output(digest)
            if output is not None and output.source == origin:
                return _Made(output.version, output.target, output.score is not None)
        try:
            found = parse(there)
            marker = read_marker(found)
            if marker is None or marker.source != source_digest(source):
                return None
            # Keywords or a rating added since are somebody's work, marker or not.
            carried(parse(source), found, recoded=marker.score is not None)
        except FileError:
            return None
        return _Made(marker.version, marker.target, marker.score is not None)


def _marker(data: bytes) -> Marker | None:
    try:
        return read_marker(parse(data))
    except FileError:
        return None


def _price(made: _Made) -> str:
    return f"made from a picture that was optimized at {made.target:g} before: one more generation"
