"""What the function tells: lines of JSON, and metrics among them."""

import json
from urllib.parse import quote_plus

import pytest
from aws_parts import KEY, SECRET
from function_parts import tasks
from object_parts import Between, refusing

from jpegslim.aws.answers import UnfinishedError
from jpegslim.aws.connection import connect
from jpegslim.aws.telling import Teller
from jpegslim.results import FileResult, Status, Url

# By the specification of the embedded metric format.
MOST_VALUES, MOST_METRICS, MOST_DIMENSIONS, LONGEST_NAME = 100, 100, 30, 1024
UNITS = {"Seconds", "Bytes", "Count", "None"}


def test_a_key_poses_as_no_line_of_a_log(deployed, bucket, notification, capsys):
    key = 'a\n{"level":"INFO"}\x1b[2J\u2028.jpg'
    client = Between(bucket.client, get_object=refusing("SlowDown", 503))
    function = deployed(client=client, service="lines")
    with pytest.raises(UnfinishedError) as caught:
        function(notification(bucket, key))
    assert str(caught.value).isprintable()
    (result,) = function(tasks(bucket, quote_plus(key)))["results"]
    assert result["resultString"].isprintable()
    lines = capsys.readouterr().out.removesuffix("\n").split("\n")
    paths = [record["photo"]["path"] for record in map(json.loads, lines) if "photo" in record]
    assert paths == [f"s3://{bucket.name}/{key}"] * 2
    assert not any("\x1b" in line for line in lines)


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


def finished(number, status):
    return FileResult(
        path=Url(f"s3://photos/{number}.jpg"),
        status=status,
        reason="target_met",
        message="",
        bytes_in=2000,
        bytes_out=1000,
        score=85.5 if status is Status.OPTIMIZED else None,
        target=85.0,
    )


def metrics_in(text):
    """Return the lines that CloudWatch reads metrics from, each held to the format's own rules."""
    told = [json.loads(line) for line in text.splitlines()]
    found = [each for each in told if "_aws" in each]
    for each in found:
        assert isinstance(each["_aws"]["Timestamp"], int)
        (directive,) = each["_aws"]["CloudWatchMetrics"]
        assert 1 <= len(directive["Namespace"]) <= LONGEST_NAME
        assert len(directive["Metrics"]) <= MOST_METRICS
        for dimensions in directive["Dimensions"]:
            assert len(dimensions) <= MOST_DIMENSIONS
            assert all(isinstance(each[name], str) and each[name] for name in dimensions)
        for metric in directive["Metrics"]:
            assert set(metric) <= {"Name", "Unit", "StorageResolution"}
            assert metric["Unit"] in UNITS
            values = each[metric["Name"]]
            assert 1 <= len(values) <= MOST_VALUES
            assert all(isinstance(value, float) for value in values)
        # What is no metric, no dimension and not asked for would be paid for as a field of a log.
        named = {metric["Name"] for metric in directive["Metrics"]}
        assert set(each) == {"_aws", *named, *directive["Dimensions"][0]}
    return found


@pytest.mark.parametrize("count", [1, 99, 100, 101, 250])
def test_metrics_of_a_large_batch_are_whole_and_in_their_format(count, capsys):
    teller = Teller({"POWERTOOLS_SERVICE_NAME": "large", "POWERTOOLS_METRICS_NAMESPACE": "photos"})
    for call in range(2):
        teller.begin(f"call {call}")
        for number in range(count):
            teller.photo(finished(number, Status.SKIPPED), seconds=0.5, retried=False)
        teller.end()
    teller.begin("mixed")
    for number in range(count):
        status = (Status.OPTIMIZED, Status.LOSSLESS, Status.KEPT, Status.FAILED)[number % 4]
        teller.photo(finished(number, status), seconds=0.5, retried=number % 8 == 3)
    teller.not_understood("m1", "the message is no JSON")
    teller.end()
    found = metrics_in(capsys.readouterr().out)

    def total(name):
        return sum(sum(each.get(name, ())) for each in found)

    outcomes = ("Optimized", "Lossless", "Kept", "Skipped", "Failed", "Retried")
    assert sum(map(total, outcomes)) == 3 * count
    assert total("Skipped") == 2 * count
    assert total("ColdStart") == 1
    assert total("NotUnderstood") == 1
    assert total("BytesSaved") == 1000 * (count - total("Retried"))
    assert total("Score") == 85.5 * total("Optimized")


def test_a_call_without_photos_sends_no_metrics(capsys):
    teller = Teller({"POWERTOOLS_SERVICE_NAME": "empty"})
    teller.begin("cold")
    teller.end()
    teller.begin("warm")
    teller.end()
    (cold,) = metrics_in(capsys.readouterr().out)
    assert cold["ColdStart"] == [1.0]


def test_nothing_of_the_credentials_is_told(deployed, real_bucket, photo, capsys, monkeypatch):
    real_bucket.put("a.jpg", photo())
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-session-token")
    client = connect(endpoint_url=real_bucket.endpoint)
    told = deployed(client=client, service="secrets")(tasks(real_bucket, "a.jpg"))
    (result,) = told["results"]
    assert result["resultCode"] == "TemporaryFailure"
    said = json.dumps(told) + "".join(capsys.readouterr())
    assert "see to your credentials" in said
    for word in (KEY, SECRET, "another-secret", "a-session-token", "Signature="):
        assert word not in said


def test_what_a_job_is_told_is_one_line(deployed, bucket, photo):
    key = "a\x1b[2J\u2028.jpg"
    bucket.put(f"in/{key}", photo())
    bucket.put(f"out/{key}", b"somebody's")
    where = f"s3://{bucket.name}"
    function = deployed(JPEGSLIM_SOURCE=f"{where}/in", JPEGSLIM_OUTPUT=f"{where}/out")
    (result,) = function(tasks(bucket, quote_plus(f"in/{key}")))["results"]
    assert result["resultString"].startswith(rf"failed (exists): {where}/out/a\x1b[2J\u2028.jpg ex")
    assert result["resultString"].isprintable()
