"""What workers answer, in this machine's terms: whose trouble it is, and who is to see to it."""

import os
import pickle
from pathlib import Path
from typing import Any

from distributed import CancelledError, Future, KilledWorker

from jpegslim.cluster.gateway import AGAIN, Gateway
from jpegslim.cluster.station import Answer, Reply, named
from jpegslim.errors import RunError, WorkerError
from jpegslim.files import store
from jpegslim.files.worker import POLL_SECONDS
from jpegslim.results import FileResult, Status
from jpegslim.version import VERSION

# Where a worker meets these and this machine does not, the file is not to blame.
_THERE_ONLY = {"not_found", "unreadable"}


def answer_of(future: "Future[Any]", gateway: Gateway) -> tuple[str, Answer]:
    """Return what a finished task answered, and the address of the worker.

    Raises TimeoutError where the answer went down with its worker, so that it is worked on again;
    WorkerError where Dask gave up on it; RunError where no other would fare better.
    """
    try:
        reply: Reply = future.result(timeout=POLL_SECONDS)
    except TimeoutError:
        raise
    except CancelledError as error:
        # Nobody but a lost connection takes a task back while it is waited for.
        raise gateway.lost() from error
    except KilledWorker as error:
        raise _killed(error) from error
    except Exception as error:
        # What goes wrong with a file is an answer; this is trouble with the worker.
        raise gateway.explain(error) from error
    return reply[0], opened(reply, gateway)


def opened(reply: Reply, gateway: Gateway) -> Answer:
    """Return the answer in a reply, its trouble with the worker's name on it. Raises RunError."""
    worker, version, pickled = reply
    if version != VERSION:
        raise gateway.refuse_version(worker, version)
    answer = pickle.loads(pickled)  # noqa: S301 - of the same version
    if not isinstance(answer, Answer):
        raise TypeError(f"a worker answered with {type(answer).__name__}")
    if isinstance(answer.error, RunError):
        raise RunError(f"{answer.error} (on the {gateway.name(worker)})")
    if isinstance(answer.error, WorkerError):
        return Answer(None, named(answer.error, gateway.name(worker), answer.notes))
    return answer


def check_seen(staged: store.Staged, worker: str, gateway: Gateway) -> None:
    """Raise RunError where a worker staged a file in another folder than this machine's."""
    if os.path.lexists(staged.temporary):
        return
    name = gateway.name(worker)
    gateway.unlink(worker, staged.temporary)
    raise RunError(
        f"what the {name} wrote into {store.plain_name(staged.temporary.parent)} is"
        f" not to be seen here: share one folder under one name, and {AGAIN}"
    )


def refusal(source: Path, result: FileResult, worker: str, gateway: Gateway) -> WorkerError | None:
    """Return why a worker's outcome for a file does not count, None where it does.

    Raises RunError where that concerns more than this file.
    """
    there_only = result.status is Status.FAILED and result.reason in _THERE_ONLY
    if not there_only or not os.access(source, os.R_OK):
        return None
    name, folder = gateway.name(worker), source.absolute().parent
    if not gateway.sees(worker, folder):
        raise RunError(
            f"the {name} has no folder {store.plain_name(folder)}: share it there under the same"
            f" name, and {AGAIN}"
        )
    text = f"{result.message}, says the {name}, though it can be read here"
    return WorkerError(text, reason=result.reason)


def _killed(error: KilledWorker) -> WorkerError:
    times = error.allowed_failures + 1
    return WorkerError(
        f"every Dask worker that had it died, {times} in all;"
        f" the last was {error.last_worker.address}",
        reason="worker_died",
    )
