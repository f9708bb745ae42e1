"""What goes wrong with one photo costs only its own record, and time is kept."""

import json
import threading
import time

import pytest
from aws_entries import ANTIDOTE, FULL, HANGS, POISON
from function_parts import queued, tasks
from object_parts import Between

import jpegslim
from jpegslim.aws.answers import UnfinishedError
from jpegslim.aws.events import NotUnderstoodError


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


def test_a_photo_that_hangs_leaves_time_for_the_others(deployed, bucket, photo, notification):
    bucket.put("hangs.jpg", photo(1) + HANGS)
    good = [f"{number}.jpg" for number in range(3)]
    for key in good:
        bucket.put(key, photo())
    # A photo may take as long as the whole call, as in a function of one minute.
    function = deployed(timeout=60.0, memory="1769")
    keys = ("hangs.jpg", *good)
    told = function(queued(*(notification(bucket, key) for key in keys)), seconds=9.0)
    assert told == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert function.reasons()["hangs.jpg"] == ("failed", "timeout")
    assert {function.reasons()[key][0] for key in good} == {"optimized"}
    (told,) = function(tasks(bucket, "hangs.jpg"), seconds=6.0)["results"]
    assert told["resultCode"] == "PermanentFailure"


def test_poison_is_copied_once_and_tried_again_each_time(
    deployed, bucket, photo, notification, monkeypatch
):
    poison = photo() + POISON
    bucket.keep_versions().put("in/a.jpg", poison)
    places = {
        "JPEGSLIM_SOURCE": f"s3://{bucket.name}/in",
        "JPEGSLIM_OUTPUT": f"s3://{bucket.name}/out",
    }
    function = deployed(**places)
    event = queued(notification(bucket, "in/a.jpg"))
    for _ in range(3):
        assert function(event) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
        assert function.reasons() == {"in/a.jpg": ("failed", "worker_died")}
        assert function.outcomes["in/a.jpg"].result.message.endswith("; copied as it is")
        assert bucket.get("out/a.jpg") == poison
        assert len(bucket.versions("out/a.jpg")) == 1
    monkeypatch.setenv(ANTIDOTE, "taken")
    assert deployed(**places)(event) == {"batchItemFailures": []}
    assert bucket.get("out/a.jpg") == jpegslim.optimize(poison).data


def test_a_bug_costs_only_its_own_message(deployed, bucket, photo, notification, capsys):
    def get_object(**arguments):
        if arguments["Key"] == "bug.jpg":
            raise ZeroDivisionError
        return bucket.client.get_object(**arguments)

    bucket.put("good.jpg", photo())
    function = deployed(client=Between(bucket.client, get_object=get_object), service="bug")
    told = function(queued(notification(bucket, "bug.jpg"), notification(bucket, "good.jpg")))
    assert told == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert function.reasons() == {
        "bug.jpg": ("failed", "internal_error"),
        "good.jpg": ("optimized", "target_met"),
    }
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    (trace,) = [each["exception"] for each in lines if "exception" in each]
    assert "ZeroDivisionError" in trace


def test_a_bucket_that_is_gone_costs_only_its_own_messages(deployed, bucket, photo, notification):
    class Gone:
        name = "nowhere-at-all"

    bucket.put("a.jpg", photo(0))
    bucket.put("b.jpg", photo(1))
    gone = [notification(Gone, f"{number}.jpg") for number in range(3)]
    function = deployed()
    told = function(
        queued(*gone, notification(bucket, "a.jpg"), *gone, notification(bucket, "b.jpg"))
    )
    again = [each["itemIdentifier"] for each in told["batchItemFailures"]]
    assert again == ["m0", "m1", "m2", "m4", "m5", "m6"]
    assert (
        function.reasons()["a.jpg"]
        == function.reasons()["b.jpg"]
        == (
            "optimized",
            "target_met",
        )
    )


def test_a_queue_in_order_gets_the_same_answer(deployed, bucket, photo, notification):
    # Order is of no account: a photo is read as it stands, whatever its message said.
    bucket.put("a.jpg", photo(0))
    bucket.put("poison.jpg", photo(1) + POISON)
    bucket.put("b.jpg", photo(2))
    event = queued(*(notification(bucket, key) for key in ("a.jpg", "poison.jpg", "b.jpg")))
    for record in event["Records"]:
        record["attributes"] = {"MessageGroupId": "one"}
        record["eventSourceARN"] = "arn:aws:sqs:us-east-1:123456789012:photos.fifo"
    assert deployed()(event) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


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


def test_a_service_that_does_not_answer_is_not_waited_for_to_the_end(
    deployed, bucket, photo, notification
):
    bucket.put("good.jpg", photo())
    bucket.put("stuck.jpg", photo(1))
    answers = threading.Event()

    def get_object(**arguments):
        if arguments["Key"] == "stuck.jpg":
            answers.wait(30)
        return bucket.client.get_object(**arguments)

    # One processor: two photos are on their way at once, so the third waits as well.
    function = deployed(
        reserve=2.0, memory="1769", client=Between(bucket.client, get_object=get_object)
    )
    start = time.monotonic()
    told = function(
        queued(
            *[notification(bucket, "good.jpg")] * 2,
            notification(bucket, "stuck.jpg"),
            notification(bucket, "stuck.jpg", "other.jpg"),
        ),
        seconds=4.0,
    )
    # A second for the answer is left.
    assert 2.0 < time.monotonic() - start < 3.7
    assert told == {"batchItemFailures": [{"itemIdentifier": "m2"}, {"itemIdentifier": "m3"}]}
    assert function.reasons()["good.jpg"] == ("optimized", "target_met")
    assert function.reasons()["stuck.jpg"] == ("failed", "postponed")
    answers.set()
    # What is left over of that call disturbs none that follows.
    function(notification(bucket, "stuck.jpg"))
    assert function.reasons() == {"stuck.jpg": ("optimized", "target_met")}


def test_the_work_ends_before_the_function_does(deployed, bucket, photo, notification):
    bucket.put("good.jpg", photo())
    bucket.put("hangs.jpg", photo(1) + HANGS)
    bucket.put("too.jpg", photo(2) + HANGS)
    # One processor: they hang one after the other, and a photo may have half of the time.
    function = deployed(reserve=3.0, memory="1769")
    start = time.monotonic()
    told = function(
        queued(notification(bucket, "hangs.jpg"), notification(bucket, "too.jpg")), seconds=6.0
    )
    assert 2.5 < time.monotonic() - start < 5.5
    assert told == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}
    assert set(function.reasons().values()) == {("failed", "timeout"), ("failed", "stopped")}
    # The next call has workers again.
    function(notification(bucket, "good.jpg"))
    assert function.reasons() == {"good.jpg": ("optimized", "target_met")}


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


def test_a_full_disk_is_tried_again(deployed, bucket, photo):
    bucket.put("a.jpg", photo() + FULL)
    told = deployed()(tasks(bucket, "a.jpg"))
    assert [each["resultCode"] for each in told["results"]] == ["TemporaryFailure"]


def test_an_event_with_a_bad_record_is_told_once_its_photos_are_done(
    deployed, bucket, photo, notification
):
    bucket.put("a.jpg", photo())
    event = notification(bucket, "a.jpg")
    event["Records"].insert(0, {"eventSource": "aws:s3"})
    function = deployed()
    with pytest.raises(NotUnderstoodError):
        function(event)
    assert function.reasons() == {"a.jpg": ("optimized", "target_met")}
    assert function(queued(event)) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert function.reasons() == {"a.jpg": ("skipped", "already_optimized")}
