"""The function in this process, on moto: outcomes, answers, and what is left for another call."""

import hashlib
import json
import time
from dataclasses import replace

import pytest
from aws_entries import ENTRY, HANGS, POISON

from jpegslim.aws.answers import UnfinishedError, answer
from jpegslim.aws.content import Shelf
from jpegslim.aws.environment import read_environment
from jpegslim.aws.events import read_event
from jpegslim.aws.function import Function
from jpegslim.aws.note import read_note
from jpegslim.aws.objects import Objects
from jpegslim.aws.telling import Teller


def sha(data):
    return hashlib.sha256(data).hexdigest()


class Deployed:
    """A function and what it told."""

    def __init__(self, function):
        self.function = function

    def __call__(self, event, *, seconds=120.0):
        delivery = read_event(event)
        end = time.monotonic() + seconds
        self.function.teller.begin("request")
        try:
            outcomes = self.function.treat(delivery, lambda: end - time.monotonic())
        finally:
            self.function.teller.end()
        self.outcomes = {notice.address.key: each for notice, each in outcomes.items()}
        return answer(delivery, outcomes, event)

    def reasons(self):
        return {
            key: (str(each.result.status), str(each.result.reason))
            for key, each in self.outcomes.items()
        }


@pytest.fixture
def deployed(bucket, tmp_path):
    """Return a function that sets the function up for the bucket."""
    running = []

    def start(
        *, timeout=60.0, reserve=1.0, client=None, memory="3538", service="jpegslim", **variables
    ):
        configuration = read_environment({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory, **variables})
        configuration = replace(configuration, timeout=timeout, reserve=reserve)
        shelf = Shelf(tmp_path)
        objects = Objects(client or bucket.client, shelf)
        teller = Teller({"POWERTOOLS_SERVICE_NAME": service})
        running.append(Function(configuration, objects, shelf, teller, entry=ENTRY))
        return Deployed(running[-1])

    yield start
    for function in running:
        function.close()
    assert list(tmp_path.iterdir()) == []


def queued(*events):
    return {
        "Records": [
            {"eventSource": "aws:sqs", "messageId": f"m{number}", "body": json.dumps(event)}
            for number, event in enumerate(events)
        ]
    }


def tasks(bucket, *keys, schema="1.0", **job):
    name = (
        {"s3BucketArn": f"arn:aws:s3:::{bucket.name}"}
        if schema == "1.0"
        else {"s3Bucket": bucket.name}
    )
    return {
        "invocationSchemaVersion": schema,
        "invocationId": "invocation",
        "job": {"id": "job", **job},
        "tasks": [
            {"taskId": f"t{number}", "s3Key": key, "s3VersionId": None, **name}
            for number, key in enumerate(keys)
        ],
    }


def test_a_photo_is_replaced_and_says_so(deployed, bucket, photo, notification):
    bucket.put("a+b é.jpg", photo(), Metadata={"kept": "yes"})
    told = deployed()(notification(bucket, "a+b é.jpg"))
    assert [each["status"] for each in told["photos"]] == ["optimized"]
    head = bucket.head("a+b é.jpg")
    assert head["ContentLength"] < len(photo())
    assert head["Metadata"]["kept"] == "yes"
    assert read_note(head["Metadata"]).score >= 85


def test_its_own_events_change_nothing(deployed, bucket, photo, notification):
    bucket.keep_versions().put("a.jpg", photo())
    function = deployed()
    for _ in range(3):
        function(notification(bucket, "a.jpg"))
    assert len(bucket.versions("a.jpg")) == 2
    assert function.reasons() == {"a.jpg": ("skipped", "already_optimized")}
    # The photo knows it too, where somebody dropped the metadata.
    bucket.put("a.jpg", bucket.get("a.jpg"))
    function(notification(bucket, "a.jpg"))
    assert len(bucket.versions("a.jpg")) == 3
    assert function.reasons() == {"a.jpg": ("skipped", "already_optimized")}


def test_an_event_of_an_output_changes_nothing(deployed, bucket, photo, notification):
    bucket.put("in/a.jpg", photo())
    function = deployed(
        JPEGSLIM_SOURCE=f"s3://{bucket.name}/in", JPEGSLIM_OUTPUT=f"s3://{bucket.name}/out"
    )
    function(notification(bucket, "in/a.jpg"))
    assert sorted(bucket.stored()) == ["in/a.jpg", "out/a.jpg"]
    assert bucket.get("in/a.jpg") == photo()
    function(notification(bucket, "out/a.jpg"))
    assert function.reasons() == {"out/a.jpg": ("skipped", "outside")}
    assert sorted(bucket.stored()) == ["in/a.jpg", "out/a.jpg"]
    before = bucket.head("out/a.jpg")["LastModified"]
    function(notification(bucket, "in/a.jpg"))
    assert function.reasons() == {"in/a.jpg": ("skipped", "already_optimized")}
    assert bucket.head("out/a.jpg")["LastModified"] == before


def test_every_photo_has_its_place_in_the_output(deployed, bucket, photo, notification):
    small = photo(quality=20)
    bucket.put("in/broken.jpg", photo()[:5000])
    bucket.put("in/small.jpg", small)
    bucket.put("in/notes.txt", b"not a photo")
    function = deployed(
        JPEGSLIM_SOURCE=f"s3://{bucket.name}/in", JPEGSLIM_OUTPUT=f"s3://{bucket.name}/out"
    )
    function(notification(bucket, "in/broken.jpg", "in/small.jpg", "in/notes.txt"))
    assert bucket.get("out/broken.jpg") == photo()[:5000]
    assert len(bucket.get("out/small.jpg")) <= len(small)
    assert sorted(bucket.stored())[-2:] == ["out/broken.jpg", "out/small.jpg"]
    assert function.reasons()["in/broken.jpg"] == ("failed", "truncated")
    assert function.reasons()["in/notes.txt"] == ("skipped", "not_a_jpeg")


def test_a_newer_upload_has_its_turn(deployed, bucket, photo, notification):
    function = deployed(
        JPEGSLIM_SOURCE=f"s3://{bucket.name}/in", JPEGSLIM_OUTPUT=f"s3://{bucket.name}/out"
    )
    for number in range(2):
        bucket.put("in/a.jpg", photo(number))
        function(notification(bucket, "in/a.jpg"))
        assert function.reasons() == {"in/a.jpg": ("optimized", "target_met")}
    assert read_note(bucket.head("out/a.jpg")["Metadata"]).source == sha(photo(1))[:16]


def test_somebody_elses_object_at_the_output_stays(deployed, bucket, photo, notification):
    bucket.put("in/a.jpg", photo())
    bucket.put("out/a.jpg", b"somebody's")
    function = deployed(
        JPEGSLIM_SOURCE=f"s3://{bucket.name}/in", JPEGSLIM_OUTPUT=f"s3://{bucket.name}/out"
    )
    with pytest.raises(UnfinishedError, match=r"in/a\.jpg"):
        function(notification(bucket, "in/a.jpg"))
    assert function.reasons() == {"in/a.jpg": ("failed", "exists")}
    assert bucket.get("out/a.jpg") == b"somebody's"


def test_a_poison_photo_in_a_queue_costs_only_its_own_message(
    deployed, bucket, photo, notification
):
    for number in range(5):
        bucket.put(f"{number}.jpg", photo(number) + (POISON if number == 2 else b""))
    function = deployed()
    told = function(queued(*(notification(bucket, f"{number}.jpg") for number in range(5))))
    assert told == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    assert function.reasons()["2.jpg"] == ("failed", "worker_died")
    for number in (0, 1, 3, 4):
        assert function.reasons()[f"{number}.jpg"][0] == "optimized"
    assert bucket.get("2.jpg") == photo(2) + POISON


def test_a_photo_that_hangs_costs_only_its_own_message(deployed, bucket, photo, notification):
    bucket.put("good.jpg", photo())
    bucket.put("hangs.jpg", photo(1) + HANGS)
    function = deployed(timeout=4.0)
    told = function(queued(notification(bucket, "hangs.jpg"), notification(bucket, "good.jpg")))
    assert told == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert function.reasons() == {
        "hangs.jpg": ("failed", "timeout"),
        "good.jpg": ("optimized", "target_met"),
    }


def test_a_broken_photo_is_told_and_not_tried_again(deployed, bucket, photo, notification):
    bucket.put("broken.jpg", photo()[:5000])
    function = deployed()
    assert function(queued(notification(bucket, "broken.jpg"))) == {"batchItemFailures": []}
    assert function.reasons() == {"broken.jpg": ("failed", "truncated")}


def test_a_message_that_is_no_event_goes_to_the_dead_letters(deployed, bucket, photo, notification):
    bucket.put("a.jpg", photo())
    told = deployed()(queued({"no": "event"}, notification(bucket, "a.jpg")))
    assert told == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


def test_what_finds_no_time_any_more_is_left_for_another_call(
    deployed, bucket, photo, notification
):
    bucket.put("a.jpg", photo())
    function = deployed(reserve=10.0)
    event = notification(bucket, "a.jpg")
    assert function(queued(event), seconds=10.5) == {
        "batchItemFailures": [{"itemIdentifier": "m0"}]
    }
    with pytest.raises(UnfinishedError, match=r"to be tried again: s3://\S+/a\.jpg$"):
        function(event, seconds=10.5)
    told = function(tasks(bucket, "a.jpg"), seconds=10.5)
    assert told["results"][0]["resultCode"] == "TemporaryFailure"
    assert bucket.get("a.jpg") == photo()
    function(event)
    assert function.reasons() == {"a.jpg": ("optimized", "target_met")}


def test_the_work_ends_before_the_function_does(deployed, bucket, photo, notification):
    bucket.put("good.jpg", photo())
    bucket.put("hangs.jpg", photo(1) + HANGS)
    function = deployed(reserve=3.0)
    start = time.monotonic()
    told = function(queued(notification(bucket, "hangs.jpg")), seconds=6.0)
    assert 2.5 < time.monotonic() - start < 5.5
    assert told == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert function.reasons() == {"hangs.jpg": ("failed", "stopped")}
    # The next call has workers again.
    function(notification(bucket, "good.jpg"))
    assert function.reasons() == {"good.jpg": ("optimized", "target_met")}


@pytest.mark.parametrize("schema", ["1.0", "2.0"])
def test_a_job_is_told_of_each_task(deployed, bucket, photo, schema):
    bucket.put("a+b.jpg", photo(0))
    bucket.put("with space.jpg", photo(1))
    bucket.put("broken.jpg", photo()[:5000])
    bucket.put("poison.jpg", photo(2) + POISON)
    bucket.put("notes.txt", b"not a photo")
    event = tasks(
        bucket,
        "a%2Bb.jpg",
        "with+space.jpg",
        "broken.jpg",
        "poison.jpg",
        "notes.txt",
        "gone.jpg",
        schema=schema,
    )
    told = deployed()(event)
    assert {name: told[name] for name in told if name != "results"} == {
        "invocationSchemaVersion": schema,
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": "invocation",
    }
    assert [(each["taskId"], each["resultCode"]) for each in told["results"]] == [
        ("t0", "Succeeded"),
        ("t1", "Succeeded"),
        ("t2", "PermanentFailure"),
        ("t3", "PermanentFailure"),
        ("t4", "Succeeded"),
        ("t5", "PermanentFailure"),
    ]
    assert told["results"][0]["resultString"].startswith("optimized (target_met): scores 85")


@pytest.mark.parametrize("key", ["a+b.jpg", "a b.jpg"])
def test_a_plus_in_a_manifest_means_what_is_there(deployed, bucket, photo, key):
    bucket.put(key, photo())
    told = deployed()(tasks(bucket, "a+b.jpg"))
    assert told["results"][0]["resultCode"] == "Succeeded"
    assert len(bucket.get(key)) < len(photo())


def test_a_job_may_ask_for_another_quality(deployed, bucket, photo):
    bucket.put("a.jpg", photo())
    deployed()(tasks(bucket, "a.jpg", schema="2.0", userArguments={"quality": "small"}))
    assert read_note(bucket.head("a.jpg")["Metadata"]).target == 70


def test_a_photo_named_twice_is_read_once(deployed, bucket, photo, notification):
    bucket.put("a.jpg", photo())
    reads = []

    class Counting:
        def __getattr__(self, name):
            return getattr(bucket.client, name)

        def get_object(self, **arguments):
            reads.append(arguments["Key"])
            return bucket.client.get_object(**arguments)

    function = deployed(client=Counting())
    told = function(queued(*[notification(bucket, "a.jpg")] * 6))
    assert told == {"batchItemFailures": []}
    assert reads == ["a.jpg"]


def test_a_large_photo_goes_through_files(bucket, photo, tmp_path, notification):
    bucket.put("a.jpg", photo())
    configuration = read_environment({})
    shelf = Shelf(tmp_path, in_memory=1000)
    function = Function(configuration, Objects(bucket.client, shelf), shelf, Teller({}))
    try:
        deployed = Deployed(function)
        deployed(notification(bucket, "a.jpg"))
        assert deployed.reasons() == {"a.jpg": ("optimized", "target_met")}
    finally:
        function.close()
    assert len(bucket.get("a.jpg")) < len(photo())
    assert list(tmp_path.iterdir()) == []


def test_too_large_a_picture_for_the_function_is_left_alone(deployed, bucket, photo, notification):
    bucket.put("a.jpg", photo(size=(1300, 1000)))
    function = deployed(memory="213")
    assert 1 <= function.function.megapixels < 1.3
    function(notification(bucket, "a.jpg"))
    assert function.reasons() == {"a.jpg": ("skipped", "too_big")}


def test_credentials_that_expired_leave_all_for_another_call(deployed, bucket, photo, notification):
    bucket.put("a.jpg", photo())

    class Expired:
        exceptions = bucket.client.exceptions

        def get_object(self, **_):
            raise bucket.client.exceptions.ClientError(
                {"Error": {"Code": "ExpiredToken"}, "ResponseMetadata": {"HTTPStatusCode": 400}},
                "GetObject",
            )

    function = deployed(client=Expired())
    told = function(queued(notification(bucket, "a.jpg"), notification(bucket, "b.jpg")))
    assert told == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}


def test_metrics_and_lines_tell_of_each_photo(deployed, bucket, photo, notification, capsys):
    bucket.put("a.jpg", photo())
    bucket.put("broken.jpg", photo()[:5000])
    # Loggers of one service share the standard output that the first of them found.
    function = deployed(service="telling")
    function(notification(bucket, "a.jpg", "broken.jpg"))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    photos = {each["photo"]["path"][-8:]: each for each in told if "photo" in each}
    assert {each["level"] for each in photos.values()} == {"INFO", "ERROR"}
    assert all(each["request_id"] == "request" for each in photos.values())
    (metrics,) = [each for each in told if "_aws" in each]
    record = function.outcomes["a.jpg"].result
    assert metrics["Optimized"] == [1.0]
    assert metrics["Failed"] == [1.0]
    assert metrics["ColdStart"] == [1.0]
    assert metrics["service"] == "telling"
    assert record.bytes_in in metrics["BytesIn"]
    assert record.bytes_out in metrics["BytesOut"]
    assert record.bytes_in - record.bytes_out in metrics["BytesSaved"]
    assert metrics["Score"] == [round(record.score, 3)]
    assert len(metrics["Duration"]) == 2
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "jpegslim"
