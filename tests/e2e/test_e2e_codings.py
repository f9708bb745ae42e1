"""Every way of coding a JPEG: read right and made smaller, or kept with the reason."""

import io

import ajpegli
import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageDraw

import jpegslim
from jpegslim import Settings, Status
from jpegslim.engine.container.segments import parse, peek

LOSSLESS = Settings(target=None)


def pixels_of(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def inserted(data, marker, payload):
    return data[:2] + bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload + data[2:]


def frame_at(data):
    container = parse(data)
    return next(each for each in container.segments if each.marker == container.frame.marker)


def frame_patched(data, at, replacement):
    start = frame_at(data).payload_start + at
    return data[:start] + replacement + data[start + len(replacement) :]


def with_marker(data, marker):
    start = frame_at(data).start
    return data[: start + 1] + bytes((marker,)) + data[start + 2 :]


def without(data, marker):
    for segment in parse(data).segments:
        if segment.marker == marker:
            return data[: segment.start] + data[segment.end :]
    raise AssertionError("nothing to take away")


def with_wide_tables(data):
    """Write the quantization tables in two bytes a value."""
    container = parse(data)
    pieces, at = [], 0
    for segment in container.segments:
        if segment.marker == 0xDB:
            payload, wide = segment.payload(data), b""
            for start in range(0, len(payload), 65):
                wide += bytes((0x10 | payload[start],))
                wide += b"".join(b"\0" + payload[n : n + 1] for n in range(start + 1, start + 65))
            pieces += [data[at : segment.start], b"\xff\xdb", (len(wide) + 2).to_bytes(2), wide]
            at = segment.end
    return with_marker(b"".join([*pieces, data[at:]]), 0xC1)


@pytest.fixture(scope="module")
def odd(shared):
    return lambda name: (shared / "weird" / name).read_bytes()


def check_optimized(source, result, target=85):
    assert result.status is Status.OPTIMIZED, result.detail
    assert result.bytes_out < len(source)
    assert parse(result.data).scans > 0
    assert not peek(result.data).arithmetic
    assert jpegslim.compare(source, result.data).score >= target
    simplejpeg.decode_jpeg(result.data, strict=True)


def test_grey_stays_one_component(picture):
    with Image.open(io.BytesIO(picture())) as image:
        written = io.BytesIO()
        image.convert("L").save(written, "JPEG", quality=95)
    result = jpegslim.optimize(written.getvalue())
    check_optimized(written.getvalue(), result)
    assert result.chroma_subsampling == "gray"
    assert len(peek(result.data).components) == 1


@pytest.mark.parametrize("told", ["by Adobe's segment", "by its component ids"])
def test_rgb_without_a_transform_keeps_its_colours(picture, told):
    source = picture(keep_rgb=True)
    container = parse(source)
    assert container.color_space == "rgb"
    if told == "by its component ids":
        if container.adobe_transform is not None:
            source = without(source, 0xEE)
        source = without(source, 0xE0) if parse(source).has_jfif else source
    else:
        source = (
            source
            if container.adobe_transform == 0
            else inserted(source, 0xEE, b"Adobe\0\x64\0\0\0\0\0")
        )
    assert parse(source).color_space == "rgb"
    result = jpegslim.optimize(source)
    assert result.status is Status.OPTIMIZED, result.detail
    assert parse(result.data).color_space == "ycbcr"
    before, after = (pixels_of(data).astype(float) for data in (source, result.data))
    assert np.abs(before.mean(axis=(0, 1)) - after.mean(axis=(0, 1))).max() < 1
    assert np.abs(before - after).mean() < 6


@pytest.mark.parametrize("transform", [0, 2])
def test_inks_are_recoded_without_changing_a_pixel(picture, transform):
    with Image.open(io.BytesIO(picture())) as image:
        written = io.BytesIO()
        image.convert("CMYK").save(written, "JPEG", quality=92)
    source = written.getvalue()
    at = source.index(b"Adobe") + 11
    source = source[:at] + bytes((transform,)) + source[at + 1 :]
    assert parse(source).color_space == ("cmyk", "ycck")[transform // 2]
    result = jpegslim.optimize(source)
    assert (result.status, result.reason) == (Status.LOSSLESS, "not_measurable")
    assert result.bytes_out < len(source)
    assert np.array_equal(pixels_of(source), pixels_of(result.data))
    assert np.array_equal(
        *(simplejpeg.decode_jpeg(data, "CMYK", strict=True) for data in (source, result.data))
    )


@pytest.mark.parametrize("sampling", ["440", "422", "420", "444"])
def test_samplings_that_cameras_write_are_optimized(picture, sampling):
    source = ajpegli.encode(pixels_of(picture()), distance=0.4, subsampling=sampling, mode="RGB")
    check_optimized(source, jpegslim.optimize(source))


@pytest.mark.parametrize(
    "name",
    [
        "tj_samp_4x1.jpg",
        "tj_samp_1x2.jpg",
        "tj_restart_1row.jpg",
        "tj_restart_1mcu.jpg",
        "tj_baseline_3scans.jpg",
        "tj_rgb.jpg",
        "tj_arithmetic_seq.jpg",
        "tj_arithmetic_prog.jpg",
    ],
)
def test_rarer_codings_are_optimized(odd, name):
    source = odd(f"synth/{name}")
    check_optimized(source, jpegslim.optimize(source, Settings(target=75)), 75)


@pytest.mark.parametrize("name", ["4x2", "3x1", "2x2_2x1_1x2", "1x1_2x2_2x2"])
def test_a_sampling_no_strict_decoder_reads_is_kept(odd, name):
    source = odd(f"synth/tj_samp_{name}.jpg")
    result = jpegslim.optimize(source)
    assert (result.status, result.reason) == (Status.KEPT, "undecodable")
    assert result.data == source


def test_wide_quantization_tables_are_read(picture):
    source = with_wide_tables(picture())
    assert np.array_equal(pixels_of(source), pixels_of(picture()))
    check_optimized(source, jpegslim.optimize(source))


def test_dense_restart_markers_are_read(picture):
    source = picture(restart_marker_blocks=3)
    assert parse(source).restart_interval == 3
    check_optimized(source, jpegslim.optimize(source))


def test_a_height_that_comes_later_is_kept(picture):
    source = picture()
    height = peek(source).height
    late = frame_patched(source, 1, b"\0\0")
    late = late[:-2] + b"\xff\xdc\0\4" + height.to_bytes(2) + late[-2:]
    result = jpegslim.optimize(late)
    assert (result.status, result.reason, result.data) == (Status.KEPT, "dnl_height", late)
    # Where both say the same, nobody can miss it.
    both = source[:-2] + b"\xff\xdc\0\4" + height.to_bytes(2) + source[-2:]
    check_optimized(both, jpegslim.optimize(both))


@pytest.mark.parametrize("settings", [Settings(), LOSSLESS], ids=["lossy", "lossless"])
def test_codings_hardly_anyone_reads_are_kept_by_name(picture, settings):
    source = picture()
    xt = b"JP\0\1\0\0\0\1\0\0\0\x14ftypjpxt\0\0\0\0jpxt"
    kept = {
        "twelve_bit": frame_patched(with_marker(source, 0xC1), 0, b"\x0c"),
        "lossless_coding": with_marker(source, 0xC3),
        "hierarchical_coding": inserted(
            source, 0xDE, source[frame_at(source).payload_start :][:17]
        ),
        "jpeg_xt": inserted(source, 0xEB, xt),
        "jpeg_hdr": inserted(source, 0xEB, b"HDR_RI ver=11\0" + bytes(40)),
        "junk_between_markers": source[:20] + b"junk" + source[20:],
    }
    for reason, data in kept.items():
        result = jpegslim.optimize(data, settings)
        assert (result.status, result.reason) == (Status.KEPT, reason)
        assert result.data == data
        assert result.detail


def test_arithmetic_coding_has_no_lossless_rung(odd):
    source = odd("synth/tj_arithmetic_seq.jpg")
    result = jpegslim.optimize(source, LOSSLESS)
    assert (result.status, result.reason) == (Status.KEPT, "arithmetic_coding")
    assert result.data == source


@pytest.mark.parametrize("name", ["seq", "prog"])
def test_an_arithmetic_picture_cut_in_half_is_never_coded_anew(odd, name):
    source = odd(f"synth/tj_arithmetic_{name}.jpg")
    silent = 0
    for share in range(5, 100, 5):
        cut = source[: len(source) * share // 100] + b"\xff\xd9"
        try:
            simplejpeg.decode_jpeg(cut, strict=True)
            silent += 1
        except (ValueError, RuntimeError):
            pass
        try:
            result = jpegslim.optimize(cut)
        except jpegslim.BrokenJpeg:
            continue
        assert result.status is Status.KEPT, share
        assert result.reason in ("perhaps_truncated", "scans_missing")
    # What a decoder alone would have let pass.
    assert silent > 10


def test_what_is_left_as_it_is_was_looked_at_for_damage(picture):
    junk = picture()[:20] + b"junk" + picture()[20:]
    assert jpegslim.optimize(junk).status is Status.KEPT
    with pytest.raises(jpegslim.BrokenJpeg, match="Corrupt JPEG data"):
        jpegslim.optimize(junk[: len(junk) // 2] + b"\xff\xd9")


def text_on_white(colour, size=(900, 600)):
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for row in range(8, size[1] - 12, 14):
        draw.text((6, row), "Sphinx of black quartz, judge my vow. 0123456789 " * 3, fill=colour)
    return image


def saved(image, **options):
    written = io.BytesIO()
    image.save(written, "JPEG", **options)
    return written.getvalue()


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 0, 255), (0, 0, 0)])
def test_text_stays_as_sharp_as_was_asked(colour):
    source = saved(text_on_white(colour), quality=98, subsampling=0)
    result = jpegslim.optimize(source)
    assert result.status in (Status.OPTIMIZED, Status.LOSSLESS, Status.KEPT)
    if result.status is Status.OPTIMIZED:
        assert result.score >= 85
        assert result.worst_tile.score >= 75
        assert result.chroma_subsampling in ("4:4:4", "4:2:2", "4:2:0")
    found = jpegslim.compare(source, result.data)
    assert (found.score >= 85, found.worst_tile.score >= 75) == (True, True)


def test_a_picture_of_low_quality_is_not_coded_once_more(picture):
    source = picture(quality=20)
    result = jpegslim.optimize(source)
    assert result.status in (Status.KEPT, Status.LOSSLESS)
    assert result.score is None


EXTREMES = {
    "one pixel": Image.new("RGB", (1, 1), (200, 10, 10)),
    "a long strip": Image.effect_noise((65500, 16), 40).convert("RGB"),
    "one colour": Image.new("RGB", (800, 600), (90, 140, 200)),
    "noise": Image.fromarray(np.random.default_rng(5).integers(0, 256, (400, 400, 3), np.uint8)),
}


@pytest.mark.parametrize("kind", EXTREMES)
def test_extreme_pictures_keep_the_promise(kind):
    source = saved(EXTREMES[kind], quality=95)
    result = jpegslim.optimize(source)
    assert result.bytes_out <= len(source)
    assert pixels_of(result.data).shape == pixels_of(source).shape
    if result.status is Status.OPTIMIZED:
        assert jpegslim.compare(source, result.data).score >= 85
    else:
        assert np.array_equal(pixels_of(result.data), pixels_of(source))


def full_chroma(shared):
    lines = (shared / "photos" / "INDEX.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    names = [row[0] for row in rows if row[rows[0].index("subsampling")] == "4:4:4"]
    assert names
    return [shared / "photos" / name for name in sorted(names)]


@pytest.mark.parametrize("which", ["one", pytest.param("all", marks=pytest.mark.endurance)])
def test_photos_of_full_chroma_hold_the_promise_and_tell_what_became_of_it(shared, which):
    photos = full_chroma(shared)
    for photo in photos if which == "all" else photos[:1]:
        source = photo.read_bytes()
        result = jpegslim.optimize(source)
        if result.status is not Status.OPTIMIZED:
            assert result.score is None
            continue
        assert result.chroma_subsampling == peek(result.data).chroma_subsampling
        assert result.chroma_subsampling in ("4:4:4", "4:2:2", "4:2:0")
        found = jpegslim.compare(source, result.data)
        assert found.score == pytest.approx(result.score, abs=0.01)
        assert found.score >= 85
        assert found.worst_tile.score >= 75
