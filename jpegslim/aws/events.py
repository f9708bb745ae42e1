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
    """One message. name: what its sender knows it by. trouble: why it can't be understood."""

    name: str
    notices: tuple[Notice, ...]
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call of the function. arguments: the job's own (S3 Batch Operations, schema 2.0)."""

    sender: Sender
    records: tuple[Record, ...]
    arguments: Mapping[str, str]


def read_event(event: Any) -> Delivery:
    """Read whatever the function was called with.

    Messages of a queue and tasks of a job that can't be understood are Records with a trouble, so
    that they cost only themselves. Raises NotUnderstoodError for any other such event.
    """
    if not isinstance(event, dict):
        raise NotUnderstoodError("the event is no JSON object")
    if "invocationSchemaVersion" in event and "tasks" in event:
        arguments = (event.get("job") or {}).get("userArguments") or {}
        return Delivery(Sender.BATCH, tuple(map(_task, event["tasks"])), arguments)
    records = event.get("Records")
    if isinstance(records, list) and records and _source(records[0]) == "aws:sqs":
        return Delivery(Sender.QUEUE, tuple(map(_queued, records)), {})
    return Delivery(Sender.DIRECT, (Record("", tuple(_notices(event, 0))),), {})


def _queued(message: Mapping[str, Any]) -> Record:
    name = str(message.get("messageId", ""))
    try:
        return Record(name, tuple(_notices(_parsed(message.get("body")), 0)))
    except NotUnderstoodError as error:
        return Record(name, (), str(error))


def _notices(event: Any, depth: int) -> Iterator[Notice]:
    """Yield the photos a message speaks of; none for those that only tell of other things."""
    if depth > _DEEPEST or not isinstance(event, dict):
        raise NotUnderstoodError("the message is no event of S3")
    if event.get("Event") == "s3:TestEvent":
        # S3 sends one when notifications are set up.
        return
    if isinstance(event.get("Records"), list):
        for record in event["Records"]:
            source = _source(record)
            if source == "aws:sns":
                yield from _notices(_parsed(record.get("Sns", {}).get("Message")), depth + 1)
            elif source == "aws:sqs":
                yield from _notices(_parsed(record.get("body")), depth + 1)
            else:
                yield from _stored(record)
    elif event.get("Type") == "Notification" and "Message" in event:
        yield from _notices(_parsed(event["Message"]), depth + 1)
    elif event.get("source") == "aws.s3" and "detail-type" in event:
        yield from _bridged(event)
    else:
        raise NotUnderstoodError("the message is no event of S3")


def _stored(record: Mapping[str, Any]) -> Iterator[Notice]:
    """Read one record of S3's own; only what was stored is of interest, not what was deleted."""
    name = str(record.get("eventName", "")).removeprefix("s3:")
    try:
        stored = record["s3"]
        bucket, key = stored["bucket"]["name"], stored["object"]["key"]
        if name.startswith("ObjectCreated:"):
            yield Notice(Address(bucket, unquote_plus(key, errors="strict")))
    except (KeyError, TypeError, UnicodeDecodeError) as error:
        raise NotUnderstoodError("the message is no event of S3") from error


def _bridged(event: Mapping[str, Any]) -> Iterator[Notice]:
    """Read an event of EventBridge; the key in it is not encoded."""
    try:
        bucket, key = event["detail"]["bucket"]["name"], event["detail"]["object"]["key"]
    except (KeyError, TypeError) as error:
        raise NotUnderstoodError("the event of EventBridge names no object") from error
    if event["detail-type"] == "Object Created":
        yield Notice(Address(bucket, key))


def _task(task: Mapping[str, Any]) -> Record:
    """Read one task of S3 Batch Operations.

    Manifests are to hold keys as in a URL, but some writers put a plus for a space and some mean
    it; so each reading is tried in turn until there is such an object.
    """
    name = str(task.get("taskId", ""))
    try:
        # Schema 2.0 names the bucket; 1.0 has its ARN.
        bucket = task.get("s3Bucket") or task["s3BucketArn"].rpartition(":")[2]
        key = task["s3Key"]
        readings = dict.fromkeys([unquote_plus(key), unquote(key), key])
    except (KeyError, AttributeError, TypeError):
        return Record(name, (), "the task names no object")
    first, *others = (Address(bucket, reading) for reading in readings)
    return Record(name, (Notice(first, tuple(others)),))


def _source(record: Any) -> str:
    if not isinstance(record, dict):
        return ""
    # S3 and SQS begin it with a small letter, SNS with a capital.
    return str(record.get("eventSource") or record.get("EventSource") or "")


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError) as error:
        raise NotUnderstoodError("the message is no JSON") from error
