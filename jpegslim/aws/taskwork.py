"""Photos worked on as files are, by the same workers: with the ledger, and pictures for reports."""

from dataclasses import replace
from pathlib import Path

from jpegslim.aws.content import stored
from jpegslim.aws.making import Job, Making
from jpegslim.aws.objects import Fetched
from jpegslim.aws.workshop import Caller
from jpegslim.errors import FileError
from jpegslim.files.plan import Task
from jpegslim.results import FileResult, Status


class TaskMaker:
    """Hands photos over as files of ours. ledger: to be asked whether bytes are known."""

    def __init__(self, workshop: Caller, ledger: Path | None) -> None:
        self._workshop = workshop
        self._ledger = ledger

    def __call__(self, job: Job, fetched: Fetched) -> Making:
        """Optimize a photo; its own trouble is an outcome."""
        path = fetched.content.path
        assert path is not None  # noqa: S101 - a run's shelf keeps files
        task = Task(
            source=path,
            destination=path,
            in_place=True,
            explicit=False,
            settings=job.settings,
            # What is staged is as good as measured; only writing it would count.
            dry_run=job.dry_run,
            ledger=self._ledger if job.known is None else job.known,
            wish=job.wish,
        )
        try:
            done = self._workshop.call(task, timeout=job.timeout)
        except BaseException:
            task.staged.temporary.unlink(missing_ok=True)
            raise
        result = _renamed(job, done.result)
        if result.status is Status.FAILED:
            error = FileError(done.result.message, reason=done.result.reason)
            return Making(result=result, judged=done.judged, error=error)
        content = None if done.staged is None else stored(done.staged.temporary)
        return Making(
            result=result, content=content, judged=done.judged, made=done.made, again=done.again
        )


def _renamed(job: Job, result: FileResult) -> FileResult:
    """Return an outcome as that of the object, whose file nobody has heard of."""
    return replace(result, path=job.shown, output=None)
