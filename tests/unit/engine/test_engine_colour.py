"""The promise holds as a viewer sees it: through the file's own colour profile."""

import io

import icc_profiles as made
import numpy as np
import pytest
from PIL import Image

from jpegslim import FileError, Settings, Status, compare, optimize
from jpegslim.engine import metric, verify
from jpegslim.engine.codecs import turbo
from jpegslim.engine.colour import view_of, view_of_profile
from jpegslim.engine.container.segments import parse

# CSS Color 4, linear Display P3 to linear sRGB.
P3_TO_SRGB = np.array(
    [
        [1.2249401762805598, -0.2249401762805597, 0.0],
        [-0.0420569547096881, 1.0420569547096880, 0.0],
        [-0.0196375545903344, -0.0786360455506319, 1.0982736001409663],
    ],
    np.float32,
)
P3 = metric.Colour(curves=metric.SRGB.curves, matrix=P3_TO_SRGB)
PROFILES = {
    "Display P3": made.DISPLAY_P3_PROFILE,
    "Adobe RGB": made.rgb(made.ADOBE, made.gamma(563 / 256)),
    "ProPhoto RGB": made.rgb(made.PROPHOTO, made.gamma(1.8)),
}


@pytest.fixture(scope="session")
def vivid(photo):
    """The photo in stronger colours, where profiles make a difference."""
    pixels = np.asarray(photo).astype(float)
    grey = pixels.mean(axis=2, keepdims=True)
    return Image.fromarray(np.clip(grey + 2.2 * (pixels - grey), 0, 255).astype(np.uint8))


@pytest.fixture
def scored(pixels_by_pillow):
    def score(original, copy, colour):
        pair = map(pixels_by_pillow, (original, copy))
        return metric.compare(*pair, colour=colour).score

    return score


def test_a_display_p3_photo_reaches_the_target_as_display_p3(jpeg, vivid, scored):
    source = jpeg(vivid, quality=98, subsampling="4:4:4", icc_profile=made.DISPLAY_P3_PROFILE)
    result = optimize(source)
    assert (result.status, result.notes) == (Status.OPTIMIZED, ())
    # Another decoder and the published matrix.
    assert scored(source, result.data, P3) == pytest.approx(result.score, abs=0.05)
    assert result.score >= 85
    # Taken for sRGB, the same file would have been given less.
    assert scored(source, result.data, metric.SRGB) > result.score + 0.2
    assert compare(source, result.data).score == result.score


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_wider_gamuts_take_more_bytes_for_the_same_score(jpeg, vivid, profile):
    options = {"quality": 98, "subsampling": "4:4:4"}
    plain = optimize(jpeg(vivid, **options))
    wide = optimize(jpeg(vivid, icc_profile=profile, **options))
    assert wide.score >= 85
    assert wide.bytes_out - len(profile) > 1.01 * plain.bytes_out


def test_an_srgb_profile_changes_nothing_but_its_own_bytes(jpeg, photo):
    profile = made.rgb(made.SRGB, made.para(3, *made.SRGB_CURVE))
    plain, marked = optimize(jpeg(photo)), optimize(jpeg(photo, icc_profile=profile))
    assert marked.score == plain.score
    assert [each.distance for each in marked.trace.probes] == [
        each.distance for each in plain.trace.probes
    ]


@pytest.mark.parametrize("metadata", ["keep", "safe", "strip"])
def test_adobe_rgb_by_exif_alone_survives_every_choice_of_metadata(jpeg, vivid, metadata):
    source = made.with_exif(jpeg(vivid, quality=98, subsampling="4:4:4"), made.camera())
    result = optimize(source, Settings(metadata=metadata))
    assert result.status is Status.OPTIMIZED
    assert view_of(parse(result.data)).gamut == "Adobe RGB"
    adobe = view_of_profile(PROFILES["Adobe RGB"], components=3)
    pair = [turbo.decode(data, components=3) for data in (source, result.data)]
    assert adobe.compare(*pair).score == pytest.approx(result.score, abs=0.02)


def test_grey_is_seen_by_its_curve(jpeg, photo, scored):
    profile = made.grey(made.gamma(1.0))
    source = jpeg(photo.convert("L"), quality=98, icc_profile=profile)
    result = optimize(source)
    linear = np.tile(np.arange(256, dtype=np.float32) / 255, (3, 1))
    colour = metric.Colour(curves=linear, matrix=np.eye(3, dtype=np.float32))
    assert scored(source, result.data, colour) == pytest.approx(result.score, abs=0.05)
    assert abs(scored(source, result.data, metric.SRGB) - result.score) > 0.3


def test_tables_are_seen_through(jpeg, photo):
    tables = made.profile(
        {b"wtpt": made.xyz(made.D50), b"A2B0": made.tables(made.ADOBE, 2.2)},
        kind=b"scnr",
        version=2,
    )
    source = jpeg(photo, quality=98, icc_profile=tables)
    result = optimize(source)
    assert (result.status, result.notes) == (Status.OPTIMIZED, ())
    pair = [turbo.decode(data, components=3) for data in (source, result.data)]
    matrix = view_of_profile(made.rgb(made.ADOBE, made.gamma(2.2)), components=3)
    # In sRGB of 8 bits some greens are clipped: near, not equal.
    assert matrix.compare(*pair).score == pytest.approx(result.score, abs=0.7)


class TestBrokenProfiles:
    PARTS = made.parts(made.DISPLAY_P3_PROFILE, 3)

    @pytest.fixture
    def harmed(self, jpeg, vivid):
        plain = jpeg(vivid, quality=98, subsampling="4:4:4")
        return plain, made.carrying(plain, *self.PARTS[:2])

    def test_the_picture_is_measured_as_srgb_with_a_note(self, harmed):
        plain, source = harmed
        result = optimize(source)
        assert result.status is Status.OPTIMIZED
        assert result.score == optimize(plain).score
        assert result.notes == (
            "the colour profile is damaged (part 3 of 3 is missing): measured as sRGB",
        )
        assert made.segments(*self.PARTS[:2]) in result.data
        assert compare(source, result.data).score == result.score

    def test_nothing_is_noted_where_nothing_was_measured(self, harmed):
        result = optimize(harmed[1], Settings(target=None))
        assert (result.status, result.notes) == (Status.LOSSLESS, ())

    def test_a_kept_file_is_told_as_well(self, harmed):
        result = optimize(harmed[1], Settings(target=99.9, minimum_saving=0.9))
        assert result.status is Status.KEPT
        assert len(result.notes) == 1

    def test_everything_else_is_decoded_as_strictly_as_ever(self, harmed):
        source = harmed[1]
        assert np.array_equal(
            turbo.decode(source, components=3), turbo.decode(harmed[0], components=3)
        )
        with pytest.raises(FileError, match="premature end"):
            turbo.decode(source[:-4000] + b"\xff\xd9", components=3)

    def test_a_profile_of_another_kind_of_samples_is_passed_over(self, jpeg, vivid):
        source = jpeg(vivid, icc_profile=made.grey(made.gamma(1.8)))
        assert optimize(source).notes == (
            "the colour profile is for grey, the picture is RGB: measured as sRGB",
        )


def test_a_result_that_lost_its_profile_is_never_delivered(jpeg, vivid):
    source = jpeg(vivid, quality=98, icc_profile=made.DISPLAY_P3_PROFILE)
    bare = jpeg(vivid, quality=98)
    with pytest.raises(verify.PromiseBroken, match="in other colours"):
        verify.shown_alike(parse(bare), view_of(parse(source)))
    verify.shown_alike(parse(source), view_of(parse(source)))


def test_files_with_different_profiles_are_compared_as_they_look(jpeg, vivid, photo):
    written = io.BytesIO()
    photo.save(written, "PNG", icc_profile=made.DISPLAY_P3_PROFILE)
    plain = io.BytesIO()
    view = view_of_profile(made.DISPLAY_P3_PROFILE, components=3)
    Image.fromarray(view.as_srgb(np.asarray(photo))).save(plain, "PNG")
    assert compare(written.getvalue(), plain.getvalue()).score == 100
    other = io.BytesIO()
    photo.save(other, "PNG")
    assert compare(written.getvalue(), other.getvalue()).score < 95


def test_pixels_without_a_file_are_srgb(photo):
    written = io.BytesIO()
    photo.save(written, "PNG", icc_profile=made.DISPLAY_P3_PROFILE)
    assert compare(written.getvalue(), np.asarray(photo)).score < 95


def test_a_progressive_picture_without_its_last_scans_is_kept(jpeg):
    whole = jpeg(progressive=True)
    last = [part for part in parse(whole).segments if part.marker == 0xDA][-1]
    tables = next(part for part in parse(whole).segments if part.end == last.start)
    cut = whole[: tables.start] + b"\xff\xd9"
    for settings in (Settings(), Settings(target=None)):
        result = optimize(cut, settings)
        assert (result.status, result.reason, result.data) == (Status.KEPT, "scans_missing", cut)
