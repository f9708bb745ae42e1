"""EXIF loses what a policy names and keeps the rest byte for byte."""

import io
import json
import shutil
import struct
import subprocess

import pytest
from container_samples import inserted, saved, segment
from metadata_samples import (
    APPLE_HEADER,
    ARTIST,
    COPYRIGHT,
    DATE,
    SECRET_NOTE,
    SECRET_PLACE,
    SECRETS,
    apple_note,
    directory,
    exif_payload,
)
from PIL import Image

from jpegslim.engine.container.exif_reduced import (
    Needs,
    fields,
    may_be_missing,
    orientation,
    reduce_exif,
)
from jpegslim.settings import Metadata

SAFE, STRIP = Metadata.SAFE, Metadata.STRIP


@pytest.mark.parametrize("order", ["<", ">"])
def test_safe_drops_position_notes_and_thumbnail_and_keeps_the_rest(order):
    payload = exif_payload(order=order)
    reduced = reduce_exif(payload, SAFE, Needs())
    assert not [secret for secret in SECRETS if secret in reduced]
    before, after = fields(payload), fields(reduced)
    assert set(before) - set(after) == {
        (0xC4A5,),
        (0x8769, 0x927C),
        (0x8825, 1),
        (0x8825, 0x1C),
        (-1, 0x0103),
        (-1, 0x0201),
        (-1, 0x0202),
    }
    assert all(before[path] == value for path, value in after.items())
    assert all(may_be_missing(path, SAFE) for path in set(before) - set(after))
    assert not any(may_be_missing(path, SAFE) for path in after)
    for kept in (ARTIST, COPYRIGHT, DATE):
        assert kept in reduced


def test_strip_leaves_the_orientation_alone():
    reduced = reduce_exif(exif_payload(orientation=8), STRIP, Needs())
    assert fields(reduced) == {(0x0112,): (3, b"\0\x08")}
    assert len(reduced) == 6 + 8 + 2 + 12 + 4


def test_an_upright_picture_needs_no_exif_to_be_shown():
    assert reduce_exif(exif_payload(orientation=1), STRIP, Needs()) is None
    assert reduce_exif(exif_payload(orientation=6), STRIP, Needs(baked=True)) is None


def test_adobe_rgb_without_a_profile_stays_adobe_rgb():
    payload = exif_payload(orientation=1, adobe_rgb=True)
    reduced = reduce_exif(payload, STRIP, Needs())
    assert fields(reduced) == {
        (0x8769, 0xA001): (3, b"\xff\xff"),
        (0x8769, 0xA005, 1): (2, b"R03\0"),
    }
    assert reduce_exif(payload, STRIP, Needs(has_profile=True)) is None


@pytest.mark.parametrize("metadata", [SAFE, STRIP])
@pytest.mark.parametrize("order", ["<", ">"])
def test_reducing_twice_is_reducing_once(metadata, order):
    once = reduce_exif(exif_payload(order=order), metadata, Needs())
    assert reduce_exif(once, metadata, Needs()) == once
    assert reduce_exif(reduce_exif(once, STRIP, Needs()), SAFE, Needs()) is not None


def test_bytes_that_no_field_points_at_go():
    clean = reduce_exif(exif_payload(), SAFE, Needs())
    assert reduce_exif(clean + SECRET_PLACE, SAFE, Needs()) == clean


def test_a_field_that_runs_into_what_is_dropped_goes_with_it():
    note = directory("<", [(1, 2, 24, SECRET_PLACE.ljust(24))], 60)
    block = b"II*\0" + struct.pack("<I", 8)
    block += directory(
        "<",
        [(0x0112, 3, 1, b"\x06\0"), (0x8825, 4, 1, struct.pack("<I", 60))],
        8,
    )
    covering = (0x010E, 2, len(note) + 60)
    block = block[:8] + struct.pack("<H", 3) + struct.pack("<HHII", *covering, 0) + block[10:]
    block = block.ljust(60, b"\0")[:60] + note + bytes(60)
    assert SECRET_PLACE in block
    reduced = reduce_exif(b"Exif\0\0" + block, SAFE, Needs())
    assert SECRET_PLACE not in reduced
    assert fields(reduced) == {(0x0112,): (3, b"\x06\0")}


@pytest.mark.parametrize(
    "payload", [b"Exif\0\0", b"Exif\0\0rubbish", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0"]
)
def test_what_can_not_be_read_is_dropped(payload):
    assert reduce_exif(payload, SAFE, Needs()) is None
    assert orientation(payload) == 1


def test_a_directory_that_follows_itself_keeps_the_orientation():
    loop = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x0112, 3, 1, 6) + struct.pack("<I", 8)
    for metadata in (SAFE, STRIP):
        assert orientation(reduce_exif(b"Exif\0\0" + loop, metadata, Needs())) == 6


@pytest.mark.parametrize("number", [0, 9, 700])
def test_an_orientation_that_is_none_is_upright(number):
    assert orientation(exif_payload(orientation=number)) == 1
    assert reduce_exif(exif_payload(orientation=number), STRIP, Needs()) is None


def with_apple_note():
    note = apple_note()
    photo_at = 8 + 2 + 2 * 12 + 4 + 6
    first = [(0x010F, 2, 6, b"Apple\0"), (0x8769, 4, 1, struct.pack(">I", photo_at))]
    block = b"MM\0*" + struct.pack(">I", 8) + directory(">", first, 8)
    assert len(block) == photo_at
    return b"Exif\0\0" + block + directory(">", [(0x927C, 7, len(note), note)], photo_at)


@pytest.mark.parametrize("metadata", [SAFE, STRIP])
def test_what_apple_s_gain_map_needs_of_the_maker_note_stays(metadata):
    reduced = reduce_exif(with_apple_note(), metadata, Needs(apple_gain_map=True))
    assert SECRET_NOTE not in reduced
    assert APPLE_HEADER in reduced
    assert struct.pack(">ii", 3, 2) in reduced
    assert struct.pack(">ii", 1, 4) in reduced
    assert reduce_exif(reduced, metadata, Needs(apple_gain_map=True)) == reduced
    assert b"Apple iOS" not in (reduce_exif(with_apple_note(), metadata, Needs()) or b"")


def test_pillow_reads_the_reduced_fields():
    data = inserted(saved(), segment(0xE1, reduce_exif(exif_payload(), SAFE, Needs())))
    with Image.open(io.BytesIO(data)) as image:
        read = image.getexif()
    assert dict(read) == {
        0x010F: "Maker",
        0x0112: 6,
        0x013B: ARTIST.decode().rstrip("\0"),
        0x8298: COPYRIGHT.decode().rstrip("\0"),
        0x8769: read[0x8769],
    }
    photo = read.get_ifd(0x8769)
    assert photo[0x9003] == DATE.decode().rstrip("\0")
    assert photo[0x829A] == 1 / 125
    assert read.get_ifd(0x8825) == {}


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs the program exiftool")
def test_exiftool_reads_the_reduced_fields_without_a_complaint(tmp_path):
    reduced = reduce_exif(exif_payload(adobe_rgb=True), SAFE, Needs())
    path = tmp_path / "reduced.jpg"
    path.write_bytes(inserted(saved(), segment(0xE1, reduced)))
    told = subprocess.run(
        ["exiftool", "-json", "-G1", "-a", "-u", path],
        capture_output=True,
        check=True,
    )
    read = json.loads(told.stdout)[0]
    assert read["IFD0:Orientation"] == "Rotate 90 CW"
    assert read["IFD0:Artist"] == "Ada Lovelace"
    assert read["InteropIFD:InteropIndex"].startswith("R03")
    assert not [name for name in read if name.startswith(("GPS:", "IFD1:", "MakerNotes:"))]
    assert not [name for name in read if name.endswith(("Warning", "Error"))]
