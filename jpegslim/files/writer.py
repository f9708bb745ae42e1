"""The one writer of a run: what workers staged gets its name here, and nowhere else.

For each file: note the intent, keep the original, compare the source with what was read, rename,
sync, settle. What stops in between is resolved by the next run from the intent, by digest.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from jpegslim.errors import FileError
from jpegslim.files import store
from jpegslim.files.backup import Backup
from jpegslim.files.ledger import Ledger
from jpegslim.files.lock import DeadRun, Extent
from jpegslim.files.plan import Task
from jpegslim.files.remembered import Intent, Output, metadata_key
from jpegslim.files.store import Identity
from jpegslim.files.work import Done
from jpegslim.results import FileResult, Status

_NEW = (Status.OPTIMIZED, Status.LOSSLESS)


class Writer:
    """Publishes results, on one thread. run: whose they are."""

    def __init__(self, run: str, ledger: Ledger | None, backup: Backup | None) -> None:
        self._run = run
        self._ledger = ledger
        self._backup = backup

    def publish(self, task: Task, done: Done) -> FileResult:
        """Give what is staged its name, and return what became of the file.

        Raises PublishError for this file's trouble, RunError where no other would fare better.
        """
        if done.identity is None or task.dry_run:
            return done.result
        if done.staged is None or done.delivers is None:
            self._record(task, done)
            return done.result
        if done.result.status in _NEW and self._ledger is not None:
            # A worker that could not look, on another machine, may have worked in vain.
            verdict = self._ledger.verdict(done.identity.digest, task.settings)
            if verdict is not None and task.in_place:
                size = done.identity.size
                return replace(
                    FileResult(
                        path=task.source,
                        status=verdict.status,
                        reason=verdict.reason,
                        message=verdict.message,
                        metadata_left=verdict.metadata_left,
                    ),
                    bytes_in=size,
                    bytes_out=size,
                    target=task.settings.target,
                )
        original = self._replace(task, done, done.staged, done.identity, done.delivers)
        return replace(done.result, original=original)

    def _replace(
        self, task: Task, done: Done, staged: store.Staged, identity: Identity, delivers: str
    ) -> Path | None:
        """Publish what is staged, and return where the original still is."""
        # Without links, so that the backup's mirror has no ".." in it.
        path = Path(os.path.realpath(task.destination.parent), task.destination.name)
        original = None if task.in_place else task.source
        published = _as_it_will_stand(staged, delivers)
        intent = Intent(
            run=self._run,
            path=key(task.destination),
            temporary=key(staged.temporary),
            source=identity.digest,
            result=delivers,
        )
        if self._ledger is not None:
            self._ledger.intend(intent, _output(task, done, identity))
        try:
            if self._backup is not None and task.in_place:
                original = self._backup.keep(path, identity, result=delivers, again=done.again)
            store.publish(
                staged,
                source=task.source,
                identity=identity,
                in_place=task.in_place,
                replaces=done.replaces,
            )
        except BaseException:
            published = None
            raise
        finally:
            if self._ledger is not None:
                self._ledger.settle(intent, published)
        if not task.in_place:
            self._record(task, done)
            if self._ledger is not None:
                self._ledger.note(_known_as(task), identity)
        return original

    def _record(self, task: Task, done: Done) -> None:
        # What is said of a broken file is another thing where it was copied.
        lasting = done.judged and (
            done.result.status not in _NEW
            and (task.in_place or done.result.status is not Status.FAILED)
        )
        if self._ledger is not None and done.identity is not None and lasting:
            self._ledger.record(_known_as(task), done.identity, done.result, task.settings)


def key(path: Path) -> bytes:
    """Return a path as the ledger knows it: from the root, links as they are."""
    if path.is_absolute():
        return os.fsencode(path)
    return os.path.join(os.getcwdb(), os.fsencode(path))  # noqa: PTH109, PTH118


def _known_as(task: Task) -> bytes:
    return key(task.source) if task.known_as is None else task.known_as


def recover(ledger: Ledger, *, is_live: Callable[[str], bool]) -> None:
    """Resolve the intents of dead runs: their temporaries go, what was published is known."""
    for intent in ledger.intents():
        if is_live(intent.run):
            continue
        temporary = Path(os.fsdecode(intent.temporary))
        if fnmatchcase(temporary.name, store.temporaries_of(intent.run)):
            with suppress(OSError):
                temporary.unlink()
        ledger.settle(intent, _if_published(intent))
    ledger.flush()


def sweep(dead: DeadRun) -> None:
    """Remove the temporaries that a dead run left in the places it had claimed."""
    pattern = store.temporaries_of(dead.run)
    for claim in dead.claims:
        folder = claim.path.parent if claim.extent is Extent.FILE else claim.path
        for place in _folders(folder) if claim.extent is Extent.TREE else (folder,):
            with suppress(OSError), os.scandir(place) as entries:
                for entry in entries:
                    if fnmatchcase(entry.name, pattern):
                        with suppress(OSError):
                            Path(entry.path).unlink()


def _folders(top: Path) -> Iterator[Path]:
    """Yield a folder and those below it, without links and without recursion."""
    pending = [top]
    while pending:
        folder = pending.pop()
        yield folder
        with suppress(OSError), os.scandir(folder) as entries:
            pending.extend(
                Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)
            )


def _if_published(intent: Intent) -> Identity | None:
    try:
        _, identity = store.read(Path(os.fsdecode(intent.path)))
    except FileError:
        return None
    return identity if identity.digest == intent.result else None


def _as_it_will_stand(staged: store.Staged, delivers: str) -> Identity | None:
    """Return what will identify the published file: a rename keeps all of it."""
    try:
        status = staged.temporary.stat()
    except OSError:
        return None
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, delivers)


def _output(task: Task, done: Done, identity: Identity) -> Output | None:
    """Return what the ledger is to know of a new result, None for an unchanged copy."""
    if done.result.status not in _NEW:
        return None
    target, score = done.result.target, done.result.score
    if done.made is not None:
        target, score = done.made.target, done.made.score
    return Output(
        target=target,
        score=score,
        source=identity.digest,
        metadata=metadata_key(task.settings),
    )
