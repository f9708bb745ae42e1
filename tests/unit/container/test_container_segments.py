import re
import struct

import pytest
from container_samples import (
    EOI,
    SOI,
    adobe,
    app,
    com,
    inserted,
    noise,
    odd_files,
    photo,
    photo_names,
    rows,
    saved,
    segment,
    without_jfif,
)

from jpegslim.engine.container.segments import ColorSpace, Component, Frame, parse, peek
from jpegslim.errors import BrokenJpeg, FileError, NotAJpeg, UnsupportedJpeg

DQT, DHT, SOS, SOF0, SOF2 = 0xDB, 0xC4, 0xDA, 0xC0, 0xC2
TINY = saved(noise(8, 8))


def spans(container):
    """Rebuild the file from what was read, entropy-coded data in between."""
    ends = [part.start for part in container.segments[1:]] + [container.image_end - 2]
    pieces = [SOI]
    for part, following in zip(container.segments, ends, strict=True):
        pieces.append(container.data[part.start : following])
    return b"".join([*pieces, EOI, container.trailer])


def first(container, marker):
    return next(part for part in container.segments if part.marker == marker)


def behind(jpeg, marker):
    """Offset right behind the first segment with this marker."""
    return first(parse(jpeg), marker).end


def patched(jpeg, marker, at, replacement):
    """Overwrite payload bytes of the first segment with this marker."""
    start = first(parse(jpeg), marker).payload_start + at
    return jpeg[:start] + replacement + jpeg[start + len(replacement) :]


def with_coding(marker):
    return TINY.replace(b"\xff\xc0\x00\x11", bytes((0xFF, marker, 0, 0x11)))


@pytest.mark.parametrize("name", photo_names())
def test_every_byte_of_a_photo_belongs_to_a_part(name):
    data = photo(name)
    row = rows("photos")[name]
    container = parse(data)
    assert spans(container) == data
    assert container.frame == peek(data)
    assert str(container.frame.width) == row["width"]
    assert str(container.frame.height) == row["height"]
    assert container.frame.chroma_subsampling == row["subsampling"]
    assert container.frame.progressive == (row["progressive"] == "y")
    assert len(container.trailer) == int(row["trailing"].split(":")[0] or 0)


def test_odd_files_are_read_or_refused_with_a_reason(capsys):
    refusals = {}
    for name, row, data in odd_files():
        try:
            container = parse(data)
        except FileError as error:
            refusals[name] = error
            continue
        assert str(container.frame.width) == row["width"], name
        assert container.frame.chroma_subsampling == row["subsampling"], name
        assert f"/{container.scans}scan/" in row["coding"], name
        assert row["coding"].endswith(f"/dri{container.restart_interval}"), name
    for name, error in refusals.items():
        assert "\n" not in str(error), name
        assert re.fullmatch("[a-z_]+", error.reason), name
    assert 200 < len(refusals) < 350
    assert refusals["synth/junk_between_markers.jpg"].reason == "junk_between_markers"
    assert refusals["synth/missing_eoi.jpg"].reason == "truncated"
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("factors", "name"),
    [
        ([(1, 1), (1, 1), (1, 1)], "4:4:4"),
        ([(2, 1), (1, 1), (1, 1)], "4:2:2"),
        ([(2, 2), (1, 1), (1, 1)], "4:2:0"),
        ([(1, 2), (1, 1), (1, 1)], "4:4:0"),
        ([(4, 1), (1, 1), (1, 1)], "4:1:1"),
        ([(4, 2), (1, 1), (1, 1)], "4:1:0"),
        ([(2, 2)], "gray"),
        ([(2, 2), (1, 2), (1, 1)], "2x2,1x2,1x1"),
        ([(3, 1), (1, 1), (1, 1)], "3x1,1x1,1x1"),
        ([(1, 1)] * 4, "1x1,1x1,1x1,1x1"),
    ],
)
def test_chroma_subsampling_has_its_usual_name(factors, name):
    components = tuple(Component(n, h, v, 0) for n, (h, v) in enumerate(factors))
    assert Frame(SOF0, 8, 16, 16, components).chroma_subsampling == name


def test_a_frame_tells_its_size_and_coding():
    frame = peek(saved(noise(40, 25), progressive=True))
    assert (frame.width, frame.height, frame.megapixels) == (40, 25, 0.001)
    assert frame.progressive
    assert not frame.arithmetic
    assert not frame.lossless
    assert not frame.hierarchical


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n....", "PNG"),
        (b"GIF89a....", "GIF"),
        (b"RIFF....WEBPVP8 ", "WebP"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypavif", "AVIF"),
        (b"II*\0....", "TIFF"),
        (b"BM......", "BMP"),
        (b"%PDF-1.4", "PDF"),
        (b"\xff\x0a....", "JPEG XL"),
        (b" <!DOCTYPE html>", "HTML"),
        (b"\xef\xbb\xbf" + TINY, "3 other bytes"),
        (b"hello", "first bytes"),
        (b"\xff", "first bytes"),
    ],
)
def test_another_kind_of_file_is_named(data, kind):
    for read in (parse, peek):
        with pytest.raises(NotAJpeg, match=kind):
            read(data)


def test_a_file_cut_anywhere_is_never_taken_for_whole():
    jpeg = saved(noise(8, 8), progressive=True, comment=b"hello")
    assert parse(jpeg).image_end == len(jpeg)
    for length in range(len(jpeg)):
        with pytest.raises((BrokenJpeg, NotAJpeg)) as caught:
            parse(jpeg[:length])
        if length >= 2:
            assert caught.value.reason == "truncated"


@pytest.mark.parametrize(
    ("marker", "reason"),
    [
        (0xC3, "lossless_coding"),
        (0xC5, "hierarchical_coding"),
        (0xCB, "lossless_coding"),
        (0xCF, "hierarchical_coding"),
        (0xDE, "hierarchical_coding"),
        (0xF7, "lossless_coding"),
    ],
)
def test_a_rare_coding_is_refused_by_its_name(marker, reason):
    with pytest.raises(UnsupportedJpeg) as caught:
        parse(with_coding(marker))
    assert caught.value.reason == reason


@pytest.mark.parametrize("marker", [0xC9, 0xCA])
def test_arithmetic_coding_is_no_reason_to_refuse(marker):
    assert parse(with_coding(marker)).frame.arithmetic


@pytest.mark.parametrize("marker", [0xC1, 0xC2, 0xC9, 0xCA])
def test_twelve_bits_are_named_whatever_the_coding(marker):
    coded = with_coding(marker)
    with pytest.raises(UnsupportedJpeg) as caught:
        parse(patched(coded, marker, 0, b"\x0c"))
    assert caught.value.reason == "twelve_bit"


def test_metadata_of_an_impossible_length_belongs_to_no_segment():
    tables = first(parse(TINY), DQT)
    for marker in (b"\xff\xfe", b"\xff\xe5"):
        with pytest.raises(UnsupportedJpeg, match=f"at byte {tables.start}") as caught:
            parse(TINY[: tables.start] + marker + b"\0\1" + TINY[tables.start :])
        assert caught.value.reason == "junk_between_markers"


def test_peeking_tells_the_size_of_a_coding_that_is_refused():
    assert peek(with_coding(0xC9)).arithmetic
    assert peek(with_coding(0xC9)).width == 8


@pytest.mark.parametrize(
    ("precision", "error", "reason"),
    [(12, UnsupportedJpeg, "twelve_bit"), (9, BrokenJpeg, "broken")],
)
def test_samples_of_other_than_eight_bits_are_refused(precision, error, reason):
    with pytest.raises(error) as caught:
        parse(patched(TINY, SOF0, 0, bytes((precision,))))
    assert caught.value.reason == reason


def test_two_components_are_refused():
    jpeg = TINY.replace(
        first(parse(TINY), SOF0).payload(TINY)[5:], bytes((2, 1, 0x11, 0, 2, 0x11, 0)), 1
    )
    jpeg = jpeg.replace(b"\xff\xc0\x00\x11", b"\xff\xc0\x00\x0e")
    with pytest.raises(UnsupportedJpeg) as caught:
        parse(jpeg)
    assert caught.value.reason == "component_count"


def test_fill_bytes_in_front_of_markers_are_legal():
    at = behind(TINY, DQT)
    filled = TINY[:2] + b"\xff\xff" + TINY[2:at] + b"\xff" + TINY[at:-2] + b"\xff\xff" + EOI
    container = parse(filled)
    assert container.image_end == len(filled)
    assert len(container.segments) == len(parse(TINY).segments)


@pytest.mark.parametrize("junk", [b"junk", b"\x00", b"\xff\x00", b"\xff\xd0", b"\xff\x01"])
def test_bytes_between_segments_are_not_thrown_away(junk):
    at = behind(TINY, DQT)
    with pytest.raises(UnsupportedJpeg, match=f"byte {at}") as caught:
        parse(TINY[:at] + junk + TINY[at:])
    assert caught.value.reason == "junk_between_markers"


def test_comments_between_scans_are_read():
    jpeg = saved(progressive=True)
    scans = [part for part in parse(jpeg).segments if part.marker == SOS]
    changed = jpeg[: scans[2].start] + com(b"in between") + jpeg[scans[2].start :]
    assert first(parse(changed), 0xFE).payload(changed) == b"in between"


def test_metadata_behind_the_first_scan_is_not_moved_in_front():
    jpeg = TINY[:-2] + app(1, b"Exif\0\0II*\0") + EOI
    with pytest.raises(UnsupportedJpeg) as caught:
        parse(jpeg)
    assert caught.value.reason == "metadata_between_scans"


def test_a_height_behind_the_scan_is_refused():
    line_count = segment(0xDC, b"\x00\x08")
    headless = patched(TINY, SOF0, 1, b"\0\0")
    with pytest.raises(UnsupportedJpeg) as caught:
        parse(headless[:-2] + line_count + EOI)
    assert caught.value.reason == "dnl_height"
    assert peek(headless).height == 0
    with pytest.raises(BrokenJpeg, match="0 pixels high"):
        parse(headless)
    assert parse(TINY[:-2] + line_count + EOI).frame.height == 8


def damaged():
    tables = first(parse(TINY), DQT)
    scan = first(parse(TINY), SOS)
    frame = first(parse(TINY), SOF0)
    frame_bytes = TINY[frame.start : frame.end]
    return {
        "0 pixels wide": patched(TINY, SOF0, 3, b"\0\0"),
        "impossible sampling": patched(TINY, SOF0, 7, b"\x50"),
        "frame header has an impossible length": patched(TINY, SOF0, 5, b"\x04"),
        "two frame headers": TINY[: frame.end] + frame_bytes + TINY[frame.end :],
        "no frame header": TINY[: frame.start] + TINY[frame.end :],
        "no picture$": SOI + com(b"x") + EOI,
        "segment at byte .* impossible length": TINY[: tables.start]
        + b"\xff\xdb\0\1"
        + TINY[tables.start :],
        "second image starts": TINY[: scan.start] + SOI + TINY[scan.start :],
        "does not define": TINY[:-2] + b"\xff\x02" + TINY[-2:],
        "table is missing": TINY[: tables.start] + TINY[tables.end :],
        "table is malformed": patched(TINY, DQT, 0, b"\x07"),
        "scan header has an impossible length": patched(TINY, SOS, 0, b"\x02"),
        "does not have": patched(TINY, SOS, 1, b"\x77"),
        "restart interval": inserted(TINY, segment(0xDD, b"\0")),
        "line count": inserted(TINY, segment(0xDC, b"\0\x08")),
        "some of its components": TINY[: scan.start]
        + segment(SOS, b"\x01\x01\x00\x00\x3f\x00")
        + TINY[scan.end :],
        "out of order": patched(TINY, SOS, 1, b"\x03"),
    }


@pytest.mark.parametrize(("message", "jpeg"), damaged().items(), ids=damaged())
def test_damage_is_named(message, jpeg):
    with pytest.raises(BrokenJpeg, match=message):
        parse(jpeg)


def test_quantization_tables_are_read_in_8_and_16_bits():
    container = parse(TINY)
    values = first(container, DQT).payload(TINY)[1:65]
    wide = segment(DQT, b"\x10" + struct.pack(">64H", *[value * 256 + 1 for value in values]))
    after = parse(inserted(TINY, wide))
    assert after.tables[0] == tuple(values)
    table = first(container, DQT)
    replaced = TINY[: table.start] + wide + TINY[table.end :]
    assert parse(replaced).tables[0] == tuple(value * 256 + 1 for value in values)
    assert parse(replaced).component_tables[0] == parse(replaced).tables[0]


def test_a_table_that_changes_between_scans_is_refused_and_a_repeated_one_is_not():
    jpeg = saved(progressive=True)
    table = first(parse(jpeg), DQT)
    repeated = jpeg[table.start : table.end]
    last = parse(jpeg).segments[-1].start
    assert parse(jpeg[:last] + repeated + jpeg[last:]).tables == parse(jpeg).tables
    changed = repeated[:-1] + bytes((repeated[-1] ^ 1,))
    with pytest.raises(UnsupportedJpeg) as caught:
        parse(jpeg[:last] + changed + jpeg[last:])
    assert caught.value.reason == "tables_redefined"


def test_a_flood_of_empty_segments_is_refused():
    with pytest.raises(UnsupportedJpeg) as caught:
        parse(inserted(TINY, com(b"") * 70_000))
    assert caught.value.reason == "too_many_segments"


def test_a_flood_of_scans_is_refused():
    scan = first(parse(TINY), SOS).start
    with pytest.raises(UnsupportedJpeg) as caught:
        parse(TINY[:scan] + TINY[scan:-2] * 501 + EOI)
    assert caught.value.reason == "too_many_scans"


@pytest.mark.parametrize("filling", [b"\xff\x00", b"\xff", b"\xff\xd3", b"\xff\xff\x00", b"\x00"])
def test_reading_is_linear_in_the_size_of_a_scan(filling):
    stuffed = TINY[:-2] + filling * (2_000_000 // len(filling)) + b"\x00" + EOI
    assert parse(stuffed).image_end == len(stuffed)


def test_restart_intervals_and_scans_are_counted():
    container = parse(saved(restart_marker_blocks=2))
    assert container.restart_interval == 2
    assert container.scans == 1
    assert parse(saved(progressive=True)).scans > 3


@pytest.mark.parametrize(
    ("jpeg", "space"),
    [
        (saved(), ColorSpace.YCBCR),
        (saved(noise(channels=1)), ColorSpace.GRAY),
        (saved(noise().convert("CMYK")), ColorSpace.CMYK),
        (saved(keep_rgb=True), ColorSpace.RGB),
        (without_jfif(saved()), ColorSpace.YCBCR),
        (inserted(without_jfif(saved()), adobe(0)), ColorSpace.RGB),
        (inserted(without_jfif(saved()), adobe(1)), ColorSpace.YCBCR),
        (inserted(saved(), adobe(0)), ColorSpace.YCBCR),
    ],
)
def test_the_colour_space_is_what_decoders_take_it_for(jpeg, space):
    assert parse(jpeg).color_space is space


def test_what_follows_the_picture_is_the_trailer():
    container = parse(TINY + b"anything" + TINY)
    assert container.image_end == len(TINY)
    assert bytes(container.trailer) == b"anything" + TINY
