"""What an object says of itself."""

import pytest

from jpegslim.aws.addresses import Address, parse_address
from jpegslim.aws.note import Note, make_note, read_note
from jpegslim.aws.traits import Traits
from jpegslim.errors import UsageError
from jpegslim.settings import Settings

NOTE = Note(
    copy=False,
    target=85.0,
    score=85.12,
    metadata="keep",
    size=1234,
    digest="9f86d081884c7d65",
    source="0123456789abcdef",
    origin="-",
    tag="-",
)


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("settings", [Settings(), Settings(target=None), Settings(target=77.125)])
@pytest.mark.parametrize("score", [None, 85.123456])
def test_a_note_is_read_as_it_was_written(copy, settings, score):
    note = make_note(
        settings,
        size=12,
        digest="cd" * 32,
        source="ab" * 32,
        origin="s3://photos/a.jpg",
        etag='"e"',
        score=score,
        copy=copy,
    )
    assert read_note({"jpegslim": str(note)}) == note
    # Of the 2 KB that all of an object's metadata may have.
    assert len(str(note)) < 220


def test_the_names_of_metadata_are_read_in_capitals_too():
    assert read_note({"Photographer": "-", "Jpegslim": str(NOTE)}) == NOTE
    metadata = {"Photographer": "José".encode().hex(), "Jpegslim": "an older note"}
    written = Traits(metadata=metadata).arguments(NOTE)["Metadata"]
    assert written == {"Photographer": metadata["Photographer"], "jpegslim": str(NOTE)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes",
        str(NOTE)[:-1],
        f"{NOTE} more",
        str(NOTE).replace("85", "850"),
        str(NOTE).replace("result", "thing"),
    ],
)
def test_anything_else_is_no_note(text):
    assert read_note({"jpegslim": text}) is None


# SHA-256 of b"test", and of something else.
OURS = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="
OTHER = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="


@pytest.mark.parametrize(
    ("size", "checksum", "holds"),
    [
        (1234, None, True),
        (1234, OURS, True),
        (1235, None, False),
        (1235, OURS, False),
        (1234, OTHER, False),
        # Another kind of checksum: jpegslim never wrote this.
        (1234, "uEBw7g==", False),
        (1234, "uEBw7g==-3", False),
        (1234, "é", False),
    ],
)
def test_a_note_holds_only_for_the_bytes_it_was_written_for(size, checksum, holds):
    assert NOTE.is_of(size, checksum) is holds


@pytest.mark.parametrize(
    ("settings", "enough"),
    [
        (Settings(target=90), True),
        (Settings(target=None), True),
        (Settings(target=80), False),
        (Settings(metadata="strip"), False),
    ],
)
def test_a_result_is_enough_for_the_same_or_less_work(settings, enough):
    assert NOTE.is_enough(settings) is enough


@pytest.mark.parametrize(
    ("text", "bucket", "key"),
    [
        ("s3://photos", "photos", ""),
        ("s3://photos/", "photos", ""),
        ("s3://photos/a//b/", "photos", "a//b/"),
        ("S3://photos/a+b %25é", "photos", "a+b %25é"),
        (
            "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/mine/a.jpg",
            "arn:aws:s3:eu-west-1:123456789012:accesspoint/mine",
            "a.jpg",
        ),
    ],
)
def test_an_address_is_read_letter_by_letter(text, bucket, key):
    assert parse_address(text) == Address(bucket, key)


@pytest.mark.parametrize("text", ["s3://", "s3:///key", "photos/a", f"s3://photos/{'k' * 1025}"])
def test_what_names_no_bucket_or_no_key_is_refused(text):
    with pytest.raises(UsageError):
        parse_address(text)
