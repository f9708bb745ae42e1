"""Photoshop's resources lose their thumbnails and keep captions and rights."""

import pytest
from metadata_samples import SECRET_NOTE, SECRET_THUMBNAIL, dataset, resource

from jpegslim.engine.container.irb import HEADER, may_be_missing, reduce_resources, resources

CAPTION = dataset(2, 120, b"A caption") + dataset(2, 116, b"(c) Ada")
KEPT = resource(0x0404, CAPTION) + resource(0x0425, bytes(16)) + resource(0x03ED, bytes(16))
DROPPED = (
    resource(0x0409, SECRET_THUMBNAIL)
    + resource(0x040C, SECRET_THUMBNAIL)
    + resource(0x0422, SECRET_NOTE)
    + resource(4000, SECRET_NOTE)
)


def test_thumbnails_and_plug_ins_go_and_the_rest_stays_byte_for_byte():
    assert reduce_resources([HEADER + DROPPED + KEPT]) == [HEADER + KEPT]


def test_what_has_nothing_to_drop_is_not_touched():
    payloads = [HEADER + KEPT[:40], HEADER + KEPT[40:]]
    assert reduce_resources(payloads) == payloads


def test_resources_run_on_over_several_segments():
    whole = DROPPED + KEPT
    assert reduce_resources([HEADER + whole[:50], HEADER + whole[50:]]) == [HEADER + KEPT]


def test_what_is_left_is_cut_to_fit_into_segments():
    large = resource(0x0404, b"".join(dataset(2, 25, bytes(9000)) for _ in range(20)))
    pieces = [HEADER + (DROPPED + large)[at : at + 60_000] for at in range(0, 190_000, 60_000)]
    reduced = reduce_resources(pieces)
    assert b"".join(each[len(HEADER) :] for each in reduced) == large
    assert max(map(len, reduced)) <= 0xFFFF - 2
    assert reduce_resources(reduced) == reduced


def test_a_preview_among_the_captions_goes_with_the_digest_over_them():
    preview = dataset(2, 202, SECRET_THUMBNAIL)
    long = bytes((0x1C, 8, 10, 0x80, 4)) + (5).to_bytes(4) + b"12345"
    before = resource(0x0404, CAPTION + preview + long) + resource(0x0425, bytes(16))
    assert reduce_resources([HEADER + before]) == [HEADER + resource(0x0404, CAPTION)]


@pytest.mark.parametrize(
    "bad", [b"8BIM", b"rubbish", KEPT[:-9], KEPT + b"8BIX", b"8BIM\4\4\0\0\xff\xff\xff\xff"]
)
def test_what_can_not_be_read_is_dropped(bad):
    assert resources([HEADER + bad]) is None
    assert reduce_resources([HEADER + bad]) == []


def test_captions_that_can_not_be_read_are_dropped():
    bad = HEADER + resource(0x0404, b"no captions") + resource(0x03ED, bytes(4))
    assert reduce_resources([bad]) == [HEADER + resource(0x03ED, bytes(4))]


def test_only_what_is_named_may_be_missing():
    told = {each.number: may_be_missing(each) for each in resources([HEADER + DROPPED + KEPT])}
    assert told == {
        0x0409: True,
        0x040C: True,
        0x0422: True,
        4000: True,
        0x0404: True,
        0x0425: True,
        0x03ED: False,
    }
