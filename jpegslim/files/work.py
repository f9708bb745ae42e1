"""What a worker does with one file: read, optimize, stage. Nothing is published here."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from jpegslim.engine.container.marker import Marker, read_marker, source_digest
from jpegslim.engine.container.segments import parse
from jpegslim.engine.container.upright import orientation_of
from jpegslim.engine.optimizer import drop_metadata, optimize
from jpegslim.errors import FileError, NotAJpeg, PublishError
from jpegslim.files import ledger, store
from jpegslim.files.discovery import picks
from jpegslim.files.earlier import Destination, Earlier
from jpegslim.files.plan import Task
from jpegslim.files.remembered import Output
from jpegslim.results import METADATA_LEFT, FileResult, Optimized, Reason, Status, View
from jpegslim.settings import Metadata, Settings

ENTRY = "jpegslim.files.work:run"
PIPE_ENTRY = "jpegslim.files.work:run_bytes"

# What is said of a broken file in an output folder.
_COPIED = "; copied as it is"


@dataclass(frozen=True, slots=True)
class Done:
    """A worker's answer: the outcome, and what is staged for it.

    staged: None where nothing is to be written. identity: of the source that was read, None where
    it could not be. replaces: digest of the earlier result of ours that stands at the destination,
    None for none. delivers: digest of what is staged. again: the source is a result of ours.
    judged: the outcome follows from the bytes and the settings alone. made: how the source's own
    picture was made, where the result still has that and only metadata was dropped.
    """

    result: FileResult
    staged: store.Staged | None = None
    identity: store.Identity | None = None
    replaces: str | None = None
    delivers: str | None = None
    again: bool = False
    judged: bool = False
    made: Output | None = None


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
    data, identity = store.read(task.source, limit=store.LARGEST_FILE)
    earlier = Destination(task).earlier(data, identity.digest)
    staged = None
    if earlier is None or earlier.digest != identity.digest:
        staged = _stage(data, task)
    left = task.settings.metadata is not Metadata.KEEP
    result = FileResult(
        path=task.source,
        status=Status.FAILED,
        reason=error.reason,
        message=f"{error}{_COPIED}{f'; {METADATA_LEFT}' if left else ''}",
        metadata_left=left,
        output=task.destination,
        bytes_in=len(data),
        bytes_out=len(data),
        target=task.settings.target,
    )
    replaces = None if earlier is None else earlier.digest
    return Done(result, staged, identity, replaces, delivers=identity.digest)


def _stage(data: bytes, task: Task) -> store.Staged:
    return store.stage(
        data,
        task.destination,
        like=task.source,
        token=task.token,
        reserved=task.reserved,
    )


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
            data, identity = store.read(task.source, limit=store.LARGEST_FILE)
        except FileError as error:
            return Done(self._result(Status.FAILED, error.reason, str(error)))
        replaces = delivers = staged = None
        try:
            if not task.in_place:
                earlier = Destination(task).earlier(data, identity.digest)
                if earlier is not None:
                    replaces = earlier.digest
                    if earlier.made is not None and earlier.made.is_as_asked(task.settings):
                        return Done(self._already(earlier, len(data)))
            result, deliver = self._judge(data, identity.digest)
            before = None
            if deliver is not None and deliver is not data:
                before = self._made_before(data, identity.digest)
                result = _with_price(result, before)
            if deliver is not None and not task.dry_run:
                result = replace(result, output=task.destination)
                # A copy of an earlier run that still is one is left alone.
                if deliver is not data or replaces != identity.digest:
                    delivers = store.digest(deliver)
                    staged = _stage(deliver, task)
        except PublishError as error:
            return Done(self._result(Status.FAILED, error.reason, str(error), size=len(data)))
        return Done(
            result,
            staged,
            identity,
            replaces,
            delivers,
            again=before is not None,
            judged=True,
            made=before if result.reason == Reason.METADATA_DROPPED else None,
        )

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
                known = self._result(verdict.status, verdict.reason, text, size=len(data))
                return replace(known, metadata_left=verdict.metadata_left), stays
        try:
            optimized = self._optimized(data, digest)
        except NotAJpeg as error:
            left_out = self._left_out(error.reason)
            # Another format under a JPEG's name may hold anything; an empty file holds nothing.
            left = bool(data) and not left_out and task.settings.metadata is not Metadata.KEEP
            text = f"{error}; {METADATA_LEFT}" if left else str(error)
            result = self._result(Status.SKIPPED, error.reason, text, size=len(data))
            return replace(result, metadata_left=left), None if left_out else otherwise
        except PublishError:
            raise
        except FileError as error:
            text = str(error) if otherwise is None else f"{error}{_COPIED}"
            left = task.settings.metadata is not Metadata.KEEP
            result = self._result(
                Status.FAILED,
                error.reason,
                f"{text}; {METADATA_LEFT}" if left else text,
                size=len(data),
            )
            return replace(result, metadata_left=left), otherwise
        changed = optimized.status in (Status.OPTIMIZED, Status.LOSSLESS)
        deliver = optimized.data if changed else otherwise
        told = FileResult.of(task.source, optimized)
        if changed:
            told = replace(
                told,
                orientation=orientation_of(optimized.data),
                view=self._view(data, optimized),
            )
        return told, deliver

    def _view(self, source: bytes, optimized: Optimized) -> View | None:
        """Return what a report shows of a result, None where none wishes for it."""
        wish, worst = self._task.wish, optimized.worst_tile
        saved = optimized.bytes_in - optimized.bytes_out
        if wish is None or worst is None or not wish.covers(saved, worst.score):
            return None
        from jpegslim.pictures.views import view_of

        return view_of(source, optimized.data, worst)

    def _optimized(self, data: bytes, digest: str) -> Optimized:
        task = self._task
        output = None if task.ledger is None else ledger.view(task.ledger).output(digest)
        if output is None or not ledger.covers(output.target, task.settings.target):
            return optimize(data, task.settings, admit=self._admit)
        # The ledger knows the picture, and that its metadata is still to go.
        made = Marker(
            version=output.version,
            target=output.target,
            score=output.score,
            tables="",
            source=source_digest(data),
        )
        return drop_metadata(data, task.settings, made, admit=self._admit)

    def _left_out(self, reason: str) -> bool:
        """Tell whether what was named as a picture and is none stays out of the output folder."""
        task = self._task
        return reason == NotAJpeg.reason and task.explicit and not picks(task.source.name)

    def _made_before(self, data: bytes, digest: str) -> Output | None:
        """Return how the source was made where it is a result of ours."""
        if self._task.ledger is not None:
            output = ledger.view(self._task.ledger).output(digest)
            if output is not None:
                return output
        marker = _marker(data)
        if marker is None:
            return None
        return Output(
            target=marker.target, score=marker.score, source=digest, version=marker.version
        )

    def _already(self, earlier: Earlier, size: int) -> FileResult:
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


def _marker(data: bytes) -> Marker | None:
    try:
        return read_marker(parse(data))
    except FileError:
        return None


def _with_price(result: FileResult, before: Output | None) -> FileResult:
    """Say where a result costs one more generation."""
    if before is None or before.score is None or result.status is not Status.OPTIMIZED:
        return result
    return replace(
        result,
        reason=Reason.ANOTHER_GENERATION,
        message=f"{result.message}; made from a picture that was optimized at {before.target:g}"
        " before: one more generation",
    )
