import struct

import pytest
from container_samples import adobe, app, com, exif, inserted, noise, photo, rows, saved, segment

from jpegslim.engine.container.camera import read_camera
from jpegslim.engine.container.marker import Marker, encode_marker
from jpegslim.engine.container.names import marker_name, segment_detail, segment_name
from jpegslim.engine.container.segments import parse
from jpegslim.engine.container.walk import Segment

PICTURE = saved(noise(16, 16))


def named(extra):
    data = inserted(PICTURE, extra)
    first = parse(data).segments[0]
    return marker_name(first.marker), segment_name(first, data), segment_detail(first, data)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (app(0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"), ("APP0", "JFIF", "version 1.02")),
        (app(0, b"JFXX\0\x10"), ("APP0", "JFIF extension", None)),
        (app(1, b"Exif\0\0"), ("APP1", "Exif", None)),
        (app(1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), ("APP1", "XMP", None)),
        (
            app(1, b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32 + struct.pack(">II", 9, 4)),
            ("APP1", "extended XMP", "from byte 4 of 9"),
        ),
        (app(1, b"FLIR\0\x01\0\0"), ("APP1", "FLIR thermal data", None)),
        (app(2, b"ICC_PROFILE\0\x02\x03abc"), ("APP2", "ICC profile", "part 2 of 3")),
        (app(2, b"MPF\0"), ("APP2", "MPF index", None)),
        (
            app(2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"),
            ("APP2", "ISO 21496-1 gain map", None),
        ),
        (app(11, b"JP\0\2\0\0\0\3" + bytes(20)), ("APP11", "JUMBF", "part 3 of box 2")),
        (
            app(11, b"JP\0\1\0\0\0\1\0\0\0\x40jumb\0\0\0\x1ejumdc2pa"),
            ("APP11", "C2PA content credentials", "part 1 of box 1"),
        ),
        (app(12, b"Ducky\0\1"), ("APP12", "Ducky (Save for Web)", None)),
        (app(13, b"Photoshop 3.0\0008BIM"), ("APP13", "Photoshop", None)),
        (adobe(2), ("APP14", "Adobe", "transform 2 (YCCK)")),
        (app(7, b"Somebody's\0"), ("APP7", "unknown (Somebody)", None)),
        (app(7, b"\1\2\3"), ("APP7", "unknown", None)),
        (app(15, b""), ("APP15", "unknown", None)),
        (com(b"hello\0"), ("COM", "comment", "hello")),
        (com(b"\xff" * 3), ("COM", "comment", "\ufffd" * 3)),
        (com(b""), ("COM", "comment", None)),
        (segment(0xDD, b"\0\x07"), ("DRI", "restart interval", "every 7 blocks")),
        (segment(0xDD, b"\0\0"), ("DRI", "restart interval", "none")),
    ],
)
def test_segments_have_names(extra, expected):
    assert named(extra) == expected


def test_our_marker_is_known():
    marker = Marker(version="1.0", target=85.0, score=85.2, tables="0" * 8, source="0" * 16)
    assert named(encode_marker(marker))[1] == "jpegslim's marker"


def test_a_signature_is_not_read_beyond_its_segment():
    # "Exif\0" begins in this segment and ends in what follows.
    data = b"\xff\xe1\0\x05Exi" + b"f\0"
    assert segment_name(Segment(0xE1, 0, 7), data) == "unknown"


@pytest.mark.parametrize("marker", range(256))
def test_every_marker_has_a_name(marker):
    found = Segment(marker, 0, 4)
    assert segment_name(found, b"\xff\0\0\2")
    assert marker_name(marker) or marker == 0
    segment_detail(found, b"\xff\0\0\2")


def camera(segment_of_exif):
    data = inserted(PICTURE, segment_of_exif)
    return read_camera(parse(data).segments, data)


def test_text_that_lies_outside_is_left_out():
    assert camera(exif([(0x010F, 2, 400, 4)])).make is not None
    assert camera(exif([(0x010F, 2, 400, 900_000)])).make is None
    assert camera(exif([(0x010F, 7, 4, 0)])).make is None


def test_short_text_stands_in_the_field():
    value = int.from_bytes(b"Abc\0", "little")
    assert camera(exif([(0x010F, 2, 4, value)])).make == "Abc"


@pytest.mark.parametrize("kind", [7, 129])
def test_text_is_read_in_the_other_types_it_is_written_in(kind):
    value = int.from_bytes(b"Abc\0", "little")
    assert camera(exif([(0x010F, kind, 4, value)])).make == "Abc"


def test_without_exif_there_is_no_camera():
    assert camera(app(1, b"http://ns.adobe.com/xap/1.0/\0")) is None
    assert camera(app(1, b"Exif\0\0nothing")) is None


def test_the_highlights_of_a_real_photo_are_read():
    if not rows("photos"):
        pytest.skip("needs the folder ../shared/photos beside the repository")
    data = photo("cartridgeocr__IMG_5809.jpg")
    found = read_camera(parse(data).segments, data)
    assert (found.make, found.model) == ("Apple", "iPhone 11")
    assert found.lens == "Apple iPhone 11 back dual wide camera 4.25mm f/1.8"
    assert found.taken == "2021:05:18 14:41:44 -07:00"
    assert (round(1 / found.exposure), found.aperture, found.iso) == (121, 1.8, 125)
    assert found.focal_length == 4.25
    assert (found.orientation, found.color_space) == (6, "uncalibrated")
    assert found.position
    assert found.maker_note == 1242
    assert found.thumbnail == 3647
