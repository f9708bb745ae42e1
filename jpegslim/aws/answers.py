"""What the function answers, in the words of whoever called it."""

from collections.abc import Mapping
from typing import Any

from jpegslim.aws.events import Delivery, Notice, NotUnderstoodError, Record, Sender
from jpegslim.aws.function import Ended
from jpegslim.reports.wording import printable
from jpegslim.results import Status

# What S3 Batch Operations takes of a task's result.
_LONGEST = 1024
_NAMED = 10


class UnfinishedError(Exception):
    """Some photos of an event are to be tried again; Lambda does so where an error is raised."""


def answer(delivery: Delivery, outcomes: Mapping[Notice, Ended], event: Any) -> dict[str, Any]:
    """Return the answer to a delivery.

    A queue is told which messages to deliver again, S3 Batch Operations what became of each task.
    Raises for any other sender: UnfinishedError where something is to be tried again,
    NotUnderstoodError where the event tells of something else beside its photos.
    """
    if delivery.sender is Sender.QUEUE:
        again = [record.name for record in delivery.records if _is_unfinished(record, outcomes)]
        return {"batchItemFailures": [{"itemIdentifier": name} for name in again]}
    if delivery.sender is Sender.BATCH:
        return {
            "invocationSchemaVersion": event["invocationSchemaVersion"],
            "treatMissingKeysAs": "PermanentFailure",
            "invocationId": event.get("invocationId", ""),
            "results": [_task(record, outcomes) for record in delivery.records],
        }
    unfinished = [str(notice.address) for notice, each in outcomes.items() if each.retry]
    if unfinished:
        more = len(unfinished) - _NAMED
        named = ", ".join(unfinished[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        # The runtime writes it to the log as it is, where a key must not pose as another line.
        raise UnfinishedError(f"to be tried again: {printable(named)}")
    for record in delivery.records:
        if record.trouble is not None:
            raise NotUnderstoodError(record.trouble)
    return {
        "photos": [
            {
                "path": str(each.result.path),
                "status": str(each.result.status),
                "reason": str(each.result.reason),
            }
            for each in outcomes.values()
        ]
    }


def _is_unfinished(record: Record, outcomes: Mapping[Notice, Ended]) -> bool:
    if record.trouble is not None:
        # Until the queue's own limit, then to its dead letters: nothing is thrown away here.
        return True
    return any(outcomes[notice].retry for notice in record.notices)


def _task(record: Record, outcomes: Mapping[Notice, Ended]) -> dict[str, str]:
    if record.trouble is not None:
        code, said = "PermanentFailure", record.trouble
    else:
        (notice,) = record.notices
        ended = outcomes[notice]
        code, said = _code(ended), _words(ended)
    return {"taskId": record.name, "resultCode": code, "resultString": printable(said)[:_LONGEST]}


def _code(ended: Ended) -> str:
    if ended.passing:
        return "TemporaryFailure"
    failed = ended.result.status is Status.FAILED or ended.result.reason == "gone"
    return "PermanentFailure" if failed else "Succeeded"


def _words(ended: Ended) -> str:
    result = ended.result
    words = f"{result.status} ({result.reason}): {result.message}"
    if result.status in (Status.OPTIMIZED, Status.LOSSLESS):
        words += f"; {result.bytes_in} to {result.bytes_out} bytes"
        if result.score is not None:
            words += f", score {result.score:.2f}"
    return words
