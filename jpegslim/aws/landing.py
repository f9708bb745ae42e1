"""Objects that become files: fetched beside, then worked on and published as any file is."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from jpegslim.aws.making import Job
from jpegslim.aws.memory import stamp
from jpegslim.aws.objects import Fetched, Objects
from jpegslim.aws.treatment import Settled, failed
from jpegslim.aws.workshop import Caller
from jpegslim.errors import FileError
from jpegslim.files import store, work
from jpegslim.files.plan import Task
from jpegslim.files.selection import picks
from jpegslim.files.work import Done
from jpegslim.files.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """A photo whose result lies beside its place under a temporary name."""

    job: Job
    fetched: Fetched
    task: Task
    done: Done

    def discard(self) -> None:
        """Let go of the bytes and of what is staged."""
        store.discard(self.task.staged)
        self.fetched.content.discard()


class Landing:
    """Prepares, from any thread.

    ledger: to be asked by workers, None where they can't. attempt: reserves a task's temporary,
    where others may be at the same task.
    """

    def __init__(
        self,
        objects: Objects,
        workshop: Caller,
        ledger: Path | None,
        *,
        attempt: Callable[[Task], Task] = lambda task: task,
    ) -> None:
        self._objects = objects
        self._workshop = workshop
        self._ledger = ledger
        self._attempt = attempt

    def prepare(self, job: Job, known_as: bytes, token: str) -> Landed | Settled:
        """Fetch a photo and stage its result; trouble with it is an outcome. Raises RunError.

        known_as: what the ledger knows the object by. token: as in `Task`.
        """
        fetched = None
        try:
            fetched = self._fetch(job)
            task, done = self._stage(job, self._task(job, fetched, known_as, token))
        except FileError as error:
            if fetched is not None:
                fetched.content.discard()
            return failed(job, fetched, error)
        except BaseException:
            if fetched is not None:
                fetched.content.discard()
            raise
        # The ledger knows an object by its ETag, where a file has a time.
        if done.identity is not None:
            identity = replace(done.identity, mtime_ns=stamp(fetched.etag))
            done = replace(done, identity=identity)
        return Landed(job=job, fetched=fetched, task=task, done=done)

    def _fetch(self, job: Job) -> Fetched:
        assert not isinstance(job.source, Path)  # noqa: S101 - files do not land
        whatever = picks(job.source.name)
        fetched = self._objects.fetch(job.source, job.settings, in_place=False, whatever=whatever)
        moment = fetched.modified.timestamp()
        assert fetched.content.path is not None  # noqa: S101 - a run's shelf keeps files
        os.utime(fetched.content.path, (moment, moment))
        return fetched

    def _task(self, job: Job, fetched: Fetched, known_as: bytes, token: str) -> Task:
        assert job.landing is not None  # noqa: S101
        assert fetched.content.path is not None  # noqa: S101
        return Task(
            source=fetched.content.path,
            destination=job.landing,
            in_place=False,
            explicit=False,
            settings=job.settings,
            dry_run=job.dry_run,
            ledger=self._ledger if job.known is None else job.known,
            wish=job.wish,
            token=token,
            known_as=known_as,
        )

    def _stage(self, job: Job, task: Task) -> tuple[Task, Done]:
        """Have a task done; return it as it was done, with its outcome."""
        attempt = self._attempt(task)
        try:
            done = self._call(attempt, job)
        except BaseException:
            store.discard(attempt.staged)
            raise
        if done.staged is None:
            store.discard(attempt.staged)
        return attempt, done

    def _call(self, attempt: Task, job: Job) -> Done:
        try:
            done: Done = self._workshop.call(attempt, timeout=job.timeout)
        except FileError as error:
            if job.dry_run or error.reason == "stopped":
                raise
            # As with files: the best there is to be had of it is a copy. The worker may have died
            # in the midst of staging.
            if not attempt.reserved:
                store.discard(attempt.staged)
            return work.copy(attempt, error)
        return done


def publish(landed: Landed, writer: Writer) -> Settled:
    """Give what is staged its name, on the writer's thread.

    Raises RunError where no other file would fare better.
    """
    job = landed.job
    try:
        result = writer.publish(landed.task, landed.done)
    except FileError as error:
        return failed(job, landed.fetched, error)
    finally:
        landed.discard()
    return Settled(
        job=job,
        result=replace(result, path=job.shown, original=None),
        fetched=landed.fetched,
    )
