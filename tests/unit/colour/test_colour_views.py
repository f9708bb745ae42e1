"""How a viewer shows a JPEG: by its profile, else by EXIF, else as sRGB."""

import io
import struct

import icc_profiles as made
import numpy as np
import pytest
from PIL import Image

from jpegslim.engine.colour import PLAIN, view_of, view_of_jpeg, view_of_profile
from jpegslim.engine.container.segments import parse
from jpegslim.engine.metric import SRGB

ADOBE = made.rgb(made.ADOBE, made.gamma(563 / 256))


def jpeg(mode="RGB"):
    written = io.BytesIO()
    Image.linear_gradient("L").resize((24, 20)).convert(mode).save(written, "JPEG")
    return written.getvalue()


def seen(data):
    source = parse(data)
    view = view_of(source)
    assert view.shows_like(view_of_jpeg(data, components=len(source.frame.components)))
    return view


def test_a_file_that_says_nothing_shows_as_srgb():
    assert seen(jpeg()) is PLAIN
    assert seen(jpeg("L")) is PLAIN
    assert (PLAIN.colour, PLAIN.gamut, PLAIN.profile, PLAIN.note) == (SRGB, "sRGB", None, None)


@pytest.mark.parametrize("count", [1, 3])
def test_a_profile_counts_however_many_parts_it_has(count):
    view = seen(made.carrying(jpeg(), *made.parts(made.DISPLAY_P3_PROFILE, count)))
    assert (view.profile, view.gamut, view.note) == ("Display P3", "Display P3", None)
    assert view.data == made.DISPLAY_P3_PROFILE


def test_a_profile_with_a_part_missing_is_passed_over():
    view = seen(made.carrying(jpeg(), *made.parts(made.DISPLAY_P3_PROFILE, 3)[:2]))
    assert view.colour is SRGB
    assert view.note == ("the colour profile is damaged (part 3 of 3 is missing): measured as sRGB")


@pytest.mark.parametrize("order", ["<", ">"])
def test_cameras_say_adobe_rgb_by_exif_alone(order):
    view = seen(made.with_exif(jpeg(), made.camera(order)))
    assert (view.gamut, view.profile, view.note) == ("Adobe RGB", None, None)
    assert view.shows_like(view_of_profile(ADOBE, components=3))


@pytest.mark.parametrize(
    "options",
    [
        {"space": 1},
        {"index": b"R98\0"},
        {"index": b"R03"},
        {"index": b"R03\0\0"},
        {"kind": 7},
        {"interop": False},
    ],
)
def test_nothing_less_means_adobe_rgb(options):
    assert seen(made.with_exif(jpeg(), made.camera(**options))) is PLAIN


def test_grey_has_no_adobe_rgb_and_a_profile_comes_first():
    assert seen(made.with_exif(jpeg("L"), made.camera())) is PLAIN
    both = made.carrying(
        made.with_exif(jpeg(), made.camera()), *made.parts(made.DISPLAY_P3_PROFILE)
    )
    assert seen(both).gamut == "Display P3"


def test_cut_exif_is_read_as_far_as_it_goes():
    whole = made.camera()
    for length in range(10, len(whole) - 4):
        payload = whole[4 : 4 + length]
        cut = b"\xff\xe1" + (len(payload) + 2).to_bytes(2) + payload
        assert seen(made.with_exif(jpeg(), cut)).gamut in ("sRGB", "Adobe RGB")


def test_exif_that_points_at_itself_ends():
    looped = made.camera().replace(struct.pack(">I", 26), struct.pack(">I", 8))
    assert seen(made.with_exif(jpeg(), looped)) is PLAIN


def test_views_are_alike_where_no_picture_shows_a_difference():
    by_table = made.rgb(
        made.DISPLAY_P3, made.curv(*(round(65535 * float(v)) for v in SRGB.curves[0]))
    )
    first, second, other = (
        view_of_profile(data, components=3) for data in (made.DISPLAY_P3_PROFILE, by_table, ADOBE)
    )
    assert first.shows_like(second)
    assert not first.shows_like(other)
    assert not first.shows_like(PLAIN)


def test_a_grey_curve_shows_grey_lighter():
    view = view_of_profile(made.grey(made.gamma(1.8)), components=1)
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    shown = view.as_srgb(ramp)
    assert (shown[0, 0], shown[15, 15]) == (0, 255)
    assert shown[8, 0] > 140
