import sys
import time

import pytest

from jpegslim.engine.inspecting import inspect
from jpegslim.errors import NotAJpeg


def segment(marker, payload=b""):
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


def inserted(jpeg, extra):
    return jpeg[:2] + extra + jpeg[2:]


@pytest.fixture(scope="module")
def plain(photograph):
    return photograph(1, quality=88)


def test_a_picture_is_described(plain):
    found = inspect(plain)
    assert found.problem is None
    assert (found.frame.width, found.frame.height) == (160, 120)
    assert (found.coding, found.color_space, found.scans) == ("baseline", "ycbcr", 1)
    assert (found.quality.luma, found.quality.standard) == (88, True)
    assert [table.components for table in found.tables] == [(1,), (2, 3)]
    assert found.image_end == found.size == len(plain)
    assert found.profile is found.camera is found.marker is None
    assert found.parts == found.images == ()


def test_every_byte_of_the_image_is_accounted_for(plain):
    found = inspect(inserted(plain, segment(0xFE, b"hello") + segment(0xE7, b"data")) + b"tail")
    at = 0
    for stretch in found.segments:
        assert stretch.offset == at
        at += stretch.size + stretch.coded
    assert at == found.image_end
    assert found.coded + found.metadata == found.image_end
    (behind,) = found.parts
    assert behind.size == 4
    assert found.bits_per_pixel == 8 * found.coded / (160 * 120)


def test_a_cut_file_is_described_up_to_the_break(plain):
    whole = inspect(plain)
    for size in range(2, len(plain) - 2, 97):
        found = inspect(plain[:size])
        assert "truncated" in found.problem
        assert found.image_end is None
        seen = [each for each in found.segments if each.marker != "SOS"]
        assert seen == list(whole.segments[: len(seen)])
    assert found.frame == whole.frame
    assert found.tables == whole.tables


def test_what_is_no_jpeg_is_refused():
    with pytest.raises(NotAJpeg, match="PNG"):
        inspect(b"\x89PNG\r\n\x1a\n")


def test_a_second_frame_header_or_broken_parameters_leave_the_rest_readable(plain):
    at = plain.index(b"\xff\xc0")
    twice = plain[:at] + plain[at : at + 19] + plain[at:]
    assert inspect(twice).frame == inspect(plain).frame
    short = inserted(plain, segment(0xDB, b"\0" + bytes(20)) + segment(0xDD, b"\7"))
    found = inspect(short)
    assert found.problem is None
    assert found.tables == inspect(plain).tables
    impossible = bytearray(plain)
    impossible[at + 11] = 0x5F
    found = inspect(bytes(impossible))
    assert "impossible sampling" in found.problem
    assert found.frame is None
    assert found.color_space is None


def test_a_jpeg_ls_is_named_and_not_read_on():
    frame = b"\x08\0\x10\0\x10\x01\x01\x11\0"
    found = inspect(
        b"\xff\xd8" + segment(0xF7, frame) + segment(0xDA, bytes(6)) + b"\xff\x7f\xff\xd9"
    )
    assert found.coding == "JPEG-LS"
    assert (found.frame.width, found.frame.height) == (16, 16)
    assert "not read" in found.problem


def test_stray_bytes_are_shown_where_they_stand(plain):
    # Behind JFIF, where libjpeg skips them.
    found = inspect(plain[:20] + b"stray" + plain[20:])
    assert (found.segments[2].offset, found.segments[2].size) == (20, 5)
    assert found.segments[2].name == "bytes of no segment"


@pytest.mark.parametrize(
    "unit", [b"\xff\xfe\0\2", b"\xff\xda\0\2", b"\xff\xe1\0\x08Exif\0\0", b"\xff\xe2\0\x06MPF\0"]
)
def test_hostile_files_take_no_longer_than_their_size(plain, unit):
    start = time.perf_counter()
    found = inspect(plain[:2] + unit * (4_000_000 // len(unit)) + plain[2:])
    # 65,536 segments are the most that a walk gives, in 1.2 s with all their names.
    assert time.perf_counter() - start < 15
    assert "more than 65,536 segments" in found.problem
    assert sys.getsizeof(found.segments) < 1_000_000
