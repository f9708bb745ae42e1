"""The handler as Lambda runs it: in its runtime client and emulator, on a real S3 server."""

import json
import threading
import urllib.error
from concurrent.futures import ThreadPoolExecutor

import pytest
from aws_entries import HANGS, POISON
from function_parts import queued

import jpegslim
from jpegslim.aws.note import read_note


def bridged(bucket, key):
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket.name}, "object": {"key": key}},
    }


def through_sns(event):
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(event)}}]}


def task(bucket, key, schema):
    name = (
        {"s3Bucket": bucket.name}
        if schema == "2.0"
        else {"s3BucketArn": f"arn:aws:s3:::{bucket.name}"}
    )
    return {
        "invocationSchemaVersion": schema,
        "invocationId": "i",
        "job": {"id": "j"},
        "tasks": [{"taskId": "t", "s3Key": key, "s3VersionId": None, **name}],
    }


@pytest.fixture
def function(deploy, weed):
    """The function, replacing what it is told of."""
    return deploy(weed)


def test_every_kind_of_event_optimizes_its_photo(function, real_bucket, photo, notification):
    def stored(key):
        return notification(real_bucket, key)

    kinds = {
        "s3": stored,
        "bridge": lambda key: bridged(real_bucket, key),
        "sns": lambda key: through_sns(stored(key)),
        "sqs": lambda key: queued(stored(key)),
        "bridge by sqs": lambda key: queued(bridged(real_bucket, key)),
        "sns by sqs": lambda key: queued(
            {"Type": "Notification", "Message": json.dumps(stored(key))}
        ),
        "job 1.0": lambda key: task(real_bucket, key.replace("+", "%2B").replace(" ", "+"), "1.0"),
        "job 2.0": lambda key: task(
            real_bucket, key.replace("+", "%2B").replace(" ", "%20"), "2.0"
        ),
    }
    answers = {}
    for number, (kind, event) in enumerate(kinds.items()):
        key = f"{kind}/a+b é {number}.jpg"
        real_bucket.put(key, photo(number), Metadata={"kept": "yes"})
        answers[kind] = function.invoke(event(key))
        assert real_bucket.get(key) == jpegslim.optimize(photo(number)).data, (kind, answers[kind])
        assert real_bucket.head(key)["Metadata"]["kept"] == "yes"
    for kind in ("s3", "bridge", "sns"):
        assert [each["status"] for each in answers[kind]["photos"]] == ["optimized"]
    for kind in ("sqs", "bridge by sqs", "sns by sqs"):
        assert answers[kind] == {"batchItemFailures": []}
    for kind in ("job 1.0", "job 2.0"):
        assert [each["resultCode"] for each in answers[kind]["results"]] == ["Succeeded"]
    told = function.lines()
    assert sum("photo" in each for each in told) == len(kinds)
    metrics = [each for each in told if "_aws" in each]
    assert sum(sum(each.get("Optimized", [])) for each in metrics) == len(kinds)
    assert sum(sum(each.get("ColdStart", [])) for each in metrics) == 1


def test_a_test_event_is_ignored(function, real_bucket):
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": real_bucket.name}
    assert function.invoke(event) == {"photos": []}
    assert function.invoke(queued(event)) == {"batchItemFailures": []}


def test_an_event_that_is_none_is_an_error_and_the_next_one_is_fine(
    function, real_bucket, photo, notification
):
    assert function.invoke({"no": "event"})["errorType"] == "NotUnderstoodError"
    real_bucket.put("a.jpg", photo())
    assert len(function.invoke(notification(real_bucket, "a.jpg"))["photos"]) == 1


def test_its_own_events_come_to_an_end(function, real_bucket, photo, notification):
    real_bucket.keep_versions().put("a.jpg", photo())
    statuses = [
        function.invoke(notification(real_bucket, "a.jpg"))["photos"][0]["status"] for _ in range(4)
    ]
    assert statuses == ["optimized", "skipped", "skipped", "skipped"]
    assert len(real_bucket.versions("a.jpg")) == 2


def test_a_broken_photo_in_a_batch_costs_only_its_own_message(
    function, real_bucket, photo, notification
):
    for number in range(4):
        real_bucket.put(f"{number}.jpg", photo(number) if number != 1 else photo(1)[:4000])
    told = function.invoke(
        queued(
            *(notification(real_bucket, f"{number}.jpg") for number in range(4)),
            {"no": "event"},
            notification(real_bucket, "gone.jpg"),
        )
    )
    assert told == {"batchItemFailures": [{"itemIdentifier": "m4"}]}
    for number in (0, 2, 3):
        assert read_note(real_bucket.head(f"{number}.jpg")["Metadata"]) is not None


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_storm_of_duplicates_gives_one_write_each(
    deploy, real_bucket, photo, notification, elsewhere
):
    real_bucket.keep_versions()
    count = 5
    for number in range(count):
        real_bucket.put(f"in/{number}.jpg", photo(number))
    where = f"s3://{real_bucket.name}"
    variables = (
        {"JPEGSLIM_SOURCE": f"{where}/in", "JPEGSLIM_OUTPUT": f"{where}/out"} if elsewhere else {}
    )
    # An emulator takes one event at a time, as a container of Lambda's does.
    functions = [deploy(real_bucket.endpoint, **variables) for _ in range(3)]
    locks = [threading.Lock() for _ in functions]

    def invoke(at, number):
        event = queued(notification(real_bucket, f"in/{number}.jpg"))
        while True:
            with locks[at]:
                answer = functions[at].invoke(event)
            # What the queue is told has failed comes again.
            if answer == {"batchItemFailures": []}:
                return answer

    with ThreadPoolExecutor(len(functions) * 2) as pool:
        sent = [
            pool.submit(invoke, copy % len(functions), number)
            for number in range(count)
            for copy in range(6)
        ]
        assert [each.result() for each in sent] == [{"batchItemFailures": []}] * count * 6
    for number in range(count):
        key = f"{'out' if elsewhere else 'in'}/{number}.jpg"
        assert real_bucket.get(key) == jpegslim.optimize(photo(number)).data
        assert len(real_bucket.versions(key)) == (1 if elsewhere else 2)
        assert real_bucket.get(f"in/{number}.jpg") == real_bucket.get(key) or elsewhere


def test_poison_costs_only_its_own_record(deploy, weed, real_bucket, photo, notification):
    function = deploy(weed, handler="aws_handler.handler", JPEGSLIM_TIMEOUT="4")
    poison = {1: POISON, 3: HANGS}
    for number in range(5):
        real_bucket.put(f"{number}.jpg", photo(number) + poison.get(number, b""))
    keys = [f"{number}.jpg" for number in range(5)]
    told = function.invoke(queued(*(notification(real_bucket, key) for key in keys)))
    assert told == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m3"}]}
    for number, key in enumerate(keys):
        if number in poison:
            assert real_bucket.get(key) == photo(number) + poison[number]
        else:
            assert real_bucket.get(key) == jpegslim.optimize(photo(number)).data
    reasons = [each["photo"]["reason"] for each in function.lines() if "photo" in each]
    assert {"worker_died", "timeout"} < set(reasons)
    codes = [
        function.invoke(task(real_bucket, key, "2.0"))["results"][0]["resultCode"]
        for key in ("1.jpg", "0.jpg")
    ]
    assert codes == ["PermanentFailure", "Succeeded"]


def test_a_runtime_clears_away_what_the_one_before_left(deploy, weed, real_bucket, photo, tmp_path):
    left = tmp_path / "jpegslim-function-left"
    left.mkdir()
    (left / "photo").write_bytes(bytes(1000))
    real_bucket.put("a.jpg", photo())
    function = deploy(weed, TMPDIR=str(tmp_path))
    (result,) = function.invoke(task(real_bucket, "a.jpg", "2.0"))["results"]
    assert result["resultCode"] == "Succeeded"
    (own,) = tmp_path.glob("jpegslim-function-*")
    assert own != left
    assert list(own.iterdir()) == []


def test_semaphores_are_not_there_as_in_lambda(deploy, weed):
    # What every test in the emulator stands on.
    told = deploy(weed, handler="aws_handler.locking").invoke({})
    assert (told["errorType"], told["errorMessage"]) == (
        "OSError",
        "[Errno 38] Function not implemented",
    )


def test_a_configuration_that_would_run_in_circles_ends_the_function(deploy, weed, real_bucket):
    where = f"s3://{real_bucket.name}"
    function = deploy(weed, JPEGSLIM_SOURCE=where, JPEGSLIM_OUTPUT=f"{where}/out")
    with pytest.raises(urllib.error.HTTPError):
        function.invoke({"Event": "s3:TestEvent"})
    told = function.log.read_text()
    assert "UsageError" in told
    assert "every result would call the function again" in told


def test_what_the_time_does_not_suffice_for_is_reported_before_it_is_over(
    deploy, weed, real_bucket, photo, notification
):
    for number in range(3):
        real_bucket.put(f"{number}.jpg", photo(number))
    function = deploy(weed, timeout=10, JPEGSLIM_RESERVE="9.5")
    told = function.invoke(
        queued(*(notification(real_bucket, f"{number}.jpg") for number in range(3)))
    )
    assert told == {"batchItemFailures": [{"itemIdentifier": f"m{n}"} for n in range(3)]}
    assert all(real_bucket.get(f"{number}.jpg") == photo(number) for number in range(3))
