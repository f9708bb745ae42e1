"""Maker notes that point to previews behind the picture, counted from wherever makers like."""

import shutil
import struct
import subprocess

import pytest
from container_samples import SHARED, app, inserted, mpf, noise, photo, photo_names, saved

from jpegslim.engine.container.assemble import admit
from jpegslim.engine.container.segments import parse
from jpegslim.errors import UnsupportedJpeg

PICTURE = saved(noise(64, 48), quality=80)
PREVIEW = saved(noise(24, 16), quality=60)
TIFF_AT = 2 + 4 + 6
NOTE_AT = 8 + 2 + 12 + 4 + 2 + 12 + 4
ZERO_FIRST = b"\0" + PREVIEW[1:]


def with_note(note, *, order="<", tail=b""):
    """Put EXIF with a maker note behind SOI."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    main = struct.pack(f"{order}HHHIII", 1, 0x8769, 4, 1, 26, 0)
    exif = struct.pack(f"{order}HHHIII", 1, 0x927C, 7, len(note), NOTE_AT, 0)
    return inserted(PICTURE, app(1, b"Exif\0\0" + head + main + exif + note + tail))


def reason_to_keep(data):
    try:
        admit(parse(data))
    except UnsupportedJpeg as error:
        return error.reason
    return None


def pointing(base, *, order, form="{}I", name=b"Maker\0\0\0", behind=PREVIEW, shift=0):
    """Return a file whose maker note holds the preview's distance from `base`."""
    note = name + bytes(6) + struct.pack(form.format(order), 0) + bytes(20)
    size = len(with_note(note))
    number = struct.pack(f"{order}I", size - base + shift)
    return with_note(name + bytes(6) + number + bytes(20)) + behind


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "base",
    [0, TIFF_AT, TIFF_AT + NOTE_AT, TIFF_AT + NOTE_AT + 8, TIFF_AT + NOTE_AT + 12],
    ids=["file", "tiff", "note", "behind the name", "behind a long name"],
)
@pytest.mark.parametrize("behind", [PREVIEW, ZERO_FIRST], ids=["a JPEG", "without its FF"])
def test_a_preview_behind_the_picture_keeps_the_file(order, base, behind):
    data = pointing(base, order=order, behind=behind)
    assert reason_to_keep(data) == "exif_points_beyond"
    assert reason_to_keep(pointing(base, order=order, behind=behind, shift=3)) is None


def test_notes_may_count_from_a_tiff_header_of_their_own():
    base = TIFF_AT + NOTE_AT + 10
    name = b"Nikon\0\x02\x10\0\0II*\0\x08\0\0\0"
    assert reason_to_keep(pointing(base, order="<", name=name)) == "exif_points_beyond"


def test_a_preview_may_stand_behind_other_bytes():
    note = b"Maker\0" + struct.pack("<I", len(with_note(bytes(10))) + 500)
    for filler in (bytes(500), b"x" * 500):
        assert reason_to_keep(with_note(note) + filler + PREVIEW) == "exif_points_beyond"
    assert reason_to_keep(with_note(note) + b"x" * 498 + PREVIEW) is None


def test_the_number_may_stand_behind_the_note():
    # Programs that move a note leave the size it had.
    size = len(with_note(bytes(6), tail=bytes(4)))
    data = with_note(bytes(6), tail=struct.pack("<I", size)) + PREVIEW
    assert reason_to_keep(data) == "exif_points_beyond"


def test_without_anything_behind_the_picture_nothing_can_be_lost():
    assert reason_to_keep(pointing(0, order="<", behind=b"")) is None


def test_padding_is_nothing_to_point_at():
    assert reason_to_keep(pointing(0, order="<", behind=bytes(300))) is None


def test_images_of_the_index_may_be_pointed_at_by_the_notes_too():
    note = b"Maker\0" + struct.pack("<I", 0)
    data = mpf(with_note(note), [PREVIEW])
    assert reason_to_keep(data) is None
    at = data.index(note) + 6
    pointed = bytearray(data)
    struct.pack_into("<I", pointed, at, parse(data).image_end)
    # The index would be made true again, the notes would not.
    assert reason_to_keep(bytes(pointed)) == "exif_points_beyond"


@pytest.mark.parametrize("name", photo_names())
def test_no_photo_of_the_set_is_kept_for_its_notes(name):
    # Exiftool finds no pointer behind the picture in any of them.
    assert reason_to_keep(photo(name)) != "exif_points_beyond"


def olympus():
    """An E-P3's own fields, filled as the camera does; the note's offsets count from itself."""
    data = bytearray(whole("photos/exif-py__42_IndexError.jpg"))
    struct.pack_into("<I", data, 0xE42, 1)
    return patched(data, at=0xE4E, order="<", base=0xC94)


def minolta():
    """A DiMAGE Z3's own fields; offsets count from the TIFF header."""
    data = bytearray(whole("weird/realworld/exif-py/Konica_Minolta_DiMAGE_Z3.jpg"))
    return patched(data, at=0x3DE, order=">", base=30)


def whole(name):
    path = SHARED / name
    if not path.is_file():
        pytest.skip("needs the folder ../shared beside the repository")
    data = path.read_bytes()
    return data[: parse(data).image_end]


def patched(data, *, at, order, base):
    struct.pack_into(f"{order}I", data, at, len(data) - base)
    struct.pack_into(f"{order}I", data, at + 12, len(PREVIEW))
    return bytes(data) + PREVIEW


@pytest.mark.parametrize("camera", [olympus, minolta])
def test_previews_of_real_cameras_keep_the_file(camera, tmp_path):
    data = camera()
    assert reason_to_keep(data) == "exif_points_beyond"
    if shutil.which("exiftool") is None:
        pytest.skip("needs exiftool to see that the pointer is the camera's own")
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    found = subprocess.run(
        ["exiftool", "-b", "-PreviewImage", path], capture_output=True, check=True
    )
    assert found.stdout == PREVIEW
    assert reason_to_keep(data[: -len(PREVIEW)]) is None


@pytest.mark.parametrize("parted", [True, False])
def test_a_thumbnail_in_a_later_segment_keeps_the_file_where_tables_lie_between(parted):
    def built(pointer):
        main = struct.pack("<HHHIII", 1, 0x0201, 4, 1, pointer, 0)
        exif = app(1, b"Exif\0\0" + b"II*\0" + struct.pack("<I", 8) + main)
        tables = PICTURE[2 : PICTURE.index(b"\xff\xc0")]
        rest = PICTURE[PICTURE.index(b"\xff\xc0") :]
        held = app(4, PREVIEW)
        ahead = exif + (tables + held if parted else held + tables)
        return b"\xff\xd8" + ahead + rest, (b"\xff\xd8" + ahead).index(PREVIEW)

    _, at = built(0)
    data, _ = built(at - TIFF_AT)
    assert reason_to_keep(data) == ("exif_points_beyond" if parted else None)
