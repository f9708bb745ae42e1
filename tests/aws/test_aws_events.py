"""Events of every kind, and keys as each sender encodes them."""

import json
from urllib.parse import quote, quote_plus

import pytest

from jpegslim.aws.addresses import Address
from jpegslim.aws.events import NotUnderstoodError, Sender, read_event

KEYS = ["plain.jpg", "a+b.jpg", "100%25 %.jpg", "two  spaces/é 日本.jpg", "trailing/"]


def stored(key, name="ObjectCreated:Put"):
    return {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": name,
                "s3": {"bucket": {"name": "photos"}, "object": {"key": quote_plus(key)}},
            }
        ]
    }


def bridged(key, kind="Object Created"):
    return {
        "version": "0",
        "source": "aws.s3",
        "detail-type": kind,
        "detail": {"bucket": {"name": "photos"}, "object": {"key": key, "etag": "0"}},
    }


def through_sns(event):
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(event)}}]}


def through_sqs(*events):
    return {
        "Records": [
            {"eventSource": "aws:sqs", "messageId": f"m{number}", "body": json.dumps(event)}
            for number, event in enumerate(events)
        ]
    }


def envelope(event):
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": json.dumps(event)}


def addresses(delivery):
    return [notice.address for record in delivery.records for notice in record.notices]


WAYS = {
    "s3": stored,
    "eventbridge": bridged,
    "s3 by sns": lambda key: through_sns(stored(key)),
    "eventbridge by sns": lambda key: through_sns(bridged(key)),
    "s3 by sqs": lambda key: through_sqs(stored(key)),
    "eventbridge by sqs": lambda key: through_sqs(bridged(key)),
    "s3 by sns by sqs": lambda key: through_sqs(envelope(stored(key))),
    "eventbridge by sns by sqs": lambda key: through_sqs(envelope(bridged(key))),
    "s3 by sns by sqs, raw": lambda key: through_sqs(through_sns(stored(key))),
}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("way", WAYS)
def test_the_key_is_the_one_that_was_stored(way, key):
    delivery = read_event(WAYS[way](key))
    assert addresses(delivery) == [Address("photos", key)]
    assert delivery.sender is (Sender.QUEUE if "sqs" in way else Sender.DIRECT)


@pytest.mark.parametrize(
    "event",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"},
        stored("a.jpg", "ObjectRemoved:Delete"),
        stored("a.jpg", "s3:ObjectTagging:Put"),
        bridged("a.jpg", "Object Deleted"),
    ],
)
def test_what_tells_of_no_new_photo_is_ignored(event):
    for way in (event, through_sns(event), through_sqs(event), through_sqs(envelope(event))):
        delivery = read_event(way)
        assert addresses(delivery) == []
        assert all(record.trouble is None for record in delivery.records)


def test_an_older_spelling_of_events_is_read():
    assert addresses(read_event(stored("a.jpg", "s3:ObjectCreated:Copy"))) == [
        Address("photos", "a.jpg")
    ]


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "text",
        {},
        {"Records": [{"eventSource": "aws:s3"}]},
        {"Records": [{"eventSource": "aws:sns", "Sns": {"Message": "{"}}]},
        {"source": "aws.s3", "detail-type": "Object Created", "detail": {}},
        {"httpMethod": "GET"},
        {"Records": [{"eventSource": "aws:dynamodb"}]},
    ],
)
def test_what_s3_never_sends_is_refused(event):
    with pytest.raises(NotUnderstoodError):
        read_event(event)


def test_a_key_that_is_no_utf8_is_refused():
    event = stored("a")
    event["Records"][0]["s3"]["object"]["key"] = "%ff.jpg"
    with pytest.raises(NotUnderstoodError):
        read_event(event)


def test_a_message_that_is_wrapped_without_end_is_refused():
    event = stored("a.jpg")
    for _ in range(20):
        event = envelope(event)
    with pytest.raises(NotUnderstoodError):
        read_event(event)


def test_a_bad_message_costs_only_itself():
    event = through_sqs(stored("a.jpg"), {"no": "event"}, stored("b.jpg"))
    event["Records"][1]["body"] = "no JSON"
    good, bad, other = read_event(event).records
    assert (good.trouble, other.trouble) == (None, None)
    assert bad.name == "m1"
    assert bad.trouble == "the message is no JSON"


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("encode", [quote_plus, quote])
@pytest.mark.parametrize("bucket", [{"s3BucketArn": "arn:aws:s3:::photos"}, {"s3Bucket": "photos"}])
def test_a_task_may_mean_the_key_as_each_writer_of_manifests_encodes_it(bucket, encode, key):
    event = {
        "invocationSchemaVersion": "2.0" if "s3Bucket" in bucket else "1.0",
        "invocationId": "i",
        "job": {"id": "j", "userArguments": {"quality": "web"}},
        "tasks": [{"taskId": "t", "s3Key": encode(key), "s3VersionId": None, **bucket}],
    }
    delivery = read_event(event)
    assert delivery.sender is Sender.BATCH
    assert delivery.arguments == {"quality": "web"}
    (record,) = delivery.records
    (notice,) = record.notices
    assert record.name == "t"
    assert Address("photos", key) in (notice.address, *notice.others)


def test_a_task_without_an_object_costs_only_itself():
    event = {"invocationSchemaVersion": "1.0", "job": {"id": "j"}, "tasks": [{"taskId": "t"}]}
    (record,) = read_event(event).records
    assert record.trouble == "the task names no object"
