"""The colour profile in its numbered parts: put together, or refused in words."""

import pytest
from container_samples import app, inserted, saved
from icc_profiles import parts, segments

from jpegslim.engine.container.icc import ProfileIgnored, read_profile, without_profile
from jpegslim.engine.container.segments import parse

PROFILE = bytes(range(256)) * 8


def read(*payloads):
    source = parse(inserted(saved(), segments(*payloads)))
    return read_profile(source.segments, source.data)


def test_a_file_without_one_has_none():
    source = parse(saved())
    assert read_profile(source.segments, source.data) is None


def test_one_part_is_the_profile():
    assert read(*parts(PROFILE)) == PROFILE


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0)])
def test_parts_are_put_in_order_whatever_their_order_in_the_file(order):
    cut = parts(PROFILE, 3)
    assert read(*(cut[place] for place in order)) == PROFILE


def test_the_most_parts_that_can_be_numbered_are_read():
    assert read(*parts(PROFILE, 255)) == PROFILE


def test_other_app2_segments_and_those_between_parts_do_not_count():
    first, second = parts(PROFILE, 2)
    between = app(2, b"MPF?") + app(1, b"ICC_PROFILE\0\x01\x01other")
    source = parse(inserted(saved(), segments(first) + between + segments(second)))
    assert read_profile(source.segments, source.data) == PROFILE


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (lambda cut: cut[:2], "part 3 of 3 is missing"),
        (lambda cut: cut[1:], "part 1 of 3 is missing"),
        (lambda cut: [*cut, cut[1]], "part 2 of 3 is there twice"),
        (lambda cut: [cut[0], parts(PROFILE, 2)[1]], "disagree about how many"),
        (lambda _: [b"ICC_PROFILE\0\x00\x01abc"], "a part 0 of 1"),
        (lambda _: [b"ICC_PROFILE\0\x03\x02abc"], "a part 3 of 2"),
        (lambda _: [b"ICC_PROFILE\0\x00\x00"], "a part 0 of 0"),
        (lambda _: [b"ICC_PROFILE\0\x01"], "no number"),
        (lambda _: [b"ICC_PROFILE\0"], "no number"),
    ],
)
def test_parts_that_do_not_add_up_are_refused_in_words(spoilt, words):
    with pytest.raises(ProfileIgnored, match=words) as caught:
        read(*spoilt(parts(PROFILE, 3)))
    assert str(caught.value).startswith("the colour profile is damaged (")


def test_a_file_loses_its_profile_and_nothing_else():
    jpeg = saved(comment=b"a word")
    first, second = parts(PROFILE, 2)
    other = app(2, b"MPF?")
    source = inserted(jpeg, segments(first) + other + segments(second))
    assert without_profile(source) == inserted(jpeg, other)
    assert without_profile(jpeg) == jpeg


def test_what_looks_like_a_profile_behind_the_picture_stays():
    behind = segments(*parts(PROFILE))
    assert without_profile(saved() + behind) == saved() + behind
