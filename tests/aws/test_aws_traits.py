"""What an object is besides its bytes: it survives, or the object is left alone."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ReadTimeoutError
from object_parts import NEW, Between, fetch, note_for, refusal, refusing, trusted

from jpegslim.aws.addresses import Address
from jpegslim.aws.note import read_note
from jpegslim.aws.objects import Objects
from jpegslim.aws.traits import grants, lock_of, traits_of
from jpegslim.aws.troubles import Unavailable, Untouched
from jpegslim.aws.writing import Placing, Replacing

HEADERS = {
    "ContentType": "image/pjpeg",
    "CacheControl": "max-age=31536000, immutable",
    "ContentDisposition": "attachment; filename=a.jpg",
    "ContentEncoding": "identity",
    "ContentLanguage": "de",
    "StorageClass": "STANDARD_IA",
}
EXPIRES = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
# As S3 shows what is not ASCII, and takes it again (RFC 2047); blanks within; nothing at all.
METADATA = {"photographer": "=?UTF-8?Q?Jos=C3=A9?=", "roll": "12  a,b;c", "empty": ""}
# As many as an object may have.
TAGS = {"album": "summer = a+b", "kept": "", "é /:@": "100 + _.-=/"} | {
    f"number {number}": "x" * 256 for number in range(7)
}


def in_place(objects, address, fetched):
    Replacing(objects).replace(fetched, NEW, note_for(fetched))
    return address


def in_parts(objects, address, fetched):
    Replacing(objects, multipart=1).replace(fetched, NEW, note_for(fetched))
    return address


def elsewhere(objects, address, fetched):
    there = Address(f"{address.bucket}-out", "deep/er/b.jpg")
    objects.client.create_bucket(Bucket=there.bucket)
    Placing(objects).place(there, fetched, NEW, note_for(fetched), replaces=None)
    return there


@pytest.mark.parametrize(
    ("server", "write"),
    # moto ignores the condition of a write in parts, and so is not written to like that.
    [
        ("bucket", in_place),
        ("bucket", elsewhere),
        ("real_bucket", in_place),
        ("real_bucket", in_parts),
        ("real_bucket", elsewhere),
    ],
)
def test_all_that_an_object_is_survives(request, objects_of, photo, server, write):
    either_bucket = request.getfixturevalue(server)
    tags = [{"Key": name, "Value": text} for name, text in TAGS.items()]
    either_bucket.put("a.jpg", photo(), Metadata=METADATA, Expires=EXPIRES, **HEADERS)
    either_bucket.client.put_object_tagging(
        Bucket=either_bucket.name, Key="a.jpg", Tagging={"TagSet": tags}
    )
    before = either_bucket.head("a.jpg")
    objects = objects_of(either_bucket)
    fetched = fetch(objects, either_bucket)
    there = write(objects, Address(either_bucket.name, "a.jpg"), fetched)
    place = {"Bucket": there.bucket, "Key": there.key}
    after = objects.client.head_object(**place)
    assert after["ETag"] != before["ETag"]
    for name in ("ExpiresString", *HEADERS):
        assert after.get(name) == before.get(name), name
    kept = dict(after["Metadata"])
    assert read_note({"jpegslim": kept.pop("jpegslim")}) == note_for(fetched)
    # The real server forgets empty ones by itself.
    assert kept == before["Metadata"]
    assert {*kept} >= {"photographer", "roll"}
    found = objects.client.get_object_tagging(**place)["TagSet"]
    assert {each["Key"]: each["Value"] for each in found} == TAGS


def test_a_redirect_of_a_website_survives(bucket, objects_of, photo):
    bucket.put("a.jpg", photo(), WebsiteRedirectLocation="/b.jpg")
    objects = objects_of(bucket)
    in_place(objects, None, fetch(objects, bucket))
    assert bucket.head("a.jpg")["WebsiteRedirectLocation"] == "/b.jpg"


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
@pytest.mark.parametrize("write", [in_place, elsewhere])
def test_encryption_survives(bucket, objects_of, photo, encryption, write):
    bucket.put("a.jpg", photo(), **encryption)
    objects = objects_of(bucket)
    fetched = fetch(objects, bucket)
    there = write(objects, Address(bucket.name, "a.jpg"), fetched)
    after = bucket.client.head_object(Bucket=there.bucket, Key=there.key)
    assert {name: after.get(name) for name in encryption} == encryption


def test_a_write_in_parts_is_told_all_that_one_in_one_piece_is(bucket, shelf, photo):
    bucket.put(
        "a.jpg",
        photo(),
        Metadata=METADATA,
        Tagging="a=b",
        ACL="public-read",
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId="arn:aws:kms:us-east-1:123456789012:key/1234",
        BucketKeyEnabled=True,
        **HEADERS,
    )
    told = []

    def stop(**arguments):
        told.append(arguments)
        raise refusal("SlowDown", 503)

    client = Between(bucket.client, put_object=stop, create_multipart_upload=stop)
    objects = trusted(client, shelf)
    fetched = fetch(objects, bucket)
    for write in (in_place, in_parts):
        with pytest.raises(Unavailable):
            write(objects, None, fetched)
    whole, parts = told
    for name in ("Body", "ContentLength", "ChecksumSHA256", "IfMatch"):
        del whole[name]
    assert parts.pop("ChecksumAlgorithm") == "SHA256"
    assert parts == whole
    assert {*HEADERS, "Metadata", "Tagging", "SSEKMSKeyId", "BucketKeyEnabled"} < {*whole}
    assert "GrantRead" in whole


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


@pytest.mark.parametrize("text", ["0", "-1", "never", f"Thu, 01 Jan 1{'0' * 22} 00:00:00 GMT"])
def test_an_expiry_that_is_no_date_leaves_the_object_alone(text):
    # S3 keeps whatever was sent.
    with pytest.raises(Untouched, match="Expires that is no date") as caught:
        traits_of({"ExpiresString": text})
    assert caught.value.reason == "metadata_unreadable"


def test_an_archived_object_is_left_alone(bucket, objects_of, photo):
    bucket.put("a.jpg", photo(), StorageClass="GLACIER")
    with pytest.raises(Untouched) as caught:
        fetch(objects_of(bucket), bucket)
    assert caught.value.reason == "archived"


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


# Of a service that has no access lists, and of one that names somebody in no way known here.
NOBODY = {"Type": "CanonicalUser", "ID": "", "DisplayName": ""}
SOMEBODY = {"Type": "AmazonCustomerByEmail", "EmailAddress": "a@example.com"}


@pytest.mark.parametrize("who", [NOBODY, {"Type": "CanonicalUser"}])
@pytest.mark.parametrize("owner", [{"ID": "", "DisplayName": ""}, {}])
def test_a_service_without_access_lists_has_none_to_keep(who, owner):
    assert (
        grants({"Owner": owner, "Grants": [{"Grantee": who, "Permission": "FULL_CONTROL"}]}) == {}
    )


@pytest.mark.parametrize(
    ("owner", "who", "permission"),
    [
        ("", NOBODY, "READ"),
        ("", SOMEBODY, "FULL_CONTROL"),
        ("me", NOBODY, "FULL_CONTROL"),
        ("me", SOMEBODY, "READ"),
        ("me", {"ID": "you"}, "WRITE"),
    ],
)
def test_an_access_list_that_can_t_be_sent_again_leaves_the_object_alone(owner, who, permission):
    with pytest.raises(Untouched) as caught:
        grants({"Owner": {"ID": owner}, "Grants": [{"Grantee": who, "Permission": permission}]})
    assert caught.value.reason == "access_list"


def test_a_lock_that_is_over_is_none():
    now = datetime.now(UTC)
    lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockLegalHoldStatus": "OFF"}
    over = {**lock, "ObjectLockRetainUntilDate": now - timedelta(minutes=1)}
    assert lock_of(over) is None
    assert lock_of({**over, "ObjectLockLegalHoldStatus": "ON"}) is not None
    assert lock_of({**lock, "ObjectLockRetainUntilDate": now + timedelta(hours=1)}) is not None
    # A permission may be missing to see until when.
    assert lock_of(lock) is not None


@pytest.mark.parametrize(
    ("operation", "reason"),
    [("get_object_tagging", "tags_unreadable"), ("get_object_acl", "access_list")],
)
def test_what_may_not_be_seen_is_not_lost(bucket, shelf, photo, operation, reason):
    bucket.put("a.jpg", photo(), Tagging="a=b")
    denied = {operation: refusing("AccessDenied", 403)}
    objects = Objects(Between(bucket.client, **denied), shelf)
    fetched = fetch(objects, bucket)
    with pytest.raises(Untouched) as caught:
        Replacing(objects).replace(fetched, NEW, note_for(fetched))
    assert caught.value.reason == reason
    assert bucket.get("a.jpg") == photo()


def test_a_key_that_s3_does_not_have_leaves_the_object_alone(bucket, shelf):
    message = (
        "The object was stored using a form of Server Side Encryption."
        " The correct parameters must be provided to retrieve the object."
    )
    client = Between(bucket.client, get_object=refusing("InvalidRequest", 400, message))
    with pytest.raises(Untouched) as caught:
        fetch(Objects(client, shelf), bucket)
    assert caught.value.reason == "customer_key"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"MissingMeta": 1}, "S3 itself can't show"),
        ({"Metadata": {"artist": "José"}}, "not ASCII"),
        ({"ExpiresString": "soon"}, "no date"),
        ({"ContentDisposition": 'attachment; filename="é.jpg"'}, "ContentDisposition that is not"),
        ({"WebsiteRedirectLocation": "/é"}, "WebsiteRedirectLocation that is not ASCII"),
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


@pytest.mark.parametrize("operation", ["get_object_tagging", "get_object_acl"])
@pytest.mark.parametrize(
    "trouble",
    [refusal("SlowDown", 503), ReadTimeoutError(endpoint_url="x")],
    ids=["busy", "silent"],
)
def test_what_could_not_be_asked_now_is_asked_another_time(
    bucket, shelf, photo, operation, trouble
):
    def fail(**_):
        raise trouble

    bucket.put("a.jpg", photo())
    operations = {operation: fail, "get_bucket_ownership_controls": fail}
    objects = Objects(Between(bucket.client, **operations), shelf)
    with pytest.raises(Unavailable):
        in_place(objects, None, fetch(objects, bucket))
    assert bucket.get("a.jpg") == photo()


@pytest.mark.parametrize("operation", ["get_object_tagging", "get_object_acl"])
def test_a_service_that_knows_nothing_of_tags_or_access_lists_is_fine(
    bucket, shelf, photo, operation
):
    bucket.put("a.jpg", photo())
    objects = Objects(Between(bucket.client, **{operation: refusing("NotImplemented", 501)}), shelf)
    in_place(objects, None, fetch(objects, bucket))
    assert bucket.get("a.jpg") == NEW.data


def test_a_date_without_a_zone_is_not_moved_to_that_of_this_machine():
    expires = traits_of({"ExpiresString": "Mon, 03 Feb 2031 04:05:06 -0000"}).fields["Expires"]
    assert expires == datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_how_a_body_was_sent_is_no_encoding_of_the_object():
    assert "ContentEncoding" not in traits_of({"ContentEncoding": "aws-chunked"}).fields
    assert traits_of({"ContentEncoding": "aws-chunked,br"}).fields["ContentEncoding"] == "br"
