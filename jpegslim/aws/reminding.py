"""What a worker that can't ask the ledger would have needed to know, found out from its answer."""

from contextlib import suppress
from dataclasses import replace

from jpegslim.aws.landing import Landed
from jpegslim.aws.making import Job
from jpegslim.aws.memory import Memory
from jpegslim.aws.treatment import Settled
from jpegslim.aws.workplace import Ready
from jpegslim.errors import FileError
from jpegslim.files import store
from jpegslim.results import Status

_NEW = (Status.OPTIMIZED, Status.LOSSLESS)


def reminded(answer: Ready | Settled, memory: Memory) -> Job | None:
    """Return the job with what the ledger knows of it, to be done again; None as a rule.

    The worker took a result of ours without a marker for a new photo, which would cost a
    generation, or for somebody else's file in the output folder.
    """
    job = answer.job
    if job.known is not None:
        return None
    digests = []
    result = answer.done.result if isinstance(answer, Landed) else answer.result
    if answer.fetched is not None and result.status in _NEW and not _is_known_for_ours(answer):
        digests.append(answer.fetched.content.digest)
    elif result.reason == "exists" and job.landing is not None:
        with suppress(FileError):
            digests.append(store.read(job.landing)[1].digest)
    known = memory.excerpt(digests, job.settings)
    return None if known is None else replace(job, known=known)


def _is_known_for_ours(answer: Ready | Settled) -> bool:
    """Tell whether the worker saw by itself that the photo is a result of ours."""
    if isinstance(answer, Landed):
        return answer.done.again
    return not isinstance(answer, Settled) and answer.again
