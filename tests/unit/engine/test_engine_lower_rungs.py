"""The rungs below: lossless where lossy does not pay or can't be measured, else the file itself."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from jpegslim import BrokenJpeg, NotAJpeg, Settings, Status, optimize
from jpegslim.engine.codecs import mozjpeg, turbo
from jpegslim.engine.codecs.jpegli import Jpegli
from jpegslim.engine.container.assemble import assemble
from jpegslim.engine.container.marker import read_marker
from jpegslim.engine.container.segments import parse
from jpegslim.engine.ladder import _coarser
from jpegslim.results import Reason

LOSSLESS = Settings(target=None)

SOURCES = {
    "4:4:4": {"subsampling": "4:4:4"},
    "4:2:2": {"subsampling": "4:2:2"},
    "4:2:0": {"subsampling": "4:2:0"},
    "RGB": {"keep_rgb": True},
    "restart markers": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("kind", SOURCES)
def test_lossless_changes_no_coefficient_and_no_pixel(jpeg, kind, same_coefficients):
    source = jpeg(**SOURCES[kind])
    result = optimize(source, LOSSLESS)
    assert (result.status, result.reason) == (Status.LOSSLESS, Reason.LOSSLESS_ASKED)
    assert result.bytes_out == len(result.data) < len(source)
    assert (result.score, result.worst_tile, result.target) == (None, None, None)
    assert same_coefficients(source, result.data)
    assert np.array_equal(*(turbo.decode(each, components=3) for each in (source, result.data)))


def test_lossless_grey_changes_no_coefficient(jpeg, photo, same_coefficients):
    source = jpeg(photo.convert("L"))
    result = optimize(source, LOSSLESS)
    assert result.status is Status.LOSSLESS
    assert same_coefficients(source, result.data)


def test_lossless_carries_what_is_around_the_picture(jpeg, inserted):
    comment, trailer = b"mine", b"a video behind it"
    source = inserted(jpeg(), (0xFE, comment), (0xE1, b"Exif\0\0II*\0" + bytes(8))) + trailer
    result = optimize(source, LOSSLESS)
    assert result.status is Status.LOSSLESS
    assert b"\xff\xfe\x00\x06" + comment in result.data
    assert b"\xff\xe1\x00\x14Exif\0\0II*\0" + bytes(8) in result.data
    assert result.data.endswith(b"\xff\xd9" + trailer)


@pytest.mark.parametrize("target", [99.5, 100])
def test_a_target_out_of_reach_delivers_no_lossy_picture(jpeg, target, same_coefficients):
    source = jpeg(quality=90)
    result = optimize(source, Settings(target=target))
    assert (result.status, result.reason) == (Status.LOSSLESS, Reason.TARGET_OUT_OF_REACH)
    assert result.score is None
    assert same_coefficients(source, result.data)


@pytest.mark.parametrize("quality", [20, 40, 60, 75])
def test_a_photo_of_low_quality_pays_no_generation_for_little(jpeg, quality, same_coefficients):
    source = jpeg(quality=quality)
    result = optimize(source)
    assert result.status in (Status.LOSSLESS, Status.KEPT)
    assert same_coefficients(source, result.data)


@pytest.mark.parametrize("quality", [70, 80, 85, 90, 95])
@pytest.mark.parametrize("price", [0.0, 0.05, 0.1, 0.3])
def test_lossy_is_delivered_only_where_it_beats_lossless_by_the_price(jpeg, quality, price):
    source = jpeg(quality=quality)
    lossless = optimize(source, LOSSLESS)
    result = optimize(source, Settings(target=80, generation_saving=price))
    if result.status is Status.OPTIMIZED:
        assert result.bytes_out <= (1 - price) * lossless.bytes_out
    else:
        # Its marker names another target, so a few bytes more or less.
        assert abs(result.bytes_out - lossless.bytes_out) < 10


def test_the_price_of_a_generation_decides(jpeg):
    source = jpeg(quality=88)
    assert optimize(source, Settings(generation_saving=0.0)).status is Status.OPTIMIZED
    dear = optimize(source, Settings(generation_saving=0.9))
    assert (dear.status, dear.reason) == (Status.LOSSLESS, Reason.GENERATION_PRICE)


def test_a_source_quantized_as_coarsely_already_is_not_coded_again(jpeg, photo, same_coefficients):
    # Coarse tables under wasteful scans: a finer lossy coding is smaller, and still a loss.
    tables = Jpegli().encode(
        np.asarray(photo), distance=2.0, chroma_subsampling="4:4:4", progressive=False
    )
    with Image.open(io.BytesIO(tables)) as image:
        tables = image.quantization
    source = jpeg(photo, quality=-1, qtables=tables, subsampling="4:4:4", restart_marker_blocks=1)
    result = optimize(source, Settings(generation_saving=0.0))
    smallest = min(probe.size for probe in result.trace.probes if probe.stage == "full")
    assert smallest < len(source)
    assert (result.status, result.reason) == (Status.LOSSLESS, Reason.SOURCE_COARSE)
    assert same_coefficients(source, result.data)


def test_tables_count_as_coarser_only_where_every_step_is():
    def tables(*each):
        return SimpleNamespace(component_tables=each)

    assert _coarser(tables((9, 9), (9, 9)), tables((9, 8), (1, 9)))
    assert not _coarser(tables((9, 9), (9, 9)), tables((9, 8), (10, 9)))


@pytest.fixture
def inks(photo):
    return photo.convert("CMYK")


def test_ink_colours_take_the_lossless_rung_only(jpeg, inks, same_coefficients):
    source = jpeg(inks)
    result = optimize(source)
    assert (result.status, result.reason) == (Status.LOSSLESS, Reason.NOT_MEASURABLE)
    assert same_coefficients(source, result.data)
    assert np.array_equal(*(turbo.decode(each, components=4) for each in (source, result.data)))


def test_inks_coded_as_ycck_keep_their_adobe_segment_and_every_drop(
    jpeg, inks, inserted, same_coefficients, pixels_by_pillow
):
    adobe = b"Adobe\0\x64\0\0\0\0\2"
    plain = jpeg(inks)
    at = plain.index(b"Adobe")
    source = plain[: at + 11] + b"\2" + plain[at + 12 :]
    assert adobe in source
    result = optimize(source)
    assert (result.status, result.reason) == (Status.LOSSLESS, Reason.NOT_MEASURABLE)
    assert adobe in result.data
    assert same_coefficients(source, result.data)
    assert np.array_equal(pixels_by_pillow(source), pixels_by_pillow(result.data))


def test_ink_colours_that_lossless_does_not_shrink_are_kept_with_the_reason(jpeg, inks):
    smallest = optimize(jpeg(inks), Settings(marker=False)).data
    result = optimize(smallest)
    assert (result.status, result.reason) == (Status.KEPT, Reason.NOT_MEASURABLE)
    assert result.data == smallest
    assert "CMYK" in result.detail
    assert "lossless saves under 1%" in result.detail


def test_what_saves_less_than_the_minimum_is_kept_as_it_is(jpeg):
    source = jpeg(quality=75)
    saved = 1 - optimize(source, LOSSLESS).bytes_out / len(source)
    kept = optimize(source, Settings(target=None, minimum_saving=saved + 0.01))
    assert (kept.status, kept.reason) == (Status.KEPT, Reason.TOO_LITTLE_TO_GAIN)
    assert kept.data == source
    assert kept.bytes_in == kept.bytes_out == len(source)
    assert "and lossless saves under" in kept.detail
    lossless = optimize(source, Settings(target=None, minimum_saving=saved - 0.01))
    assert lossless.status is Status.LOSSLESS


def test_without_progressive_scans_there_is_no_lossless_rung(jpeg):
    result = optimize(jpeg(quality=60), Settings(progressive=False))
    assert result.status is Status.KEPT
    assert result.data == jpeg(quality=60)
    assert "progressive scans only" in result.detail


def test_a_picture_too_big_is_known_from_its_header(jpeg, enlarged, monkeypatch):
    def never(*_, **__):
        raise AssertionError("decoded")

    monkeypatch.setattr(turbo, "decode", never)
    asked = []
    source = enlarged(jpeg(), 65_500, 65_500)
    result = optimize(source, admit=asked.append)
    assert (result.status, result.reason) == (Status.SKIPPED, Reason.TOO_BIG)
    assert (result.data, asked) == (source, [])
    assert "4290 megapixels" in result.detail


def test_memory_is_asked_for_before_it_is_taken(jpeg, monkeypatch):
    class RefusedError(Exception):
        pass

    def refuse(megapixels):
        assert megapixels == pytest.approx(320 * 256 / 1e6)
        raise RefusedError

    monkeypatch.setattr(turbo, "decode", lambda *_, **__: pytest.fail("decoded unasked"))
    with pytest.raises(RefusedError):
        optimize(jpeg(), admit=refuse)


@pytest.mark.parametrize("part", [0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("settings", [Settings(), LOSSLESS])
def test_a_truncated_file_is_broken_on_every_rung(jpeg, part, progressive, settings):
    source = jpeg(progressive=progressive)
    with pytest.raises(BrokenJpeg, match="truncated"):
        optimize(source[: int(len(source) * part)], settings)


@pytest.mark.parametrize("settings", [Settings(), LOSSLESS])
def test_a_scan_cut_and_closed_is_broken_in_the_decoders_words(jpeg, settings):
    source = jpeg()
    cut = source[: len(source) // 2].rstrip(b"\xff") + b"\xff\xd9"
    with pytest.raises(BrokenJpeg, match="premature end of data segment"):
        optimize(cut, settings)


def test_a_frame_that_is_larger_than_its_data_is_broken(jpeg, enlarged):
    with pytest.raises(BrokenJpeg, match="damaged"):
        optimize(enlarged(jpeg(), 320, 512))


def test_what_is_no_jpeg_is_called_by_its_name(photo):
    written = io.BytesIO()
    photo.save(written, "PNG")
    with pytest.raises(NotAJpeg, match="looks like a PNG"):
        optimize(written.getvalue())
    with pytest.raises(NotAJpeg, match="empty"):
        optimize(b"")


def test_a_coding_that_is_not_rewritten_is_kept(jpeg):
    # SOF1: the same header, twelve bits a sample.
    source = jpeg().replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc1\x00\x11\x0c", 1)
    result = optimize(source)
    assert (result.status, result.reason) == (Status.KEPT, "twelve_bit")
    assert result.data == source
    lossless_only = b"\xff\xd8\xff\xf7\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00\xff\xd9"
    assert optimize(lossless_only).status is Status.KEPT


def test_what_is_kept_or_skipped_is_described_as_far_as_it_is_known(jpeg, enlarged):
    kept = optimize(jpeg(), Settings(target=None, minimum_saving=0.9))
    assert (kept.width, kept.height, kept.chroma_subsampling) == (320, 256, "4:2:0")
    skipped = optimize(enlarged(jpeg(), 60_000, 60_000))
    assert (skipped.width, skipped.height) == (60_000, 60_000)


def test_the_lossless_rung_holds_what_mozjpeg_made_and_a_marker(jpeg):
    source = jpeg()
    result = optimize(source, LOSSLESS)
    marker = read_marker(parse(result.data))
    assert (marker.target, marker.score) == (None, None)
    coded = mozjpeg.recode(source)
    assert assemble(parse(source), coded, marker=marker, recoded=False) == result.data
