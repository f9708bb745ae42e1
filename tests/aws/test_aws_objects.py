"""Objects as sources: what is listed, what is read, and what is wrong in between."""

import io
import threading
from types import SimpleNamespace

import pytest
from botocore.response import StreamingBody
from object_parts import (
    NEW,
    ODD_KEYS,
    Between,
    Meddler,
    fetch,
    note_for,
    refusing,
)

from jpegslim.aws import handler
from jpegslim.aws.addresses import Address
from jpegslim.aws.connection import connect
from jpegslim.aws.content import Shelf, held
from jpegslim.aws.objects import Objects
from jpegslim.aws.troubles import Refused, Unavailable, Untouched
from jpegslim.aws.writing import Replacing
from jpegslim.errors import NotAJpeg, RunError
from jpegslim.settings import Settings

# A server that stores objects as files refuses these.
NO_PATHS = ["//double//slash.jpg", "./dots/../here.jpg", "..", "behind/", f"{'é' * 510}.jpg"]


def test_listing_streams_and_names_keys_of_every_kind(either_bucket, objects_of):
    for key in ODD_KEYS:
        either_bucket.put(key, b"x")
    either_bucket.put("folder/", b"")
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


@pytest.mark.parametrize("look", ["below", "named"])
@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (("SlowDown", 503), "S3 is too busy"),
        (("AccessDenied", 403), r"access denied: S3 does not allow listing .* \(s3:ListBucket\)"),
    ],
)
def test_a_listing_that_fails_stops_the_run(bucket, shelf, look, trouble, words):
    def paginate(**_):
        yield refusing(*trouble)()

    def pages(_):
        return Between(bucket.client, paginate=paginate)

    client = Between(bucket.client, list_objects_v2=refusing(*trouble), get_paginator=pages)
    listing = getattr(Objects(client, shelf), look)
    with pytest.raises(RunError, match=rf"^s3://{bucket.name}/a: {words}"):
        list(listing(Address(bucket.name, "a")))


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


def test_a_key_of_several_lines_is_read_and_replaced(real_bucket, objects_of, photo):
    check_replaceable(real_bucket, objects_of(real_bucket), "line\nfeed\r\n.jpg", photo())


def test_keys_that_look_the_same_are_different_objects(either_bucket, objects_of):
    keys = ["e\u0301.jpg", "\xe9.jpg"]
    for number, key in enumerate(keys):
        either_bucket.put(key, b"\xff\xd8 %d" % number)
    objects = objects_of(either_bucket)
    listed = {each.address.key for each in objects.below(Address(either_bucket.name, ""))}
    assert listed == set(keys)
    for number, key in enumerate(keys):
        assert fetch(objects, either_bucket, key).content.data == b"\xff\xd8 %d" % number


def test_what_is_no_jpeg_is_not_read_to_its_end(bucket, objects_of):
    bucket.put("film.jpg", b"ftyp" + bytes(1000))
    with pytest.raises(NotAJpeg):
        fetch(objects_of(bucket), bucket, "film.jpg")


def test_an_object_that_is_gone_is_left_alone(either_bucket, objects_of):
    with pytest.raises(Untouched) as caught:
        fetch(objects_of(either_bucket), either_bucket, "nothing.jpg")
    assert caught.value.reason == "gone"


def test_a_wrong_secret_stops_the_run_and_says_why(weed, real_bucket, monkeypatch, shelf):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something else")
    objects = Objects(connect(endpoint_url=weed), shelf)
    with pytest.raises(RunError, match="the secret key is wrong"):
        list(objects.below(Address(real_bucket.name, "")))


def test_a_look_at_one_object_says_what_is_really_wrong(weed, real_bucket, monkeypatch, shelf):
    address = Address(real_bucket.name, "a.jpg")
    # HEAD is answered by 403 alone, whatever the reason.
    with pytest.raises(Refused, match=r"does not allow reading it \(s3:GetObject, and s3:ListB"):
        denied = refusing("AccessDenied", 403)
        Objects(Between(real_bucket.client, head_object=denied, get_object=denied), shelf).look(
            address
        )
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something else")
    with pytest.raises(RunError, match="the secret key is wrong"):
        Objects(connect(endpoint_url=weed), shelf).look(address)


def test_a_missing_permission_is_named(bucket, shelf, photo):
    bucket.put("a.jpg", photo())
    objects = Objects(Between(bucket.client, get_object=refusing("AccessDenied", 403)), shelf)
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


def test_a_note_beside_other_bytes_of_the_same_size_says_nothing(real_bucket, objects_of, photo):
    real_bucket.put("a.jpg", photo())
    objects = objects_of(real_bucket)
    fetched = fetch(objects, real_bucket)
    Replacing(objects).replace(fetched, NEW, note_for(fetched))
    note = real_bucket.head("a.jpg")["Metadata"]
    with pytest.raises(Untouched):
        fetch(objects, real_bucket)
    other = NEW.data[:-1] + b"?"
    for checksum in ("SHA256", "CRC32"):
        real_bucket.put("a.jpg", other, Metadata=note, ChecksumAlgorithm=checksum)
        assert fetch(objects, real_bucket).content.data == other
    # A copy that keeps bytes and metadata keeps what they say.
    real_bucket.put("b.jpg", NEW.data, Metadata=note, ChecksumAlgorithm="SHA256")
    with pytest.raises(Untouched):
        fetch(objects, real_bucket, "b.jpg")


def test_knowing_its_own_result_costs_one_request_and_no_bytes(bucket, shelf, objects_of, photo):
    bucket.put("a.jpg", photo())
    fetched = fetch(objects_of(bucket), bucket)
    Replacing(objects_of(bucket)).replace(fetched, NEW, note_for(fetched))
    bodies = []

    def get_object(**arguments):
        answer = bucket.client.get_object(**arguments)
        answer["Body"] = StreamingBody(io.BytesIO(answer["Body"].read()), len(NEW.data))
        bodies.append(answer["Body"])
        return answer

    class Single:
        def __getattr__(self, name):
            raise AssertionError(name)

    client = Single()
    client.get_object = get_object
    client.meta = bucket.client.meta
    with pytest.raises(Untouched):
        fetch(Objects(client, shelf), bucket)
    (body,) = bodies
    assert body._amount_read == 0


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    shelf = Shelf(tmp_path, in_memory=0, when_full=RunError)

    def pieces():
        yield b"one"
        raise OSError(28, "No space left on device")

    with pytest.raises(RunError, match="has no room for a photo of 6 bytes: no space left"):
        shelf.keep(pieces(), 6)
    assert list(tmp_path.iterdir()) == []


def test_there_is_room_for_a_photo_and_its_result_or_none_is_needed(tmp_path, monkeypatch):
    usage = SimpleNamespace(free=512_000_000)
    monkeypatch.setattr("jpegslim.aws.content.shutil.disk_usage", lambda _: usage)
    assert Shelf(tmp_path).room() == 256_000_000
    usage.free = 1_000_000
    assert Shelf(tmp_path, in_memory=32 << 20).room() == 32 << 20


@pytest.mark.parametrize(("free", "largest"), [(512_000_000, 256_000_000), (1 << 40, 787_465_472)])
def test_the_function_reads_what_memory_and_tmp_have_room_for(tmp_path, monkeypatch, free, largest):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
    monkeypatch.setattr(handler, "own_folder", lambda: tmp_path)
    monkeypatch.setattr(
        "jpegslim.aws.content.shutil.disk_usage", lambda _: SimpleNamespace(free=free)
    )
    function = handler._function.__wrapped__()
    function.close()
    assert function._objects._largest == largest


@pytest.fixture
def meddled(weed, monkeypatch):
    """Return a function that opens a client whose answers pass through a function."""
    # Whatever a user's configuration says, photos are held to the checksums there are.
    monkeypatch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
    monkeypatch.setattr("jpegslim.aws.objects._PAUSES", (0.0, 0.0))
    running = []

    def start(meddle):
        running.append(Meddler(weed, meddle))
        threading.Thread(target=running[-1].serve_forever, daemon=True).start()
        return connect(endpoint_url=running[-1].endpoint)

    yield start
    for each in running:
        each.shutdown()
        each.server_close()


def cut_short(body):
    return body[:1000]


def altered(body):
    return body[:1000] + bytes([body[1000] ^ 1]) + body[1001:]


# CRC-64 is what S3 keeps of objects that come without a checksum.
@pytest.mark.parametrize("kind", ["CRC32", "CRC32C", "CRC64NVME", "SHA256"])
@pytest.mark.parametrize("meddle", [cut_short, altered])
def test_an_answer_that_is_not_whole_or_not_the_same_is_asked_for_again(
    real_bucket, tmp_path, photo, *, meddled, meddle, kind
):
    real_bucket.put("a.jpg", photo(), ChecksumAlgorithm=kind)
    left = []

    def meddling(body):
        return meddle(body) if left and left.pop() else body

    client = meddled(meddling)
    for in_memory in (0, 1 << 20):
        objects = Objects(client, Shelf(tmp_path, in_memory=in_memory))
        left[:] = [True] * 2
        fetched = fetch(objects, real_bucket)
        assert fetched.content.digest == held(photo()).digest
        fetched.content.discard()
        left[:] = [True] * 3
        with pytest.raises(Unavailable, match="broke off") as caught:
            fetch(objects, real_bucket)
        assert caught.value.reason == "interrupted"
        assert left == []
        assert list(tmp_path.iterdir()) == []
