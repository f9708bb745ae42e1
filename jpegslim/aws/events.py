"""What a function is called with, read into the photos it speaks of.

S3's own notifications, EventBridge's, either of them through SNS or SQS or both, and the tasks of
S3 Batch Operations. Keys are decoded here, as each sender encodes them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, unquote_plus

from jpegslim.aws.addresses import Address

# SQS around SNS around EventBridge is three; what goes on is nothing of ours.
_DEEPEST = 5
_FOREIGN = "the message is no event of S3"


class Sender(StrEnum):
    """Who waits for the answer, and so what it must look like."""

    DIRECT = "direct"
    QUEUE = "queue"
    BATCH = "batch"


class NotUnderstoodError(ValueError):
    """A message that is nothing of what S3 sends."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One photo that was stored. others: what its key may mean as well, first guess first."""

    address: Address
    others: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One message. name: what its sender knows it by. trouble: what in it can't be understood."""

    name: str
    notices: tuple[Notice, ...]
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call of the function. arguments: the job's own (S3 Batch Operations, schema 2.0)."""

    sender: Sender
    records: tuple[Record, ...]
    arguments: Mapping[str, Any]


def read_event(event: Any) -> Delivery:
    """Read whatever the function was called with.

    Messages of a queue and tasks of a job that can't be understood are Records with a trouble, so
    that they cost only themselves; so is an event that names photos beside something else. Raises
    NotUnderstoodError for any other event that names none.
    """
    if not isinstance(event, dict):
        raise NotUnderstoodError("the event is no JSON object")
    records = event.get("Records")
    if "invocationSchemaVersion" in event and isinstance(event.get("tasks"), list):
        return Delivery(Sender.BATCH, tuple(map(_task, event["tasks"])), _arguments(event))
    if isinstance(records, list) and records and _source(records[0]) == "aws:sqs":
        return Delivery(Sender.QUEUE, tuple(map(_queued, records)), {})
    record = _record("", event)
    if record.trouble is not None and not record.notices:
        raise NotUnderstoodError(record.trouble)
    return Delivery(Sender.DIRECT, (record,), {})


def _queued(message: Any) -> Record:
    if not isinstance(message, dict):
        return Record("", (), "the message is no JSON object")
    name = str(message.get("messageId", ""))
    try:
        return _record(name, _parsed(message.get("body")))
    except NotUnderstoodError as error:
        return Record(name, (), str(error))


def _record(name: str, event: Any) -> Record:
    """Read one message: the photos it speaks of, and what in it is nothing of S3's."""
    found = list(_notices(event, 0))
    troubles = [str(each) for each in found if isinstance(each, NotUnderstoodError)]
    notices = tuple(each for each in found if isinstance(each, Notice))
    return Record(name, notices, troubles[0] if troubles else None)


def _notices(event: Any, depth: int) -> Iterator[Notice | NotUnderstoodError]:
    """Yield the photos a message speaks of; none for those that only tell of other things."""
    try:
        yield from _told(event, depth)
    except NotUnderstoodError as error:
        yield error


def _told(event: Any, depth: int) -> Iterator[Notice | NotUnderstoodError]:
    if depth > _DEEPEST or not isinstance(event, dict):
        raise NotUnderstoodError(_FOREIGN)
    if event.get("Event") == "s3:TestEvent":
        # S3 sends one when notifications are set up.
        return
    if isinstance(event.get("Records"), list):
        for record in event["Records"]:
            yield from _notices_of(record, depth)
    elif event.get("Type") == "Notification" and "Message" in event:
        yield from _notices(_parsed(event["Message"]), depth + 1)
    elif event.get("source") == "aws.s3" and "detail-type" in event:
        yield from _bridged(event)
    else:
        raise NotUnderstoodError(_FOREIGN)


def _notices_of(record: Any, depth: int) -> Iterator[Notice | NotUnderstoodError]:
    """Read one of several records, which costs only itself."""
    source = _source(record)
    try:
        if source == "aws:sns":
            told = record.get("Sns")
            text = told.get("Message") if isinstance(told, dict) else None
            yield from _notices(_parsed(text), depth + 1)
        elif source == "aws:sqs":
            yield from _notices(_parsed(record.get("body")), depth + 1)
        else:
            yield from _stored(record)
    except NotUnderstoodError as error:
        yield error


def _stored(record: Any) -> Iterator[Notice]:
    """Read one record of S3's own; only what was stored is of interest, not what was deleted."""
    try:
        name = str(record["eventName"]).removeprefix("s3:")
        bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
        address = _address(bucket, unquote_plus(key, errors="strict"))
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise NotUnderstoodError(_FOREIGN) from error
    if name.startswith("ObjectCreated:"):
        yield Notice(address)


def _bridged(event: Mapping[str, Any]) -> Iterator[Notice]:
    """Read an event of EventBridge; the key in it is not encoded."""
    if event["detail-type"] != "Object Created":
        return
    try:
        yield Notice(_address(event["detail"]["bucket"]["name"], event["detail"]["object"]["key"]))
    except (KeyError, TypeError) as error:
        raise NotUnderstoodError("the event of EventBridge names no object") from error


def _task(task: Any) -> Record:
    """Read one task of S3 Batch Operations.

    Manifests are to hold keys as in a URL, but some writers put a plus for a space and some mean
    it; so each reading is tried in turn until there is such an object.
    """
    name = str(task.get("taskId", "")) if isinstance(task, dict) else ""
    try:
        # Schema 2.0 names the bucket; 1.0 has its ARN.
        bucket = task.get("s3Bucket") or task["s3BucketArn"].rpartition(":")[2]
        key = task["s3Key"]
        readings = dict.fromkeys([unquote_plus(key), unquote(key), key])
        first, *others = (_address(bucket, reading) for reading in readings)
    except (KeyError, AttributeError, TypeError, NotUnderstoodError):
        return Record(name, (), "the task names no object")
    return Record(name, (Notice(first, tuple(others)),))


def _arguments(event: Mapping[str, Any]) -> dict[str, Any]:
    job = event.get("job")
    arguments = job.get("userArguments") if isinstance(job, dict) else None
    return arguments if isinstance(arguments, dict) else {}


def _address(bucket: Any, key: Any) -> Address:
    """Return what a message names. Raises NotUnderstoodError for what no object can be called."""
    if not all(isinstance(each, str) and each for each in (bucket, key)):
        raise NotUnderstoodError("the message names no object")
    try:
        f"{bucket}{key}".encode()
    except UnicodeEncodeError as error:
        raise NotUnderstoodError("the message names an object by what is no UTF-8") from error
    return Address(bucket, key)


def _source(record: Any) -> str:
    if not isinstance(record, dict):
        return ""
    # S3 and SQS begin it with a small letter, SNS with a capital.
    return str(record.get("eventSource") or record.get("EventSource") or "")


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise NotUnderstoodError("the message is no JSON") from error
