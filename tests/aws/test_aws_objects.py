"""Objects as sources and destinations: what survives, and whose write wins."""

import io
from datetime import UTC, datetime

import pytest
from botocore.response import StreamingBody

from jpegslim.aws.addresses import Address
from jpegslim.aws.connection import connect
from jpegslim.aws.content import Content, Shelf, held
from jpegslim.aws.note import make_note, read_note
from jpegslim.aws.objects import Objects
from jpegslim.aws.traits import traits_of
from jpegslim.aws.troubles import Conflict, Refused, Unavailable, Untouched
from jpegslim.aws.writing import PART_BYTES, Placing, Replacing
from jpegslim.errors import NotAJpeg, PublishError, RunError
from jpegslim.settings import Settings

SETTINGS = Settings()
NEW = held(b"\xff\xd8 a result")
ODD_KEYS = [
    "a+b.jpg",
    "100%25 %.jpg",
    "with space/and  two.jpg",
    "é/日本/👩‍👩‍👧.jpg",
    "quote'\"<&>.jpg",
    "plain",
]
# A server that stores objects as files refuses these.
NO_PATHS = ["//double//slash.jpg", "./dots/../here.jpg"]


def note_for(fetched, content=NEW):
    return make_note(
        SETTINGS,
        size=content.size,
        digest=content.digest,
        source=fetched.content.digest,
        origin=fetched.origin,
        etag=fetched.etag,
        score=85.5,
        copy=False,
    )


def fetch(objects, bucket, key="a.jpg", **options):
    return objects.fetch(
        Address(bucket.name, key), options.pop("settings", SETTINGS), in_place=True, **options
    )


def test_listing_streams_and_names_keys_of_every_kind(either_bucket, objects_of):
    for key in [*ODD_KEYS, "folder/"]:
        either_bucket.put(key, b"x")
    found = objects_of(either_bucket).below(Address(either_bucket.name, ""))
    assert {each.address.key for each in found} == set(ODD_KEYS)


def test_listing_goes_on_after_a_page(bucket, objects_of, monkeypatch):
    monkeypatch.setattr("jpegslim.aws.objects.PAGE", 3)
    keys = [f"{number:04}.jpg" for number in range(8)]
    for key in keys:
        bucket.put(key, b"x")
    found = objects_of(bucket).below(Address(bucket.name, "00"))
    assert [each.address.key for each in found] == keys


def test_a_bucket_that_is_not_there_stops_the_run(bucket, objects_of):
    with pytest.raises(RunError, match=r"^s3://nowhere-at-all: there is no such bucket"):
        list(objects_of(bucket).below(Address("nowhere-at-all", "")))


def check_replaceable(bucket, objects, key, data):
    bucket.put(key, data)
    fetched = fetch(objects, bucket, key)
    assert fetched.content.data == data
    Replacing(objects).replace(fetched, NEW, note_for(fetched))
    assert bucket.get(key) == NEW.data
    assert bucket.stored() == [key]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_key_of_any_kind_is_read_and_replaced(either_bucket, objects_of, photo, key):
    check_replaceable(either_bucket, objects_of(either_bucket), key, photo())


@pytest.mark.parametrize("key", NO_PATHS)
def test_a_key_is_no_path(bucket, objects_of, photo, key):
    check_replaceable(bucket, objects_of(bucket), key, photo())


def test_all_that_an_object_is_survives(either_bucket, objects_of, photo):
    either_bucket.put(
        "a.jpg",
        photo(),
        Metadata={"photographer": "someone", "roll": "12"},
        Tagging="album=summer%20%3D%20a%2Bb&kept=",
        ContentType="image/pjpeg",
        CacheControl="max-age=31536000, immutable",
        ContentDisposition="attachment; filename=a.jpg",
        ContentLanguage="de",
        Expires=datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC),
        StorageClass="STANDARD_IA",
    )
    before = either_bucket.head("a.jpg")
    objects = objects_of(either_bucket)
    fetched = fetch(objects, either_bucket)
    Replacing(objects).replace(fetched, NEW, note_for(fetched))
    after = either_bucket.head("a.jpg")
    for name in (
        "ContentType",
        "CacheControl",
        "ContentDisposition",
        "ContentLanguage",
        "StorageClass",
    ):
        assert after.get(name) == before.get(name), name
    assert after.get("ExpiresString") == before.get("ExpiresString")
    kept = dict(after["Metadata"])
    assert read_note({"jpegslim": kept.pop("jpegslim")}) == note_for(fetched)
    assert kept == before["Metadata"]
    tags = either_bucket.client.get_object_tagging(Bucket=either_bucket.name, Key="a.jpg")
    assert {each["Key"]: each["Value"] for each in tags["TagSet"]} == {
        "album": "summer = a+b",
        "kept": "",
    }


@pytest.mark.parametrize(
    "encryption",
    [
        {"ServerSideEncryption": "AES256"},
        {
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": "arn:aws:kms:us-east-1:123456789012:key/1234",
            "BucketKeyEnabled": True,
        },
    ],
)
def test_encryption_survives(bucket, objects_of, photo, encryption):
    bucket.put("a.jpg", photo(), **encryption)
    objects = objects_of(bucket)
    fetched = fetch(objects, bucket)
    Replacing(objects).replace(fetched, NEW, note_for(fetched))
    after = bucket.head("a.jpg")
    assert {name: after.get(name) for name in encryption} == encryption


def test_an_access_list_survives(bucket, objects_of, photo):
    bucket.put("a.jpg", photo(), ACL="public-read")
    before = bucket.client.get_object_acl(Bucket=bucket.name, Key="a.jpg")["Grants"]
    objects = objects_of(bucket)
    fetched = fetch(objects, bucket)
    Replacing(objects).replace(fetched, NEW, note_for(fetched))
    after = bucket.client.get_object_acl(Bucket=bucket.name, Key="a.jpg")["Grants"]

    def plain(grants):
        return {
            (each["Grantee"].get("ID") or each["Grantee"].get("URI"), each["Permission"])
            for each in grants
        }

    assert plain(after) == plain(before)
    assert len(after) > 1


def test_what_was_replaced_meanwhile_is_left_alone(either_bucket, objects_of, photo):
    either_bucket.put("a.jpg", photo(0))
    objects = objects_of(either_bucket)
    fetched = fetch(objects, either_bucket)
    either_bucket.put("a.jpg", photo(1))
    with pytest.raises(Untouched) as caught:
        Replacing(objects).replace(fetched, NEW, note_for(fetched))
    assert caught.value.reason == "stale"
    assert either_bucket.get("a.jpg") == photo(1)


def test_what_was_deleted_meanwhile_stays_deleted(either_bucket, objects_of, photo):
    either_bucket.put("a.jpg", photo())
    objects = objects_of(either_bucket)
    fetched = fetch(objects, either_bucket)
    either_bucket.client.delete_object(Bucket=either_bucket.name, Key="a.jpg")
    with pytest.raises(Untouched) as caught:
        Replacing(objects).replace(fetched, NEW, note_for(fetched))
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


class Conflicting:
    """A client whose first writes meet another write in progress (S3's 409)."""

    def __init__(self, client, times, meanwhile=lambda: None):
        self._client, self.left, self._meanwhile = client, times, meanwhile

    def __getattr__(self, name):
        return getattr(self._client, name)

    def put_object(self, **arguments):
        if self.left and arguments["Key"] == "a.jpg":
            self.left -= 1
            self._meanwhile()
            raise self._client.exceptions.ClientError(
                {
                    "Error": {"Code": "ConditionalRequestConflict", "Message": "try again"},
                    "ResponseMetadata": {"HTTPStatusCode": 409},
                },
                "PutObject",
            )
        return self._client.put_object(**arguments)


def test_a_conflict_is_tried_once_more_where_the_object_is_the_same(bucket, shelf, photo):
    bucket.put("a.jpg", photo())
    objects = Objects(Conflicting(bucket.client, 1), shelf)
    fetched = fetch(objects, bucket)
    Replacing(objects).replace(fetched, NEW, note_for(fetched))
    assert bucket.get("a.jpg") == NEW.data


def test_a_conflict_that_somebody_won_leaves_theirs(bucket, shelf, photo):
    bucket.put("a.jpg", photo(0))
    objects = Objects(Conflicting(bucket.client, 1, lambda: bucket.put("a.jpg", photo(1))), shelf)
    fetched = fetch(objects, bucket)
    with pytest.raises(Untouched) as caught:
        Replacing(objects).replace(fetched, NEW, note_for(fetched))
    assert caught.value.reason == "stale"
    assert bucket.get("a.jpg") == photo(1)


def test_a_large_photo_goes_through_files_and_in_parts(either_bucket, tmp_path):
    source = held(b"\xff\xd8" + bytes(PART_BYTES))
    either_bucket.put("a.jpg", source.data, Metadata={"kept": "yes"}, Tagging="a=b")
    objects = Objects(either_bucket.client, Shelf(tmp_path, in_memory=1000))
    fetched = fetch(objects, either_bucket)
    assert fetched.content.data is None
    assert (fetched.content.size, fetched.content.digest) == (source.size, source.digest)
    result = held(b"\xff\xd8" + b"x" * (PART_BYTES + 5))
    replacing = Replacing(objects, multipart=1000)
    replacing.replace(fetched, result, note_for(fetched, result))
    assert either_bucket.get("a.jpg") == result.data
    assert either_bucket.head("a.jpg")["Metadata"]["kept"] == "yes"
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
    uploads = real_bucket.client.list_multipart_uploads(Bucket=real_bucket.name)
    assert uploads.get("Uploads", []) == []


def test_bytes_that_change_on_the_way_are_refused(real_bucket, objects_of, photo):
    real_bucket.put("a.jpg", photo())
    objects = objects_of(real_bucket)
    fetched = fetch(objects, real_bucket)
    damaged = Content(NEW.size, NEW.digest, NEW.data[:-1] + b"?")
    with pytest.raises(Unavailable):
        Replacing(objects).replace(fetched, damaged, note_for(fetched))
    assert real_bucket.get("a.jpg") == photo()


def test_what_is_no_jpeg_is_not_read_to_its_end(bucket, objects_of):
    bucket.put("film.jpg", b"ftyp" + bytes(1000))
    with pytest.raises(NotAJpeg):
        fetch(objects_of(bucket), bucket, "film.jpg")


def test_an_archived_object_is_left_alone(bucket, objects_of, photo):
    bucket.put("a.jpg", photo(), StorageClass="GLACIER")
    with pytest.raises(Untouched) as caught:
        fetch(objects_of(bucket), bucket)
    assert caught.value.reason == "archived"


def test_an_object_that_is_gone_is_left_alone(either_bucket, objects_of):
    with pytest.raises(Untouched) as caught:
        fetch(objects_of(either_bucket), either_bucket, "nothing.jpg")
    assert caught.value.reason == "gone"


@pytest.mark.parametrize(
    "lock",
    [
        {"ObjectLockLegalHoldStatus": "ON"},
        {
            "ObjectLockMode": "GOVERNANCE",
            "ObjectLockRetainUntilDate": datetime(2099, 1, 1, tzinfo=UTC),
        },
    ],
)
def test_a_locked_object_is_left_alone(locking_bucket, objects_of, photo, lock):
    locking_bucket.put("a.jpg", photo(), **lock)
    with pytest.raises(Untouched) as caught:
        fetch(objects_of(locking_bucket), locking_bucket)
    assert caught.value.reason == "locked"


def test_a_wrong_secret_stops_the_run_and_says_why(weed, real_bucket, monkeypatch, shelf):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something else")
    objects = Objects(connect(endpoint_url=weed), shelf)
    with pytest.raises(RunError, match="the secret key is wrong"):
        list(objects.below(Address(real_bucket.name, "")))


class Denying:
    """A client that may not do one thing."""

    def __init__(self, client, operation):
        self._client, self._operation = client, operation

    def __getattr__(self, name):
        if name != self._operation:
            return getattr(self._client, name)

        def denied(**_):
            raise self._client.exceptions.ClientError(
                {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}},
                name,
            )

        return denied


@pytest.mark.parametrize(
    ("operation", "reason"),
    [("get_object_tagging", "tags_unreadable"), ("get_object_acl", "access_list")],
)
def test_what_may_not_be_seen_is_not_lost(bucket, shelf, photo, operation, reason):
    bucket.put("a.jpg", photo(), Tagging="a=b")
    objects = Objects(Denying(bucket.client, operation), shelf)
    fetched = fetch(objects, bucket)
    with pytest.raises(Untouched) as caught:
        Replacing(objects).replace(fetched, NEW, note_for(fetched))
    assert caught.value.reason == reason
    assert bucket.get("a.jpg") == photo()


def test_a_missing_permission_is_named(bucket, shelf, photo):
    bucket.put("a.jpg", photo())
    objects = Objects(Denying(bucket.client, "get_object"), shelf)
    with pytest.raises(Refused, match=r"s3:GetObject") as caught:
        fetch(objects, bucket)
    assert caught.value.reason == "access_denied"


def test_a_note_spares_reading_what_is_done(bucket, objects_of, photo):
    data = photo()
    bucket.put("source.jpg", data)
    objects = objects_of(bucket)
    fetched = fetch(objects, bucket, "source.jpg")
    Replacing(objects).replace(fetched, NEW, note_for(fetched))
    with pytest.raises(Untouched, match=r"optimized it before, at 85, score 85\.50"):
        fetch(objects, bucket, "source.jpg")
    # A lower target is more work, and so is a lossless wish not.
    assert fetch(objects, bucket, "source.jpg", settings=Settings(target=70)).content.data
    with pytest.raises(Untouched):
        fetch(objects, bucket, "source.jpg", settings=Settings(target=None))
    # Somebody put other bytes there and took the metadata along.
    bucket.put("source.jpg", data, Metadata=bucket.head("source.jpg")["Metadata"])
    assert fetch(objects, bucket, "source.jpg").content.data == data


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


def test_a_key_that_s3_does_not_have_leaves_the_object_alone(bucket, shelf):
    class Encrypted:
        def get_object(self, **_):
            raise bucket.client.exceptions.ClientError(
                {
                    "Error": {
                        "Code": "InvalidRequest",
                        "Message": "The object was stored using a form of Server Side Encryption."
                        " The correct parameters must be provided to retrieve the object.",
                    },
                    "ResponseMetadata": {"HTTPStatusCode": 400},
                },
                "GetObject",
            )

    with pytest.raises(Untouched) as caught:
        fetch(Objects(Encrypted(), shelf), bucket)
    assert caught.value.reason == "customer_key"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"MissingMeta": 1}, "S3 itself can't show"),
        ({"Metadata": {"artist": "José"}}, "not ASCII"),
        ({"ExpiresString": "soon"}, "no date"),
    ],
)
def test_what_could_not_be_written_again_is_left_alone(answer, words):
    with pytest.raises(Untouched, match=words):
        traits_of(answer)


def test_metadata_that_leaves_no_room_for_the_note_stays_whole(bucket, objects_of, photo):
    bucket.put("a.jpg", photo(), Metadata={"long": "x" * 2000})
    objects = objects_of(bucket)
    fetched = fetch(objects, bucket)
    Replacing(objects).replace(fetched, NEW, note_for(fetched))
    assert bucket.head("a.jpg")["Metadata"] == {"long": "x" * 2000}


def test_how_a_body_was_sent_is_no_encoding_of_the_object():
    assert "ContentEncoding" not in traits_of({"ContentEncoding": "aws-chunked"}).fields
    assert traits_of({"ContentEncoding": "aws-chunked,br"}).fields["ContentEncoding"] == "br"


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    shelf = Shelf(tmp_path, in_memory=0, when_full=RunError)

    def pieces():
        yield b"one"
        raise OSError(28, "No space left on device")

    with pytest.raises(RunError, match="has no room for a photo of 6 bytes: no space left"):
        shelf.keep(pieces(), 6)
    assert list(tmp_path.iterdir()) == []


class Breaking:
    """A client whose answers break off in the middle so many times."""

    def __init__(self, client, times):
        self._client, self.left = client, times

    def get_object(self, **arguments):
        answer = self._client.get_object(**arguments)
        if self.left:
            self.left -= 1
            whole = answer["Body"].read()
            answer["Body"] = StreamingBody(io.BytesIO(whole[:1000]), len(whole))
        return answer


def test_an_answer_that_breaks_off_is_asked_for_again(bucket, tmp_path, photo, monkeypatch):
    monkeypatch.setattr("jpegslim.aws.objects._PAUSES", (0.0, 0.0))
    bucket.put("a.jpg", photo())
    for in_memory in (0, 1 << 20):
        shelf = Shelf(tmp_path, in_memory=in_memory)
        fetched = fetch(Objects(Breaking(bucket.client, 2), shelf), bucket)
        assert fetched.content.digest == held(photo()).digest
        fetched.content.discard()
        with pytest.raises(Unavailable, match="broke off"):
            fetch(Objects(Breaking(bucket.client, 3), shelf), bucket)
        assert list(tmp_path.iterdir()) == []
