"""JPEGs made on the spot, and the shared folders of real and odd ones where they are present."""

import csv
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SHARED = Path(__file__).parents[4] / "shared"
SOI, EOI = b"\xff\xd8", b"\xff\xd9"


def noise(width=40, height=32, channels=3):
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


def saved(image=None, **options):
    written = io.BytesIO()
    (image or noise()).save(written, "JPEG", **options)
    return written.getvalue()


def segment(marker, payload=b""):
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


def com(text):
    return segment(0xFE, text)


def app(number, payload):
    return segment(0xE0 + number, payload)


def adobe(transform):
    return app(14, b"Adobe\x00\x64\x00\x00\x00\x00" + bytes((transform,)))


def inserted(jpeg, extra):
    """Put segments right behind SOI."""
    return jpeg[:2] + extra + jpeg[2:]


def without_jfif(jpeg):
    assert jpeg[2:4] == b"\xff\xe0"
    return jpeg[:2] + jpeg[4 + int.from_bytes(jpeg[4:6]) :]


def mpf(jpeg, images, *, order="<", size=None):
    """Put an MPF index behind SOI and append the images with their true offsets and sizes."""
    entries_at = 8 + 2 + 3 * 12 + 4
    payload_size = 4 + entries_at + 16 * (1 + len(images))
    first = len(jpeg) + 4 + payload_size
    base = 2 + 4 + 4
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    fields = struct.pack(f"{order}H", 3)
    fields += struct.pack(f"{order}HHI", 0xB000, 7, 4) + b"0100"
    fields += struct.pack(f"{order}HHII", 0xB001, 4, 1, 1 + len(images))
    fields += struct.pack(f"{order}HHII", 0xB002, 7, 16 * (1 + len(images)), entries_at)
    fields += struct.pack(f"{order}I", 0)
    entries = struct.pack(f"{order}IIIHH", 0x00030000, first if size is None else size, 0, 0, 0)
    at = first
    for image in images:
        entries += struct.pack(f"{order}IIIHH", 0, len(image), at - base, 0, 0)
        at += len(image)
    return inserted(jpeg, app(2, b"MPF\0" + head + fields + entries)) + b"".join(images)


def exif(directory, following=b"", *, order="<"):
    """Build an EXIF segment with one directory of (tag, type, count, value) fields."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    fields = struct.pack(f"{order}H", len(directory))
    for field in directory:
        fields += struct.pack(f"{order}HHII", *field)
    return app(1, b"Exif\0\0" + head + fields + bytes(4) + following)


def rows(folder):
    """Return the lines of a shared folder's index by file name, empty where it is absent."""
    index = SHARED / folder / "INDEX.tsv"
    if not index.is_file():
        return {}
    with index.open(encoding="utf-8", newline="") as lines:
        read = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["file"]: row for row in read}


def photo_names(*, with_images=False):
    """Return the shared photos as test parameters, or one that skips with the reason.

    with_images: only those whose multi-picture index points at images behind the first.
    """
    names = sorted(
        name
        for name, row in rows("photos").items()
        if not with_images or (row["has_mpf"] == "y" and row["trailing"])
    )
    if names:
        return names
    skip = pytest.mark.skip(reason="needs the folder ../shared/photos beside the repository")
    return [pytest.param("", marks=skip)]


def photo(name):
    return (SHARED / "photos" / name).read_bytes()


def odd_files():
    """Yield name, index line and bytes of every odd file; skips where the folder is absent."""
    index = rows("weird")
    if not index:
        pytest.skip("needs the folder ../shared/weird beside the repository")
    for name, row in index.items():
        yield name, row, (SHARED / "weird" / name).read_bytes()
