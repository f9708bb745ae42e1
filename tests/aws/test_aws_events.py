"""Events of every kind, and keys as each sender encodes them."""

import json
from urllib.parse import quote, quote_plus

import pytest
from object_parts import ODD_KEYS

from jpegslim.aws.addresses import Address
from jpegslim.aws.events import NotUnderstoodError, Sender, read_event

KEYS = [
    *ODD_KEYS,
    *("trailing/", "//double//slash.jpg", "/leading.jpg", "./dots/../here.jpg", "%2F%00.jpg"),
    f"{'é' * 510}.jpg",
    "several\nlines\r\n.jpg",
]


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
        stored("a.jpg", "ObjectRemoved:DeleteMarkerCreated"),
        stored("a.jpg", "ObjectRestore:Completed"),
        bridged("a.jpg", "Object Deleted"),
        # What EventBridge makes of CloudTrail names its objects in another way.
        {"source": "aws.s3", "detail-type": "AWS API Call via CloudTrail", "detail": {}},
        {"Records": []},
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
        {"Records": [None]},
        {"Records": "text"},
        {"invocationSchemaVersion": "1.0", "tasks": None},
        {"Records": [7]},
    ],
)
def test_what_s3_never_sends_is_refused(event):
    with pytest.raises(NotUnderstoodError):
        read_event(event)


@pytest.mark.parametrize("key", ["%ff.jpg", "\ud800.jpg", "", None, 7, ["a.jpg"], {}])
def test_what_no_key_can_be_is_refused(key):
    event = stored("a")
    event["Records"][0]["s3"]["object"]["key"] = key
    bad = through_sqs(stored("a.jpg"), event, stored("b.jpg"))
    if key == "%ff.jpg":
        # In the events of EventBridge keys are not encoded.
        assert addresses(read_event(bridged(key))) == [Address("photos", key)]
    else:
        with pytest.raises(NotUnderstoodError):
            read_event(bridged(key))
    with pytest.raises(NotUnderstoodError):
        read_event(event)
    assert [record.trouble is None for record in read_event(bad).records] == [True, False, True]


def test_a_message_that_is_wrapped_without_end_is_refused():
    event = stored("a.jpg")
    for _ in range(20):
        event = envelope(event)
    with pytest.raises(NotUnderstoodError):
        read_event(event)


def test_json_without_an_end_costs_only_its_own_message():
    event = through_sqs(stored("a.jpg"), {})
    event["Records"][1]["body"] = "[" * 100_000
    good, bad = read_event(event).records
    assert good.trouble is None
    assert bad.trouble == "the message is no JSON"


def test_a_bad_record_costs_none_of_its_neighbours():
    event = stored("a.jpg")
    bad = [None, {"eventSource": "aws:sns", "Sns": {"Message": "{"}}, {"eventSource": "aws:x"}]
    event["Records"] += [*bad, *stored("b.jpg")["Records"]]
    there = [Address("photos", "a.jpg"), Address("photos", "b.jpg")]
    for way in (event, through_sns(event), through_sqs(event), through_sqs(envelope(event))):
        delivery = read_event(way)
        (record,) = delivery.records
        assert addresses(delivery) == there
        assert record.trouble is not None


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


def everywhere(value, path=()):
    """Yield the paths to a value and to everything in it."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for name, each in inside if isinstance(value, dict | list) else ():
        yield from everywhere(each, (*path, name))


def replaced(event, path, value):
    if not path:
        return value
    copied = json.loads(json.dumps(event))
    inside = copied
    for name in path[:-1]:
        inside = inside[name]
    inside[path[-1]] = value
    return copied


JOB = {
    "invocationSchemaVersion": "1.0",
    "invocationId": "i",
    "job": {"id": "j", "userArguments": {"quality": "web"}},
    "tasks": [{"taskId": "t", "s3Key": "a.jpg", "s3BucketArn": "arn:aws:s3:::photos"}],
}


@pytest.mark.parametrize("value", [None, True, 7, 0.5, "", "x", "\ud800", [], [None], ["x"], {}])
@pytest.mark.parametrize(
    "event",
    [
        stored("a.jpg"),
        bridged("a.jpg"),
        through_sns(stored("a.jpg")),
        through_sqs(stored("a.jpg"), stored("b.jpg")),
        JOB,
    ],
)
def test_nothing_anywhere_in_an_event_is_a_crash(event, value):
    for path in everywhere(event):
        try:
            delivery = read_event(replaced(event, path, value))
        except NotUnderstoodError:
            continue
        for record in delivery.records:
            for notice in record.notices:
                for address in (notice.address, *notice.others):
                    assert address.bucket
                    assert address.key
                    assert str(address).encode()
