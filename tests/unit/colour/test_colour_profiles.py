"""Profiles of curves and primaries, held against the colour engine that most viewers use."""

import io

import icc_profiles as made
import numpy as np
import pytest
from PIL import Image, ImageCms

from jpegslim.engine.colour import profiles, view_of_profile
from jpegslim.engine.container.icc import ProfileIgnored
from jpegslim.engine.metric import SRGB

RAMP = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)[np.newaxis]
CUBE = np.stack(np.meshgrid(*[np.arange(0, 256, 15, np.uint8)] * 3), axis=-1).reshape(1, -1, 3)

L_STAR = [round(65535 * (((100 * v / 255 + 16) / 116) ** 3 if 100 * v / 255 > 8 else
                         100 * v / 255 / 903.3)) for v in range(256)]  # fmt: skip
GAMMA_26 = [round(65535 * (v / 1023) ** 2.6) for v in range(1024)]
PROFILES = {
    "Display P3": made.DISPLAY_P3_PROFILE,
    "Display P3, version 2": made.rgb(made.DISPLAY_P3, made.curv(*L_STAR), version=2),
    "Adobe RGB": made.rgb(made.ADOBE, made.gamma(563 / 256), version=2),
    "Adobe RGB, a function": made.rgb(made.ADOBE, made.para(0, 563 / 256)),
    "ProPhoto RGB": made.rgb(made.PROPHOTO, made.para(3, 1.8, 1, 0, 1 / 16, 16 / 512)),
    "DCI-P3": made.rgb(made.DCI_P3, made.curv(*GAMMA_26)),
    "linear light": made.rgb(made.SRGB, made.curv()),
    "two values": made.rgb(made.SRGB, made.curv(0, 65535)),
    "a dark toe": made.rgb(made.SRGB, made.para(1, 2.2, 1.1, -0.1)),
    "a raised black": made.rgb(made.SRGB, made.para(2, 2.0, 0.9, 0.05, 0.02)),
    "a line below": made.rgb(made.SRGB, made.para(4, 2.2, 0.95, 0.05, 0.1, 0.02, 0.001, 0.0)),
    "three curves": made.rgb(made.DISPLAY_P3, *map(made.gamma, (1.8, 2.2, 2.5))),
    "swapped primaries": made.rgb((made.SRGB[1], made.SRGB[2], made.SRGB[0]), made.gamma(2.2)),
}


def by_colour_engine(pixels, profile):
    """Convert to sRGB with littlecms."""
    return np.asarray(
        ImageCms.profileToProfile(
            Image.fromarray(pixels),
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            # Its shortcuts for 8 bits are off by up to 10 levels in dark greys of linear light.
            flags=ImageCms.Flags.NOOPTIMIZE,
        )
    ).astype(int)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("pixels", [RAMP, CUBE], ids=["greys", "colours"])
def test_colours_are_those_of_the_colour_engine(profile, pixels):
    view = view_of_profile(profile, components=3)
    assert (view.note, view.tables) == (None, None)
    assert np.abs(view.as_srgb(pixels) - by_colour_engine(pixels, profile)).max() <= 1


@pytest.mark.parametrize("value", [1.0, 1.8, 2.2])
def test_greys_are_those_of_the_colour_engine(value):
    profile = made.grey(made.gamma(value))
    view = view_of_profile(profile, components=1)
    shown = view.as_srgb(RAMP[:, :, 0])
    assert shown.ndim == 2
    assert np.abs(shown - by_colour_engine(RAMP[:, :, 0], profile)[:, :, 0]).max() <= 1


def test_a_grey_curve_of_lightness_connects_through_lab():
    profile = made.grey(made.curv(), connection=b"Lab ")
    view = view_of_profile(profile, components=1)
    difference = view.as_srgb(RAMP[:, :, 0]) - by_colour_engine(RAMP[:, :, 0], profile)[:, :, 0]
    assert np.abs(difference).max() <= 1


def test_a_grey_curve_keeps_grey_one_channel():
    view = view_of_profile(made.grey(made.gamma(1.8)), components=1)
    assert view.colour.keeps_grey
    assert view.gamut is None


@pytest.mark.parametrize(
    "profile",
    [
        made.rgb(made.SRGB, made.para(3, *made.SRGB_CURVE)),
        made.rgb(
            made.SRGB, made.curv(*(round(65535 * float(v)) for v in SRGB.curves[0])), version=2
        ),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ],
    ids=["function", "table", "littlecms"],
)
def test_srgb_by_any_means_is_exactly_srgb(profile):
    view = view_of_profile(profile, components=3)
    assert view.colour is SRGB
    assert view.gamut == "sRGB"
    assert view.note is None


def test_a_grey_srgb_curve_is_exactly_srgb():
    profile = made.grey(made.para(3, *made.SRGB_CURVE))
    assert view_of_profile(profile, components=1).colour is SRGB


def test_gamma_2_2_is_not_srgb():
    assert view_of_profile(made.rgb(made.SRGB, made.gamma(2.2)), components=3).colour is not SRGB


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        (made.SRGB, "sRGB"),
        (made.DISPLAY_P3, "Display P3"),
        (made.DCI_P3, "DCI-P3"),
        (made.ADOBE, "Adobe RGB"),
        (made.PROPHOTO, "ProPhoto RGB"),
        ((made.SRGB[2], *made.SRGB[:2]), "other"),
    ],
)
def test_the_gamut_goes_by_the_primaries(columns, name):
    assert view_of_profile(made.rgb(columns, made.gamma(2.2)), components=3).gamut == name


@pytest.mark.parametrize("version", [2, 4])
def test_the_description_is_read_and_never_needed(version):
    named = made.rgb(made.SRGB, made.gamma(1.8), name="My screen", version=version)
    assert view_of_profile(named, components=3).profile == "My screen"
    tags = {b"kTRC": made.gamma(1.8)}
    assert view_of_profile(made.profile(tags, space=b"GRAY"), components=1).profile == ""


def test_an_ink_profile_is_described_and_not_heeded():
    inks = made.profile({b"desc": made.mluc("Coated paper")}, space=b"CMYK", kind=b"prtr")
    view = view_of_profile(inks, components=4)
    assert (view.profile, view.colour, view.note) == ("Coated paper", SRGB, None)


def header(at, value):
    data = made.DISPLAY_P3_PROFILE
    return data[:at] + value + data[at + len(value) :]


P3, GAMMA = made.DISPLAY_P3, made.gamma(2.2)
PRIMARIES = (b"rXYZ", b"gXYZ", b"bXYZ")
CURVES = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), GAMMA)
BROKEN = {
    "empty": (b"", "cut short"),
    "cut short": (made.DISPLAY_P3_PROFILE[:-9], "cut short"),
    "zeros": (bytes(600), "does not begin like one"),
    "another format": (b"II*\0" * 200, "does not begin like one"),
    "list too long": (header(128, b"\xff" * 4), "list of contents is too long"),
    "pointing out": (header(136, b"\xff" * 4), "points beyond its end"),
    "long tag": (header(140, b"\xff" * 4), "points beyond its end"),
    "no connection": (header(20, b"WHAT"), "connects to no colour space"),
    "no primaries": (made.profile({b"rTRC": GAMMA}), "does not say what the samples mean"),
    "no tables": (made.rgb(P3, GAMMA, connection=b"Lab "), "does not say what the samples mean"),
    "no grey curve": (made.profile({}, space=b"GRAY"), "does not say what the samples mean"),
    "no light": (made.rgb([(0, 0, 0)] * 3, GAMMA), "can't be told apart"),
    "one primary": (made.rgb([P3[0]] * 3, GAMMA), "can't be told apart"),
    "blinding": (made.rgb([[30000 * v for v in p] for p in P3], GAMMA), "can't be told apart"),
    "not primaries": (made.profile({**dict.fromkeys(PRIMARIES, GAMMA), **CURVES}), "no known form"),
    "curve of nothing": (made.rgb(P3, b"curv"), "no known form"),
    "unknown curve": (made.rgb(P3, b"mmmm" + GAMMA[4:]), "no known form"),
    "unknown function": (made.rgb(P3, made.para(5, 1)), "no known form"),
    "short function": (made.rgb(P3, made.para(4, 1, 1)), "ends too early"),
    "huge count": (made.rgb(P3, b"curv\0\0\0\0\xff\xff\xff\xff"), "ends too early"),
    "falling": (made.rgb(P3, made.curv(65535, 0)), "from dark to light"),
    "all black": (made.rgb(P3, made.curv(0, 0)), "from dark to light"),
    "all white": (made.rgb(P3, made.curv(65535, 65535)), "from dark to light"),
    "gamma 0": (made.rgb(P3, made.curv(0)), "from dark to light"),
    "gamma 255": (made.rgb(P3, made.gamma(255)), "from dark to light"),
    "negative gamma": (made.rgb(P3, made.para(0, -2.2)), "tone curve"),
    "up and down": (made.rgb(P3, made.curv(*(0, 40000) * 40, 65535)), "from dark to light"),
    "up and beyond": (made.rgb(P3, made.para(3, 3, -9, 9, 0, 0)), "from dark to light"),
}


@pytest.mark.parametrize(("profile", "words"), BROKEN.values(), ids=BROKEN)
def test_damage_is_told_in_words_and_passed_over(profile, words):
    components = 1 if profile[16:20] == b"GRAY" else 3
    view = view_of_profile(profile, components=components)
    assert words in view.note
    assert view.note.startswith("the colour profile is damaged (")
    assert view.note.endswith("): measured as sRGB")
    assert view.colour is SRGB
    with pytest.raises(ProfileIgnored):
        profiles.read(profile, components=components)


@pytest.mark.parametrize(
    ("profile", "components", "words"),
    [
        (made.rgb(made.SRGB, GAMMA, space=b"CMYK"), 3, "is for CMYK, the picture is RGB"),
        (made.rgb(made.SRGB, GAMMA, space=b"\x1b[2J"), 3, "is for other colours, the picture is"),
        (made.rgb(made.SRGB, GAMMA), 1, "is for RGB, the picture is grey"),
        (made.grey(GAMMA), 3, "is for grey, the picture is RGB"),
        (made.rgb(made.SRGB, GAMMA, kind=b"link"), 3, "does not describe the colours"),
        (made.rgb(made.SRGB, GAMMA, version=5), 3, "is of version 5, not 2 or 4"),
    ],
)
def test_profiles_of_other_samples_are_passed_over(profile, components, words):
    view = view_of_profile(profile, components=components)
    assert words in view.note
    assert view.note.endswith(": measured as sRGB")
    assert "damaged" not in view.note
    assert view.colour is SRGB
