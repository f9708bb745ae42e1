"""Very large pictures: the same promise, with one decoded picture in memory at a time."""

import numpy as np
import pytest
import simplejpeg

from jpegslim import Settings, Status, optimize
from jpegslim.engine import trials, verify
from jpegslim.engine.codecs import mozjpeg
from jpegslim.engine.container.segments import parse

LOSSLESS = Settings(target=None)


@pytest.fixture
def as_if_large(monkeypatch):
    monkeypatch.setattr(trials, "_LARGE_MEGAPIXELS", 0.01)


@pytest.fixture
def recoded(monkeypatch):
    """Count how often the lossless optimizer is asked."""
    asked = []
    recode = mozjpeg.recode

    def counted(data):
        asked.append(parse(data).frame.progressive)
        return recode(data)

    monkeypatch.setattr(mozjpeg, "recode", counted)
    return asked


@pytest.mark.parametrize("sampling", ["4:2:0", "4:4:4"])
def test_scans_are_arranged_last_and_nothing_else_changes(
    monkeypatch, jpeg, inserted, recoded, sampling
):
    source = inserted(jpeg(subsampling=sampling), (0xFE, b"a note")) + b"behind it"
    usual = optimize(source)
    monkeypatch.setattr(trials, "_LARGE_MEGAPIXELS", 0.01)
    result = optimize(source)
    assert (usual.status, result.status) == (Status.OPTIMIZED, Status.OPTIMIZED)
    # What was tried is the same, but for its scans, and so is what is seen of it.
    assert result.score == usual.score
    assert [probe.score for probe in result.trace.probes] == [
        probe.score for probe in usual.trace.probes
    ]
    assert np.array_equal(
        *(simplejpeg.decode_jpeg(each.data, "RGB", strict=True) for each in (usual, result))
    )
    assert parse(result.data).frame.progressive
    assert result.data.endswith(b"behind it")
    assert b"a note" in result.data
    # Sequential scans went in.
    assert recoded[-1] is False


def test_baseline_stays_baseline(as_if_large, jpeg, recoded):
    result = optimize(jpeg(), Settings(progressive=False))
    assert result.status is Status.OPTIMIZED
    assert not parse(result.data).frame.progressive
    assert recoded == []


def test_lossless_changes_no_coefficient(as_if_large, jpeg, same_coefficients):
    source = jpeg()
    result = optimize(source, LOSSLESS)
    assert result.status is Status.LOSSLESS
    assert same_coefficients(source, result.data)


@pytest.mark.parametrize("settings", [Settings(), LOSSLESS], ids=["lossy", "lossless"])
def test_an_optimizer_that_changes_a_pixel_is_caught(
    as_if_large, monkeypatch, jpeg, photo, settings
):
    source = jpeg()
    other = jpeg(photo.rotate(180), progressive=True)
    monkeypatch.setattr(mozjpeg, "recode", lambda _: other)
    result = optimize(source, settings)
    assert (result.status, result.data) == (Status.KEPT, source)


def test_pictures_are_compared_by_every_pixel(jpeg, photo):
    first = jpeg()
    verify.same_picture(first, jpeg(progressive=True), components=3)
    touched = photo.copy()
    touched.putpixel((319, 255), (0, 0, 0))
    with pytest.raises(verify.PromiseBroken, match="same pixels"):
        verify.same_picture(first, jpeg(touched), components=3)
