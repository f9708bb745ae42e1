"""What a worker does with one file: read, optimize, stage. Nothing is published here."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from jpegslim.engine.container.marker import Marker, read_marker, source_digest
from jpegslim.engine.container.segments import parse
from jpegslim.engine.optimizer import optimize
from jpegslim.errors import FileError, NotAJpeg, PublishError
from jpegslim.files import store
from jpegslim.files.discovery import picks
from jpegslim.files.plan import Task
from jpegslim.results import FileResult, Optimized, Reason, Status
from jpegslim.settings import Settings

ENTRY = "jpegslim.files.work:run"
PIPE_ENTRY = "jpegslim.files.work:run_bytes"

# Address space is the limit long before this; it keeps a disk image called .jpg out of memory.
_LARGEST_FILE = 2 << 30


@dataclass(frozen=True, slots=True)
class Done:
    """A worker's answer: the outcome, and what is staged for it.

    staged: None where nothing is to be written. replaces: digest of the earlier result of ours
    that stands at the destination, None for none.
    """

    result: FileResult
    staged: store.Staged | None = None
    identity: store.Identity | None = None
    replaces: str | None = None


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
    earlier = _earlier(task, data)
    staged = None
    if earlier is None or earlier[0] != identity.digest:
        staged = store.stage(data, task.destination, like=task.source, token=task.token)
    result = FileResult(
        path=task.source,
        status=Status.FAILED,
        reason=error.reason,
        message=f"{error}; copied as it is",
        output=task.destination,
        bytes_in=len(data),
        bytes_out=len(data),
        target=task.settings.target,
    )
    return Done(result, staged, identity, None if earlier is None else earlier[0])


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
        replaces = None
        try:
            if not task.in_place:
                earlier = _earlier(task, data)
                if earlier is not None:
                    replaces, marker, size = earlier
                    if marker is not None and marker.target == task.settings.target:
                        return Done(self._already(marker, len(data), size))
            result, deliver = self._judge(data)
            staged = None
            if deliver is not None and not task.dry_run:
                result = replace(result, output=task.destination)
                # A copy of an earlier run that still is one is left alone.
                if deliver is not data or replaces != identity.digest:
                    staged = store.stage(
                        deliver, task.destination, like=task.source, token=task.token
                    )
        except PublishError as error:
            return Done(self._result(Status.FAILED, error.reason, str(error), size=len(data)))
        return Done(result, staged, identity, replaces)

    def _judge(self, data: bytes) -> tuple[FileResult, bytes | None]:
        """Return the outcome and the bytes to write, None for none."""
        task = self._task
        # With an output folder every picture of the run ends up there, as it is at the worst.
        otherwise = None if task.in_place else data
        try:
            optimized = optimize(data, task.settings, admit=self._admit)
        except NotAJpeg as error:
            stays = None if task.explicit and not picks(task.source.name) else otherwise
            return self._result(Status.SKIPPED, error.reason, str(error), size=len(data)), stays
        except PublishError:
            raise
        except FileError as error:
            text = str(error) if otherwise is None else f"{error}; copied as it is"
            return self._result(Status.FAILED, error.reason, text, size=len(data)), otherwise
        changed = optimized.status in (Status.OPTIMIZED, Status.LOSSLESS)
        deliver = optimized.data if changed else otherwise
        return self._told(optimized), deliver

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

    def _already(self, marker: Marker, size: int, size_there: int) -> FileResult:
        return replace(
            self._result(
                Status.SKIPPED,
                Reason.ALREADY_OPTIMIZED,
                f"jpegslim {marker.version} put its result there before",
                size=size,
            ),
            output=self._task.destination,
            bytes_out=size_there,
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


def _earlier(task: Task, data: bytes) -> tuple[str, Marker | None, int] | None:
    """Return the digest, marker and size of an earlier result of this very source, None for none.

    Raises PublishError where something else has the name: it may be the only copy of another
    photo.
    """
    try:
        there, identity = store.read(task.destination, limit=_LARGEST_FILE)
    except FileError as error:
        if error.reason == "not_found":
            return None
        raise PublishError(f"{task.destination} {error}", reason="exists") from error
    if there == data:
        return identity.digest, None, len(there)
    try:
        marker = read_marker(parse(there))
    except FileError:
        marker = None
    if marker is None or marker.source != source_digest(data):
        raise PublishError(
            f"{task.destination} exists and was not made from this file:"
            " move it away or choose another --output",
            reason="exists",
        )
    return identity.digest, marker, len(there)
