"""What a run takes for itself before it writes: ledger, lock and backup, in the order that is safe.

The ledger comes first, since its trouble names itself best; nothing is recovered before the lock
is had; and all of it is given back in the opposite order.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jpegslim.errors import FileError, RunError
from jpegslim.files import store, writer
from jpegslim.files.backup import Backup
from jpegslim.files.discovery import Candidate, Root, Selection, distinct
from jpegslim.files.ledger import Ledger
from jpegslim.files.lock import Claim, Extent, TreeLock, new_run
from jpegslim.files.plan import Task
from jpegslim.files.remembered import Excerpt, Place
from jpegslim.files.work import Done
from jpegslim.files.writer import Writer
from jpegslim.results import FileResult, Reason, Status
from jpegslim.settings import Metadata, Settings

_NEW = (Status.OPTIMIZED, Status.LOSSLESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a run is going to do, as far as it needs something for itself.

    output: None for in place. without: folders that are not walked. listed: names will come that
    nobody knows yet. locks: the folder for lock files. wait: for a run on the same files.
    """

    paths: Sequence[Path]
    output: Path | None
    without: Sequence[Path]
    selection: Selection
    listed: bool
    ledger: Path | None
    locks: Path
    backup: Path | None
    dry_run: bool
    wait: bool


class Holdings:
    """A context manager; opened, it holds what the run needs. run: names it.

    Opening raises RunError where something can't be had. A dry run holds a ledger at most, and
    writes nothing to it.
    """

    def __init__(self, needs: Needs) -> None:
        self.run = new_run()
        self.writer = Writer(self.run, None, None)
        self._needs = needs
        self._ledger: Ledger | None = None
        self._backup: Backup | None = None
        self._lock: TreeLock | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.__exit__(*exception)  # type: ignore[arg-type]

    @property
    def descriptors(self) -> Sequence[int]:
        """What workers are to keep open."""
        return () if self._lock is None else (self._lock.descriptor,)

    def recall(
        self, found: Iterable[Candidate | FileResult | None], settings: Settings
    ) -> Iterator[Candidate | FileResult | None]:
        """Answer for files that the ledger knows in their place; they are not even read."""
        for each in found:
            verdict = None
            if isinstance(each, Candidate) and self._ledger and self._needs.output is None:
                key = writer.key(each.path)
                verdict = self._ledger.known(key, each.size, each.mtime_ns, settings)
            if verdict is None or not isinstance(each, Candidate):
                yield each
            else:
                yield FileResult(
                    path=each.path,
                    status=verdict.status,
                    reason=verdict.reason,
                    message=verdict.message,
                    bytes_in=each.size,
                    bytes_out=each.size,
                    target=settings.target,
                    metadata_left=verdict.metadata_left,
                )

    def admit(self, task: Task) -> FileResult | None:
        """Claim where a task leads; return its outcome where no worker is needed.

        The file must not be replaced, or its result is where it belongs already. Raises RunError
        where another run is at work there.
        """
        if not task.in_place:
            return self._known_copy(task)
        refused = self._with_other_names(task)
        leads_anywhere = self._needs.listed or self._needs.selection.follow_symlinks
        if refused is None and self._lock is not None and leads_anywhere:
            real = Path(os.path.realpath(task.source))
            folder = Claim(real.parent, Extent.FOLDER)
            if not self._lock.holds(folder) and not self._lock.holds(Claim(real, Extent.FILE)):
                self._claim(self._lock, [folder])
        return refused

    def overlooked(self, task: Task, done: Done) -> Excerpt | None:
        """Return what a worker without the ledger would have needed to know, None as a rule.

        It took a result of ours without a marker for a new picture, which would cost a
        generation, or for somebody else's file in the output folder.
        """
        if self._ledger is None:
            return None
        digests = []
        if done.identity is not None and done.result.status in _NEW and not done.again:
            digests.append(done.identity.digest)
        elif done.result.reason == "exists" and not task.in_place:
            with suppress(FileError):
                digests.append(store.read(task.destination)[1].digest)
        return excerpt_of(self._ledger, digests, task.settings)

    def _open(self, stack: ExitStack) -> None:
        needs = self._needs
        if needs.ledger is not None:
            self._ledger = stack.enter_context(Ledger(needs.ledger, read_only=needs.dry_run))
        if needs.dry_run:
            return
        if needs.output is not None:
            make_output(needs.output)
        self._lock = stack.enter_context(TreeLock(needs.locks, self.run))
        self._claim(self._lock, _claims(needs))
        if self._ledger is not None:
            writer.recover(self._ledger, is_live=self._lock.is_live)
        if needs.backup is not None:
            self._backup = stack.enter_context(Backup(needs.backup))
        self.writer = Writer(self.run, self._ledger, self._backup)

    def leave_behind(self) -> None:
        """Let the next run sweep behind this one: somebody may still stage something."""
        if self._lock is not None:
            self._lock.leave_behind()

    def _claim(self, lock: TreeLock, claims: Sequence[Claim]) -> None:
        for dead in lock.claim(claims, wait=self._needs.wait):
            writer.sweep(dead)
            lock.bury(dead.run)

    def _known_copy(self, task: Task) -> FileResult | None:
        if self._ledger is None:
            return None
        try:
            source, copy = task.source.stat(), task.destination.lstat()
        except OSError:
            return None
        verdict = self._ledger.known_copy(
            Place(writer.key(task.source), source.st_size, source.st_mtime_ns),
            Place(writer.key(task.destination), copy.st_size, copy.st_mtime_ns),
            task.settings,
        )
        if verdict is None:
            return None
        return FileResult(
            path=task.source,
            status=verdict.status,
            reason=verdict.reason,
            message=verdict.message,
            output=task.destination,
            bytes_in=source.st_size,
            bytes_out=copy.st_size,
            target=task.settings.target,
            metadata_left=verdict.metadata_left,
        )

    def _with_other_names(self, task: Task) -> FileResult | None:
        try:
            status = task.source.lstat()
        except OSError:
            return None
        names = status.st_nlink
        if names > 1 and self._backup is not None:
            names -= self._backup.names_of(task.source, status)
        if names <= 1:
            return None
        return FileResult(
            path=task.source,
            status=Status.SKIPPED,
            reason=Reason.HARD_LINKED,
            message=f"has {names} names (hard links), and replacing it would leave the others"
            " with the old file; use --output",
            bytes_in=status.st_size,
            bytes_out=status.st_size,
            target=task.settings.target,
            metadata_left=task.settings.metadata is not Metadata.KEEP,
        )


def excerpt_of(ledger: Ledger, digests: Sequence[str], settings: Settings) -> Excerpt | None:
    """Return what the ledger knows of these bytes, None for nothing."""
    outputs = {digest: ledger.output(digest) for digest in digests}
    verdicts = {digest: ledger.verdict(digest, settings) for digest in digests}
    excerpt = Excerpt(
        {digest: output for digest, output in outputs.items() if output is not None},
        {digest: verdict for digest, verdict in verdicts.items() if verdict is not None},
    )
    return excerpt if excerpt.outputs or excerpt.verdicts else None


def make_output(output: Path) -> None:
    """Make the output folder where it is not there; RunError where nothing can be put in it."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        # Rights, read-only mounts and quotas: only a real file tells.
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as error:
        raise RunError(
            f"the output folder {output} can't be used:"
            f" {store.plain_words(error)}; choose another --output"
        ) from error


def _claims(needs: Needs) -> list[Claim]:
    if needs.output is not None:
        return [Claim(Path(os.path.realpath(needs.output)), Extent.TREE)]
    return [
        Claim(root.real, Extent.TREE if root.is_folder else Extent.FILE)
        for root in distinct(needs.paths, without=needs.without, selection=needs.selection)
        if isinstance(root, Root)
    ]
