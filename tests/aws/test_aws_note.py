"""What an object says of itself."""

import pytest

from jpegslim.aws.addresses import Address, parse_address
from jpegslim.aws.note import Note, make_note, read_note
from jpegslim.errors import UsageError
from jpegslim.settings import Settings

NOTE = Note(
    copy=False,
    target=85.0,
    score=85.12,
    metadata="keep",
    size=1234,
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
        source="ab" * 32,
        origin="s3://photos/a.jpg",
        etag='"e"',
        score=score,
        copy=copy,
    )
    assert read_note({"jpegslim": str(note)}) == note
    # Of the 2 KB that all of an object's metadata may have.
    assert len(str(note)) < 200


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


def test_a_note_holds_only_for_bytes_of_its_size():
    assert NOTE.is_enough(Settings(), 1234)
    assert not NOTE.is_enough(Settings(), 1235)


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
    assert NOTE.is_enough(settings, 1234) is enough


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
