"""The function in this process: what becomes of photos, and what is answered."""

import hashlib

import pytest
from aws_entries import POISON
from function_parts import Deployed, queued, tasks

from jpegslim.aws.answers import UnfinishedError
from jpegslim.aws.content import Shelf
from jpegslim.aws.environment import read_environment
from jpegslim.aws.function import Function
from jpegslim.aws.note import read_note
from jpegslim.aws.objects import Objects
from jpegslim.aws.telling import Teller
from jpegslim.aws.treatment import OLD_VERSION


def sha(data):
    return hashlib.sha256(data).hexdigest()


def test_a_photo_is_replaced_and_says_so(deployed, bucket, photo, notification):
    bucket.put("a+b é.jpg", photo(), Metadata={"kept": "yes"})
    told = deployed()(notification(bucket, "a+b é.jpg"))
    assert [each["status"] for each in told["photos"]] == ["optimized"]
    head = bucket.head("a+b é.jpg")
    assert head["ContentLength"] < len(photo())
    assert head["Metadata"]["kept"] == "yes"
    assert read_note(head["Metadata"]).score >= 85


@pytest.mark.parametrize(
    ("states", "stays"),
    [
        ((None, None), False),
        (("Enabled", "Enabled"), True),
        # What was stored before a bucket kept versions stays too.
        ((None, "Enabled"), True),
        (("Suspended", "Suspended"), False),
    ],
)
def test_a_photo_that_stays_as_an_old_version_says_so(
    deployed, real_bucket, photo, notification, states, *, stays
):
    def keep_versions(status):
        if status is not None:
            real_bucket.client.put_bucket_versioning(
                Bucket=real_bucket.name, VersioningConfiguration={"Status": status}
            )

    keep_versions(states[0])
    real_bucket.put("a.jpg", photo())
    keep_versions(states[1])
    function = deployed(client=real_bucket.client)
    function(notification(real_bucket, "a.jpg"))
    result = function.outcomes["a.jpg"].result
    assert result.status == "optimized"
    assert (OLD_VERSION in result.notes) is stays
    place = {"Bucket": real_bucket.name, "Key": "a.jpg"}
    versions = [
        real_bucket.client.get_object(**place, VersionId=each["VersionId"])["Body"].read()
        for each in real_bucket.versions("a.jpg")
    ]
    assert (photo() in versions) is stays


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


def test_a_photo_without_room_for_a_note_is_placed_once(deployed, real_bucket, photo, notification):
    real_bucket.put("in/a.jpg", photo(), Metadata={"long": "x" * 2000})
    where = f"s3://{real_bucket.name}"
    function = deployed(
        client=real_bucket.client, JPEGSLIM_SOURCE=f"{where}/in", JPEGSLIM_OUTPUT=f"{where}/out"
    )
    event = notification(real_bucket, "in/a.jpg")
    function(event)
    assert function.reasons() == {"in/a.jpg": ("optimized", "target_met")}
    assert real_bucket.head("out/a.jpg")["Metadata"] == {"long": "x" * 2000}
    function(event)
    assert function.reasons() == {"in/a.jpg": ("skipped", "already_optimized")}


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


def test_a_plus_in_a_manifest_may_be_that_of_the_source(deployed, bucket, photo):
    bucket.put("2024+2025/a.jpg", photo())
    function = deployed(JPEGSLIM_SOURCE=f"s3://{bucket.name}/2024+2025")
    (told,) = function(tasks(bucket, "2024+2025/a.jpg"))["results"]
    assert told["resultString"].startswith("optimized")
    assert len(bucket.get("2024+2025/a.jpg")) < len(photo())
    (told,) = function(tasks(bucket, "2024+2026/a.jpg"))["results"]
    assert told["resultString"].startswith("skipped (outside)")


def test_a_job_may_ask_for_another_quality(deployed, bucket, photo):
    bucket.put("a.jpg", photo())
    deployed()(tasks(bucket, "a.jpg", schema="2.0", userArguments={"quality": "small"}))
    assert read_note(bucket.head("a.jpg")["Metadata"]).target == 70


@pytest.mark.parametrize(
    ("asked", "target"),
    [({"quality": "archive"}, 90), ({"quality": "lossless"}, None), ({"metadata": "keep"}, 85)],
)
def test_what_a_job_asked_for_is_not_undone_by_the_event_of_its_write(
    deployed, bucket, photo, notification, *, asked, target
):
    bucket.keep_versions().put("a.jpg", photo())
    function = deployed(JPEGSLIM_METADATA="strip")
    function(tasks(bucket, "a.jpg", schema="2.0", userArguments=asked))
    function(notification(bucket, "a.jpg"))
    assert function.reasons() == {"a.jpg": ("skipped", "already_optimized")}
    assert read_note(bucket.head("a.jpg")["Metadata"]).target == target
    assert len(bucket.versions("a.jpg")) == 2
    # Another job may ask for less.
    function(tasks(bucket, "a.jpg", schema="2.0", userArguments={"quality": "small"}))
    assert read_note(bucket.head("a.jpg")["Metadata"]).target == 70


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"qualty": "small"}, "there is no argument 'qualty': a job may say quality and metadata"),
        ({"quality": "best"}, "best"),
        ({"metadata": "some"}, "metadata 'some' is none of"),
    ],
)
def test_a_job_that_asks_for_what_makes_no_sense_is_told_so(
    deployed, bucket, photo, arguments, words
):
    bucket.put("a.jpg", photo())
    told = deployed()(tasks(bucket, "a.jpg", schema="2.0", userArguments=arguments))
    (result,) = told["results"]
    assert result["resultCode"] == "PermanentFailure"
    assert words in result["resultString"]
    assert bucket.get("a.jpg") == photo()


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


def test_an_object_that_finds_no_room_is_not_read(deployed, bucket, photo, notification):
    # Few pixels, and a worker would hold all of it.
    function = deployed(memory="512")
    limit = function.function.largest
    assert 100e6 < limit < 150e6
    bucket.put("a.jpg", photo() + bytes(int(limit)))
    function(notification(bucket, "a.jpg"))
    assert function.reasons() == {"a.jpg": ("skipped", "too_big")}
