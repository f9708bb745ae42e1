"""Whose write wins: conditions, conflicts, writes in parts, and services that ignore all that."""

import pytest
from botocore.exceptions import EndpointConnectionError
from object_parts import NEW, Between, fetch, note_for, refusal, refusing, trusted

from jpegslim.aws.addresses import Address
from jpegslim.aws.content import Content, Shelf, held
from jpegslim.aws.note import LONGEST
from jpegslim.aws.objects import Objects
from jpegslim.aws.troubles import Conflict, Refused, Unavailable, Untouched
from jpegslim.aws.writing import PART_BYTES, Placing, Replacing
from jpegslim.errors import PublishError, RunError

# In one piece, and in parts, for which moto knows no conditions.
WRITES = pytest.mark.parametrize(
    ("server", "multipart"),
    [("bucket", 1 << 20), ("real_bucket", 1 << 20), ("real_bucket", 1)],
    ids=["moto", "weed", "weed, in parts"],
)


@WRITES
def test_what_was_replaced_meanwhile_is_left_alone(request, objects_of, photo, server, multipart):
    either_bucket = request.getfixturevalue(server)
    either_bucket.put("a.jpg", photo(0))
    objects = objects_of(either_bucket)
    fetched = fetch(objects, either_bucket)
    either_bucket.put("a.jpg", photo(1))
    with pytest.raises(Untouched) as caught:
        Replacing(objects, multipart=multipart).replace(fetched, NEW, note_for(fetched))
    assert caught.value.reason == "stale"
    assert either_bucket.get("a.jpg") == photo(1)


@WRITES
def test_what_was_deleted_meanwhile_stays_deleted(request, objects_of, photo, server, multipart):
    either_bucket = request.getfixturevalue(server)
    either_bucket.put("a.jpg", photo())
    objects = objects_of(either_bucket)
    fetched = fetch(objects, either_bucket)
    either_bucket.client.delete_object(Bucket=either_bucket.name, Key="a.jpg")
    with pytest.raises(Untouched) as caught:
        Replacing(objects, multipart=multipart).replace(fetched, NEW, note_for(fetched))
    assert caught.value.reason in ("stale", "gone")
    assert either_bucket.stored() == []


def test_the_same_result_of_somebody_faster_is_told_as_such(either_bucket, objects_of, photo):
    either_bucket.put("a.jpg", photo())
    objects = objects_of(either_bucket)
    first, second = fetch(objects, either_bucket), fetch(objects, either_bucket)
    Replacing(objects).replace(first, NEW, note_for(first))
    with pytest.raises(Untouched) as caught:
        Replacing(objects).replace(second, NEW, note_for(second))
    assert caught.value.reason == "already_optimized"


def conflicting(client, times, meanwhile=lambda: None):
    """Return a client whose first writes to a.jpg meet another write in progress (S3's 409)."""
    left = [times]

    def put_object(**arguments):
        if arguments["Key"] == "a.jpg" and left[0]:
            left[0] -= 1
            meanwhile()
            raise refusal("ConditionalRequestConflict", 409)
        return client.put_object(**arguments)

    return Between(client, put_object=put_object)


def test_a_conflict_is_tried_once_more_where_the_object_is_the_same(bucket, shelf, photo):
    bucket.put("a.jpg", photo())
    objects = Objects(conflicting(bucket.client, 1), shelf)
    fetched = fetch(objects, bucket)
    Replacing(objects).replace(fetched, NEW, note_for(fetched))
    assert bucket.get("a.jpg") == NEW.data


def test_a_conflict_that_somebody_won_leaves_theirs(bucket, shelf, photo):
    bucket.put("a.jpg", photo(0))
    client = conflicting(bucket.client, 1, lambda: bucket.put("a.jpg", photo(1)))
    objects = Objects(client, shelf)
    fetched = fetch(objects, bucket)
    with pytest.raises(Untouched) as caught:
        Replacing(objects).replace(fetched, NEW, note_for(fetched))
    assert caught.value.reason == "stale"
    assert bucket.get("a.jpg") == photo(1)


def test_a_second_conflict_is_told_as_one(bucket, shelf, photo):
    bucket.put("a.jpg", photo())
    objects = Objects(conflicting(bucket.client, 2), shelf)
    fetched = fetch(objects, bucket)
    with pytest.raises(Conflict):
        Replacing(objects).replace(fetched, NEW, note_for(fetched))
    assert bucket.get("a.jpg") == photo()


def test_a_conflict_in_parts_begins_anew(real_bucket, shelf, photo):
    real_bucket.put("a.jpg", photo())
    client, begun = real_bucket.client, []

    def complete_multipart_upload(**arguments):
        begun.append(arguments["UploadId"])
        if len(begun) == 1:
            raise refusal("ConditionalRequestConflict", 409)
        return client.complete_multipart_upload(**arguments)

    objects = Objects(Between(client, complete_multipart_upload=complete_multipart_upload), shelf)
    fetched = fetch(objects, real_bucket)
    Replacing(objects, multipart=1).replace(fetched, NEW, note_for(fetched))
    assert real_bucket.get("a.jpg") == NEW.data
    assert len(set(begun)) == 2
    assert unfinished(real_bucket) == []


def unfinished(bucket):
    return bucket.client.list_multipart_uploads(Bucket=bucket.name).get("Uploads", [])


@pytest.mark.parametrize("multipart", [1 << 20, 1], ids=["whole", "in parts"])
def test_a_write_whose_answer_was_lost_is_told_as_done(real_bucket, shelf, photo, multipart):
    real_bucket.put("a.jpg", photo())
    client = real_bucket.client

    def twice(name):
        def write(**arguments):
            # What boto3 does where no answer comes.
            getattr(client, name)(**arguments)
            if "Body" in arguments:
                arguments["Body"].seek(0)
            return getattr(client, name)(**arguments)

        return {name: write}

    name = "put_object" if multipart > 1 else "complete_multipart_upload"
    objects = trusted(Between(client, **twice(name)), shelf)
    fetched = fetch(objects, real_bucket)
    with pytest.raises(Untouched) as caught:
        Replacing(objects, multipart=multipart).replace(fetched, NEW, note_for(fetched))
    assert caught.value.reason == "already_optimized"
    assert real_bucket.get("a.jpg") == NEW.data


@pytest.mark.parametrize(
    "trouble",
    [refusal("SlowDown", 503), EndpointConnectionError(endpoint_url="x"), KeyboardInterrupt()],
)
def test_a_write_in_parts_that_breaks_off_is_cleared_away(real_bucket, shelf, photo, trouble):
    real_bucket.put("a.jpg", photo())

    def fail(**_):
        raise trouble

    objects = trusted(Between(real_bucket.client, upload_part=fail), shelf)
    fetched = fetch(objects, real_bucket)
    with pytest.raises((Unavailable, RunError, KeyboardInterrupt)):
        Replacing(objects, multipart=1).replace(fetched, NEW, note_for(fetched))
    assert unfinished(real_bucket) == []
    assert real_bucket.get("a.jpg") == photo()
    # Where clearing away fails too, what came first is told.
    client = Between(
        real_bucket.client,
        upload_part=refusing("SlowDown", 503),
        abort_multipart_upload=fail,
    )
    if not isinstance(trouble, KeyboardInterrupt):
        with pytest.raises(Unavailable, match="SlowDown"):
            Replacing(trusted(client, shelf), multipart=1).replace(fetched, NEW, note_for(fetched))


def test_an_upload_that_was_cleared_away_is_tried_again_another_time(real_bucket, shelf, photo):
    real_bucket.put("a.jpg", photo())
    client = real_bucket.client

    def complete_multipart_upload(**arguments):
        place = {name: arguments[name] for name in ("Bucket", "Key", "UploadId")}
        client.abort_multipart_upload(**place)
        return client.complete_multipart_upload(**arguments)

    objects = Objects(Between(client, complete_multipart_upload=complete_multipart_upload), shelf)
    fetched = fetch(objects, real_bucket)
    with pytest.raises(Unavailable, match="NoSuchUpload"):
        Replacing(objects, multipart=1).replace(fetched, NEW, note_for(fetched))
    assert real_bucket.get("a.jpg") == photo()


def test_a_large_photo_goes_through_files_and_in_parts(real_bucket, tmp_path):
    source = held(b"\xff\xd8" + bytes(PART_BYTES))
    real_bucket.put("a.jpg", source.data, Metadata={"kept": "yes"}, Tagging="a=b")
    objects = Objects(real_bucket.client, Shelf(tmp_path, in_memory=1000))
    fetched = fetch(objects, real_bucket)
    assert fetched.content.data is None
    assert (fetched.content.size, fetched.content.digest) == (source.size, source.digest)
    result = held(b"\xff\xd8" + b"x" * (PART_BYTES + 5))
    replacing = Replacing(objects, multipart=1000)
    replacing.replace(fetched, result, note_for(fetched, result))
    assert real_bucket.get("a.jpg") == result.data
    assert real_bucket.head("a.jpg")["Metadata"]["kept"] == "yes"
    fetched.content.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_write_in_parts_that_comes_too_late_leaves_nothing_behind(real_bucket, objects_of):
    real_bucket.put("a.jpg", b"\xff\xd8 first")
    objects = objects_of(real_bucket)
    fetched = fetch(objects, real_bucket)
    real_bucket.put("a.jpg", b"\xff\xd8 second")
    result = held(b"\xff\xd8" + bytes(6 << 20))
    with pytest.raises(Untouched) as caught:
        Replacing(objects, multipart=1000).replace(fetched, result, note_for(fetched, result))
    assert caught.value.reason == "stale"
    assert real_bucket.get("a.jpg") == b"\xff\xd8 second"
    assert unfinished(real_bucket) == []


def test_bytes_that_change_on_the_way_are_refused(real_bucket, objects_of, photo):
    real_bucket.put("a.jpg", photo())
    objects = objects_of(real_bucket)
    fetched = fetch(objects, real_bucket)
    damaged = Content(NEW.size, NEW.digest, NEW.data[:-1] + b"?")
    with pytest.raises(Unavailable):
        Replacing(objects).replace(fetched, damaged, note_for(fetched))
    assert real_bucket.get("a.jpg") == photo()


def test_a_place_is_taken_only_where_it_is_free_or_ours(either_bucket, objects_of, photo):
    either_bucket.put("in.jpg", photo())
    objects = objects_of(either_bucket)
    fetched = fetch(objects, either_bucket, "in.jpg")
    there = Address(either_bucket.name, "out.jpg")
    placing = Placing(objects)
    note = note_for(fetched)
    placing.place(there, fetched, NEW, note, replaces=None)
    standing = objects.look(there)
    assert standing.note == note
    assert placing.check_ours(there, standing, fetched) == note
    with pytest.raises(Untouched):
        placing.place(there, fetched, NEW, note, replaces=None)
    other = held(b"\xff\xd8 another result")
    placing.place(there, fetched, other, note_for(fetched, other), replaces=standing)
    assert either_bucket.get("out.jpg") == other.data
    # Another call with a newer source was faster.
    with pytest.raises(Conflict):
        placing.place(there, fetched, NEW, note, replaces=standing)

    either_bucket.put("out.jpg", b"somebody's")
    with pytest.raises(PublishError):
        placing.check_ours(there, objects.look(there), fetched)
    with pytest.raises(PublishError) as caught:
        placing.place(there, fetched, NEW, note, replaces=None)
    assert caught.value.reason == "exists"
    assert either_bucket.get("out.jpg") == b"somebody's"


@WRITES
def test_a_place_that_somebody_took_meanwhile_stays_theirs(
    request, objects_of, photo, server, multipart
):
    either_bucket = request.getfixturevalue(server)
    either_bucket.put("in.jpg", photo())
    objects = objects_of(either_bucket)
    fetched = fetch(objects, either_bucket, "in.jpg")
    either_bucket.put("out.jpg", b"somebody's")
    there = Address(either_bucket.name, "out.jpg")
    with pytest.raises(PublishError, match="somebody else"):
        Placing(objects, multipart=multipart).place(
            there, fetched, NEW, note_for(fetched), replaces=None
        )
    assert either_bucket.get("out.jpg") == b"somebody's"


def test_a_result_that_was_deleted_meanwhile_is_made_again_another_time(
    either_bucket, objects_of, photo
):
    either_bucket.put("in.jpg", photo())
    objects = objects_of(either_bucket)
    fetched = fetch(objects, either_bucket, "in.jpg")
    there, placing, note = (
        Address(either_bucket.name, "out.jpg"),
        Placing(objects),
        note_for(fetched),
    )
    placing.place(there, fetched, NEW, note, replaces=None)
    standing = objects.look(there)
    either_bucket.client.delete_object(Bucket=there.bucket, Key=there.key)
    other = held(b"\xff\xd8 another result")
    with pytest.raises(Conflict):
        placing.place(there, fetched, other, note_for(fetched, other), replaces=standing)
    assert either_bucket.stored() == ["in.jpg"]


def test_a_result_that_somebody_edited_is_not_ours_any_more(real_bucket, objects_of, photo):
    real_bucket.put("in.jpg", photo())
    objects = objects_of(real_bucket)
    fetched = fetch(objects, real_bucket, "in.jpg")
    there, placing = Address(real_bucket.name, "out.jpg"), Placing(objects)
    placing.place(there, fetched, NEW, note_for(fetched), replaces=None)
    # A tool that turns a photo by one byte of it, and keeps the metadata.
    edited = NEW.data[:-1] + b"?"
    real_bucket.put("out.jpg", edited, Metadata=real_bucket.head("out.jpg")["Metadata"])
    with pytest.raises(PublishError):
        placing.check_ours(there, objects.look(there), fetched)


def test_without_room_for_a_note_the_bytes_tell_whose_a_result_is(real_bucket, objects_of, photo):
    real_bucket.put("in.jpg", photo(), Metadata={"long": "x" * 2000})
    objects = objects_of(real_bucket)
    fetched = fetch(objects, real_bucket, "in.jpg")
    assert fetched.traits.room < LONGEST
    there, placing, note = Address(real_bucket.name, "out.jpg"), Placing(objects), note_for(fetched)
    placing.place(there, fetched, NEW, note, replaces=None)
    standing = objects.look(there)
    assert standing.note is None
    assert placing.check_ours(there, standing, fetched) is None
    with pytest.raises(Untouched) as caught:
        placing.place(there, fetched, NEW, note, replaces=None)
    assert caught.value.reason == "already_optimized"
    other = held(b"\xff\xd8 another result")
    with pytest.raises(PublishError):
        placing.place(there, fetched, other, note_for(fetched, other), replaces=None)
    assert real_bucket.get("out.jpg") == NEW.data


def ignoring(client, refuse=None, *, only_where_nothing_stands=False):
    """Return a client of a service that ignores conditions, and what is written with it."""
    written = []

    def put_object(*, IfMatch=None, **arguments):  # noqa: N803 - boto3's
        heeded = only_where_nothing_stands and arguments["Key"] in written
        written.append(arguments["Key"])
        if refuse is not None:
            raise refuse
        return client.put_object(**arguments, **({"IfMatch": IfMatch} if heeded else {}))

    return Between(client, put_object=put_object), written


def test_a_service_that_ignores_conditions_is_found_out_before_anything_is_lost(
    real_bucket, shelf, photo
):
    for key in ("in/a.jpg", "in/b.jpg"):
        real_bucket.put(key, photo())
    client, written = ignoring(real_bucket.client)
    objects = Objects(client, shelf)
    for key in ("in/a.jpg", "in/b.jpg"):
        fetched = fetch(objects, real_bucket, key)
        with pytest.raises(RunError, match=r"http://\S+ ignores the conditions of writes \(If-Mat"):
            Replacing(objects).replace(fetched, NEW, note_for(fetched))
        with pytest.raises(RunError):
            Placing(objects).place(
                Address(real_bucket.name, "out.jpg"), fetched, NEW, note_for(fetched), replaces=None
            )
    # Asked beside the photo, and cleared away.
    assert all(key.startswith(("in/jpegslim-", "jpegslim-")) for key in written)
    assert real_bucket.stored() == ["in/a.jpg", "in/b.jpg"]
    assert real_bucket.get("in/a.jpg") == photo()


def test_a_service_that_ignores_conditions_in_parts_alone_is_found_out(bucket, objects_of, photo):
    bucket.put("a.jpg", photo())
    objects = objects_of(bucket)
    fetched = fetch(objects, bucket)
    with pytest.raises(RunError, match=r"ignores the conditions of writes in parts \(If-Match\)"):
        Replacing(objects, multipart=1).replace(fetched, NEW, note_for(fetched))
    assert bucket.stored() == ["a.jpg"]
    assert bucket.get("a.jpg") == photo()
    Replacing(objects).replace(fetched, NEW, note_for(fetched))
    assert bucket.get("a.jpg") == NEW.data


def test_a_service_that_heeds_conditions_where_something_stands_will_do(real_bucket, shelf, photo):
    real_bucket.put("in/a.jpg", photo())
    client, written = ignoring(real_bucket.client, only_where_nothing_stands=True)
    written.append("in/a.jpg")
    objects = Objects(client, shelf)
    fetched = fetch(objects, real_bucket, "in/a.jpg")
    Replacing(objects).replace(fetched, NEW, note_for(fetched))
    assert real_bucket.get("in/a.jpg") == NEW.data
    assert real_bucket.stored() == ["in/a.jpg"]


def test_a_service_is_asked_once_for_a_bucket(real_bucket, shelf, photo):
    written = []

    def put_object(**arguments):
        written.append(arguments["Key"])
        return real_bucket.client.put_object(**arguments)

    objects = Objects(Between(real_bucket.client, put_object=put_object), shelf)
    for key in ("a.jpg", "b.jpg"):
        real_bucket.put(key, photo())
        fetched = fetch(objects, real_bucket, key)
        Replacing(objects).replace(fetched, NEW, note_for(fetched))
    asked, *photos = written
    assert asked.startswith("jpegslim-")
    assert photos == ["a.jpg", "b.jpg"]
    assert real_bucket.stored() == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    "host",
    ["s3.eu-west-1.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn", "x.s3.eu-west-1.api.aws"],
)
def test_aws_is_not_asked(shelf, host):
    class Elsewhere:
        class meta:  # noqa: N801 - boto3's
            endpoint_url = f"https://{host}"

    Objects(Elsewhere(), shelf).conditions.check(Address("bucket", "a.jpg"), in_parts=True)


def test_a_service_that_may_not_be_asked_speaks_for_itself(real_bucket, shelf, photo):
    real_bucket.put("a.jpg", photo())
    client, written = ignoring(real_bucket.client, refusal("AccessDenied", 403))
    objects = Objects(client, shelf)
    fetched = fetch(objects, real_bucket)
    for _ in range(2):
        with pytest.raises(Refused, match=r"does not allow writing it \(s3:PutObject;"):
            Replacing(objects).replace(fetched, NEW, note_for(fetched))
    assert written[1::2] == ["a.jpg", "a.jpg"]
