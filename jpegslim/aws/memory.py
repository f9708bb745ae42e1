"""The ledger's view of objects: known by their address and ETag, and by the digest of their bytes.

Where a file has a time, an object has an ETag, which changes with its bytes: the ledger's column
for the one holds 63 bits of the other.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jpegslim.aws.addresses import Address
from jpegslim.aws.objects import Listed
from jpegslim.aws.treatment import COPIED, Prepared, Settled
from jpegslim.files import writer
from jpegslim.files.holdings import excerpt_of
from jpegslim.files.ledger import Ledger
from jpegslim.files.remembered import Excerpt, Intent, Output, Place, Verdict, metadata_key
from jpegslim.files.store import Identity
from jpegslim.results import FileResult, Reason, Status
from jpegslim.settings import Settings

_NEW = (Status.OPTIMIZED, Status.LOSSLESS)


class Memory:
    """Belongs to the thread that opened the ledger. service: where the objects are; run: whose."""

    def __init__(self, ledger: Ledger | None, *, service: str, run: str, dry_run: bool) -> None:
        self._ledger = ledger
        self._service = service
        self._run = run
        self._dry_run = dry_run
        # By the job, of which each photo has its own.
        self._intents: dict[object, Intent] = {}

    def known(self, listed: Listed, settings: Settings) -> FileResult | None:
        """Return the outcome of an object that the ledger knows as it stands, None of a new one."""
        if self._ledger is None:
            return None
        verdict = self._ledger.known(
            self.key(listed.address), listed.size, stamp(listed.etag), settings
        )
        return None if verdict is None else _told(listed, verdict, settings)

    def known_copy(self, listed: Listed, copy: Path, settings: Settings) -> FileResult | None:
        """Return the outcome of an object whose result or copy stands in a file, None as a rule."""
        if self._ledger is None:
            return None
        try:
            status = copy.lstat()
        except OSError:
            return None
        verdict = self._ledger.known_copy(
            Place(self.key(listed.address), listed.size, stamp(listed.etag)),
            Place(writer.key(copy), status.st_size, status.st_mtime_ns),
            settings,
        )
        if verdict is None:
            return None
        told = _told(listed, verdict, settings)
        return replace(told, output=copy, bytes_out=status.st_size)

    def excerpt(self, digests: Sequence[str], settings: Settings) -> Excerpt | None:
        """Return what is known of bytes, for who can't ask; None for nothing."""
        return None if self._ledger is None else excerpt_of(self._ledger, digests, settings)

    def intend(self, prepared: Prepared) -> None:
        """Note durably what is about to be written."""
        job, fetched, name = prepared.job, prepared.fetched, self._destination(prepared)
        if self._ledger is None or name is None:
            return
        intent = Intent(
            run=self._run,
            path=self.key(name),
            # There is none: an object is whole or not there.
            temporary=b"",
            source=fetched.content.digest,
            result=prepared.content.digest,
        )
        before = self._intents.get(job)
        if before is not None:
            # What was to be written was lost, and is prepared anew.
            self._ledger.settle(before, None)
        self._ledger.intend(intent, _output(prepared, job.settings))
        self._intents[job] = intent

    def settle(self, settled: Settled) -> None:
        """Note what became of a photo that was to be written, or of one that stays as it is."""
        intent = self._intents.pop(settled.job, None)
        if self._ledger is None or self._dry_run:
            return
        if intent is not None:
            written = settled.written
            there = None
            if written is not None:
                content = written.content
                there = _identity(content.size, settled.etag, content.digest)
            self._ledger.settle(intent, there)
        if settled.judged:
            self._record(settled)

    def retold(self, settled: Settled) -> Settled:
        """Return an outcome with the reason why a photo was copied, where that is known.

        What stands at a destination tells no more than that it is a copy.
        """
        if self._ledger is None or settled.result.reason != Reason.ALREADY_COPIED:
            return settled
        job, fetched = settled.job, settled.fetched
        verdict = None
        if fetched is not None:
            verdict = self._ledger.verdict(fetched.content.digest, job.settings)
        elif isinstance(job.source, Address) and job.etag and job.size is not None:
            key = self.key(job.source)
            verdict = self._ledger.known(key, job.size, stamp(job.etag), job.settings)
        if verdict is None:
            return settled
        result = replace(
            settled.result,
            status=verdict.status,
            reason=verdict.reason,
            message=verdict.message,
            metadata_left=verdict.metadata_left,
        )
        return replace(settled, result=result)

    def _record(self, settled: Settled) -> None:
        fetched, result, settings = settled.fetched, settled.result, settled.job.settings
        if self._ledger is None or fetched is None or result.status in _NEW:
            return
        result = replace(result, message=result.message.removesuffix(COPIED))
        if isinstance(fetched.name, Address):
            identity = _identity(fetched.content.size, fetched.etag, fetched.content.digest)
            self._ledger.record(self.key(fetched.name), identity, result, settings)
        else:
            self._ledger.judge(fetched.content.digest, result, settings)

    def _destination(self, prepared: Prepared) -> Address | None:
        if prepared.job.destination is not None:
            return prepared.job.destination
        source = prepared.job.source
        return source if isinstance(source, Address) else None

    def key(self, address: Address) -> bytes:
        """Return what the ledger knows an object by."""
        return f"{self._service}/{address.bucket}/{address.key}".encode()


def stamp(etag: str) -> int:
    """Return what of an ETag the ledger's column for times has room for."""
    return int.from_bytes(hashlib.sha256(etag.encode()).digest()[:8]) >> 1


def _identity(size: int, etag: str, digest: str) -> Identity:
    return Identity(0, 0, size, stamp(etag), digest)


def _told(listed: Listed, verdict: Verdict, settings: Settings) -> FileResult:
    return FileResult(
        path=listed.address.url,
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message,
        bytes_in=listed.size,
        bytes_out=listed.size,
        target=settings.target,
        metadata_left=verdict.metadata_left,
    )


def _output(prepared: Prepared, settings: Settings) -> Output | None:
    """Return what the ledger is to know of a new result, None for an unchanged copy."""
    result, made = prepared.result, prepared.made
    if result.status not in _NEW:
        return None
    output = Output(
        target=result.target,
        score=result.score,
        source=prepared.fetched.content.digest,
        metadata=metadata_key(settings),
    )
    return output if made is None else replace(output, target=made.target, score=made.score)
