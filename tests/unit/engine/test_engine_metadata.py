"""What a policy drops is gone from every rung, and counts apart from what recompression saved."""

from dataclasses import replace

import numpy as np
import pytest
from metadata_samples import SECRETS, exif_payload

from jpegslim import Settings, Status, optimize
from jpegslim.engine.container.marker import Marker
from jpegslim.engine.optimizer import drop_metadata
from jpegslim.results import METADATA_LEFT, Reason

POLICIES = pytest.mark.parametrize("metadata", ["safe", "strip"])
C2PA = (0xEB, b"JP\0\x01" + bytes(4) + b"\0\0\0\x80jumb\0\0\0\x20jumdc2pa" + b"manifest")


@pytest.fixture
def camera(jpeg, inserted):
    """Return a function that writes a photo with all a camera's secrets."""
    return lambda *more, **options: inserted(jpeg(**options), (0xE1, exif_payload()), *more)


def has_secrets(data):
    return any(secret in data for secret in SECRETS)


@POLICIES
def test_the_lossy_rung_delivers_without_what_is_to_go(camera, scores, metadata):
    data = camera()
    plain, result = optimize(data), optimize(data, Settings(metadata=metadata))
    assert (plain.status, result.status) == (Status.OPTIMIZED, Status.OPTIMIZED)
    assert has_secrets(plain.data)
    assert not has_secrets(result.data)
    assert result.metadata_dropped > 150
    assert result.bytes_in == len(data)
    # Each marker names another source and has the same length.
    assert plain.bytes_out - result.bytes_out == result.metadata_dropped
    assert min(each.score for each in scores(data, result.data)) >= 85
    assert not result.metadata_left


@POLICIES
def test_the_lossless_rung_drops_it_too(camera, same_coefficients, metadata):
    data = camera(quality=60)
    result = optimize(data, Settings(target=None, metadata=metadata))
    assert result.status is Status.LOSSLESS
    assert not has_secrets(result.data)
    assert same_coefficients(data, result.data)


@POLICIES
def test_a_photo_not_worth_recompressing_loses_its_metadata_and_nothing_else(
    jpeg, inserted, pixels_by_pillow, metadata
):
    packed = optimize(jpeg(quality=60), Settings(marker=False)).data
    assert optimize(packed).status is Status.KEPT
    data = inserted(packed, (0xE1, exif_payload()))
    settings = Settings(metadata=metadata)
    result = optimize(data, settings)
    assert (result.status, result.reason) == (Status.LOSSLESS, Reason.METADATA_DROPPED)
    assert not has_secrets(result.data)
    assert np.array_equal(pixels_by_pillow(result.data), pixels_by_pillow(data))
    assert packed[-500:] == result.data[-500:]
    assert result.encoder is None
    again = optimize(result.data, settings)
    assert again.status is Status.SKIPPED
    assert again.data == result.data


@POLICIES
def test_what_is_optimized_already_is_not_coded_again(camera, same_coefficients, metadata):
    first = optimize(camera(), Settings(target=85))
    settings = Settings(target=90, metadata=metadata)
    result = optimize(first.data, settings)
    assert (result.status, result.reason) == (Status.LOSSLESS, Reason.METADATA_DROPPED)
    assert not has_secrets(result.data)
    assert same_coefficients(first.data, result.data)
    assert result.target == 85
    again = optimize(result.data, settings)
    assert (again.reason, again.data) == (Reason.ALREADY_OPTIMIZED, result.data)
    assert f"score {first.score:.2f}" in again.detail
    assert again.metadata_dropped == 0


@POLICIES
def test_a_result_known_by_other_means_than_a_marker_is_not_coded_again(
    camera, same_coefficients, metadata
):
    settings = Settings(metadata=metadata, marker=False)
    first = optimize(camera(), replace(settings, metadata="keep")).data
    made = Marker(version="0.1", target=85.0, score=85.2, tables="", source="0" * 16)
    result = drop_metadata(first, settings, made)
    assert result.reason == Reason.METADATA_DROPPED
    assert not has_secrets(result.data)
    assert b"jpegslim" not in result.data
    assert same_coefficients(first, result.data)
    assert drop_metadata(result.data, settings, made).status is Status.SKIPPED


def test_a_marker_never_makes_a_file_larger(jpeg, inserted):
    packed = optimize(jpeg(quality=60), Settings(marker=False)).data
    data = inserted(packed, (0xE7, b"vendor"))
    result = optimize(data, Settings(metadata="safe"))
    assert result.data == packed
    assert optimize(result.data, Settings(metadata="safe")).status is Status.KEPT


@POLICIES
def test_a_signed_photo_stays_whole_and_says_so(camera, metadata):
    data = camera(C2PA)
    result = optimize(data, Settings(metadata=metadata))
    assert (result.status, result.reason) == (Status.KEPT, "c2pa_signed")
    assert result.data == data
    assert result.metadata_left
    assert result.detail.endswith(METADATA_LEFT)
    assert not optimize(data).metadata_left


@pytest.mark.parametrize("metadata", ["keep", "safe", "strip"])
def test_a_signature_that_may_be_broken_is_dropped_and_told(camera, metadata):
    result = optimize(camera(C2PA), Settings(metadata=metadata, break_signatures=True))
    assert result.status is Status.OPTIMIZED
    assert b"c2pa" not in result.data
    assert any("C2PA" in note for note in result.notes)
    assert has_secrets(result.data) == (metadata == "keep")


def test_a_signature_is_not_broken_for_nothing(jpeg, inserted):
    packed = optimize(jpeg(quality=60), Settings(marker=False)).data
    data = inserted(packed, C2PA)
    result = optimize(data, Settings(break_signatures=True))
    assert (result.status, result.data) == (Status.KEPT, data)


def test_a_photo_over_the_limit_stays_whole_and_says_so(camera):
    result = optimize(camera(), Settings(max_megapixels=0.01, metadata="safe"))
    assert result.reason == Reason.TOO_BIG
    assert result.metadata_left
    assert METADATA_LEFT in result.detail


def test_a_file_that_is_kept_for_its_coding_is_no_alarm_where_it_holds_no_metadata(jpeg, inserted):
    twelve_bit = jpeg().replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c")
    settings = Settings(metadata="safe")
    plain = optimize(twelve_bit, settings)
    assert (plain.reason, plain.metadata_left) == ("twelve_bit", False)
    for more in (inserted(twelve_bit, (0xE1, exif_payload())), twelve_bit + b"trailer"):
        assert optimize(more, settings).metadata_left


@pytest.mark.parametrize("settings", [Settings(metadata="safe"), Settings(metadata="strip")])
def test_what_is_carried_behind_a_photo_that_stays_is_told_of(jpeg, inserted, settings):
    other = inserted(jpeg(), (0xE1, exif_payload()))
    optimized = optimize(jpeg() + other, settings)
    packed = optimize(jpeg(quality=60), Settings(marker=False)).data + other
    kept = optimize(packed, settings)
    again = optimize(optimized.data, settings)
    assert [each.status for each in (kept, again)] == [Status.KEPT, Status.SKIPPED]
    for result in (optimized, kept, again):
        assert any("metadata of their own" in note for note in result.notes)
    assert not optimize(packed).notes


def test_nothing_to_drop_is_nothing_to_tell(jpeg):
    packed = optimize(jpeg(quality=60), Settings(marker=False)).data
    result = optimize(packed, Settings(metadata="strip"))
    assert (result.status, result.metadata_left) == (Status.KEPT, False)
    assert METADATA_LEFT not in result.detail
