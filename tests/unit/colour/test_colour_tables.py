"""Profiles whose tables say what samples mean."""

import icc_profiles as made
import numpy as np
import pytest

from jpegslim.engine.colour import view_of_profile

COLOURS = np.random.default_rng(5).integers(0, 256, (40, 50, 3), np.uint8)
GREYS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def tabled(columns=made.DISPLAY_P3, power=2.2, kind=b"scnr", **tags):
    return made.profile(
        {
            b"desc": made.desc("a scanner"),
            b"wtpt": made.xyz(made.D50),
            b"A2B0": made.tables(columns, power),
            **{name.encode(): tag for name, tag in tags.items()},
        },
        kind=kind,
        # In version 4, engines take the black of perceptual tables for darker than it says.
        version=2,
    )


def curved(columns=made.DISPLAY_P3, power=2.2):
    """Return curves and primaries as tags, for a profile that has both."""
    names = (*("rXYZ", "gXYZ", "bXYZ"), *("rTRC", "gTRC", "bTRC"))
    return dict(zip(names, (*map(made.xyz, columns), *[made.gamma(power)] * 3), strict=True))


def test_tables_say_the_same_as_the_curves_they_were_made_of():
    # Adobe's primaries have no negative parts, which tables can't hold.
    view = view_of_profile(tabled(made.ADOBE), components=3)
    assert view.tables is not None
    assert (view.profile, view.gamut, view.note) == ("a scanner", None, None)
    same = view_of_profile(made.rgb(made.ADOBE, made.gamma(2.2)), components=3)
    difference = view.as_srgb(COLOURS).astype(int) - same.as_srgb(COLOURS)
    assert np.abs(difference).mean() < 0.2
    assert np.quantile(np.abs(difference), 0.99) <= 2


def test_grey_tables_become_curves():
    profile = made.profile(
        {b"wtpt": made.xyz(made.D50), b"A2B0": made.grey_tables(1.8)},
        space=b"GRAY",
        kind=b"scnr",
        version=2,
    )
    view = view_of_profile(profile, components=1)
    assert (view.tables, view.note) == (None, None)
    same = view_of_profile(made.grey(made.gamma(1.8)), components=1).as_srgb(GREYS)
    shown = view.as_srgb(GREYS)
    shown = shown if shown.ndim == 3 else shown[..., np.newaxis]
    assert np.abs(shown.astype(int) - same[..., np.newaxis]).max() <= 1


def test_screens_go_by_curves_and_scanners_by_tables():
    other = curved(made.ADOBE, 1.8)
    assert view_of_profile(tabled(kind=b"mntr", **other), components=3).gamut == "Adobe RGB"
    assert view_of_profile(tabled(kind=b"mntr"), components=3).tables is not None
    assert view_of_profile(tabled(kind=b"scnr", **other), components=3).tables is not None


def test_a_difference_is_scored_in_the_colours_that_are_seen():
    copy = np.clip(COLOURS.astype(int) + 9, 0, 255).astype(np.uint8)
    large = [np.tile(each, (4, 4, 1)) for each in (COLOURS, copy)]
    by_tables = view_of_profile(tabled(made.SRGB), components=3).compare(*large).score
    by_curves = view_of_profile(made.rgb(made.SRGB, made.gamma(2.2)), components=3)
    assert by_tables == pytest.approx(by_curves.compare(*large).score, abs=0.5)


def test_a_tall_picture_is_converted_as_a_whole():
    view = view_of_profile(tabled(), components=3)
    tall = np.tile(COLOURS, (600, 1, 1))
    assert np.array_equal(view.as_srgb(tall), np.tile(view.as_srgb(COLOURS), (600, 1, 1)))


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        (tabled([(0, 0, 0)] * 3), "do not lead from dark to light"),
        (tabled([[v / 3 for v in made.D50]] * 3), "can't be told apart"),
        (tabled().replace(b"mft2", b"mft9"), "tables can't be read"),
        (tabled().replace(b"\x03\x03\x02\x00", b"\x03\x03\xff\x00"), "tables can't be read"),
    ],
)
def test_tables_that_hide_the_picture_are_passed_over(profile, words):
    view = view_of_profile(profile, components=3)
    assert words in view.note
    assert view.tables is None
