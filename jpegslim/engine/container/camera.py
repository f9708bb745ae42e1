"""Read the highlights of EXIF: who took the picture with what, when, how, and where to."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from jpegslim.engine.container.tiff import Field, Tiff, read_tiff
from jpegslim.engine.container.walk import APP1, Segment

_EXIF = b"Exif\0"
_HEADER_SIZE = 6
# ASCII; bytes of no type, as some Android cameras write their name; UTF-8 of Exif 3.0.
_TEXTS, _RATIONAL = (2, 7, 129), 5
_LONGEST_TEXT = 256
_INLINE = 4

# EXIF 2.32 tables 3 to 8.
_MAKE, _MODEL, _ORIENTATION, _SOFTWARE, _MODIFIED = 0x010F, 0x0110, 0x0112, 0x0131, 0x0132
_ARTIST, _COPYRIGHT, _EXIF_DIRECTORY, _GPS_DIRECTORY = 0x013B, 0x8298, 0x8769, 0x8825
_EXPOSURE, _APERTURE, _ISO, _TAKEN, _OFFSET = 0x829A, 0x829D, 0x8827, 0x9003, 0x9011
_FOCAL_LENGTH, _MAKER_NOTE, _COLOR_SPACE = 0x920A, 0x927C, 0xA001
_LENS_MAKE, _LENS = 0xA433, 0xA434
_LATITUDE, _LONGITUDE = 0x0002, 0x0004
_THUMBNAIL_SIZE = 0x0202

_COLOR_SPACES = {1: "sRGB", 2: "Adobe RGB", 0xFFFF: "uncalibrated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """What EXIF says, as written but without the zeros and spaces that pad it.

    taken: as cameras write it, local time, with the offset from UTC where told. exposure:
    seconds. aperture: the f-number. focal_length: millimetres. orientation: 1 to 8. position:
    whether it holds where the picture was taken. maker_note, thumbnail: their bytes, 0 for none.
    color_space: "sRGB", "uncalibrated" (Adobe RGB in most cameras), or the number.
    """

    make: str | None = None
    model: str | None = None
    lens: str | None = None
    software: str | None = None
    artist: str | None = None
    copyright: str | None = None
    taken: str | None = None
    exposure: float | None = None
    aperture: float | None = None
    iso: int | None = None
    focal_length: float | None = None
    orientation: int | None = None
    color_space: str | None = None
    position: bool = False
    maker_note: int = 0
    thumbnail: int = 0


def read_camera(segments: Iterable[Segment], data: bytes) -> Camera | None:
    """Return the highlights of the first EXIF segment, None without one that can be read.

    Never raises: what can't be read is left out.
    """
    for segment in segments:
        if segment.marker == APP1 and data.startswith(_EXIF, segment.payload_start):
            read = read_tiff(data[segment.payload_start + _HEADER_SIZE : segment.end])
            return None if read is None else _camera(*read)
    return None


def _camera(tiff: Tiff, first: int) -> Camera:
    main, following = tiff.directory(first)
    exif, gps = (_directory(tiff, main.get(tag)) for tag in (_EXIF_DIRECTORY, _GPS_DIRECTORY))
    thumbnail, _ = tiff.directory(following) if following else ({}, 0)
    note = exif.get(_MAKER_NOTE)
    taken = _text(tiff, exif.get(_TAKEN)) or _text(tiff, main.get(_MODIFIED))
    offset = _text(tiff, exif.get(_OFFSET))
    space = _number(tiff, exif.get(_COLOR_SPACE))
    lens = [_text(tiff, exif.get(tag)) for tag in (_LENS_MAKE, _LENS)]
    return Camera(
        make=_text(tiff, main.get(_MAKE)),
        model=_text(tiff, main.get(_MODEL)),
        lens=" ".join(filter(None, lens)) or None,
        software=_text(tiff, main.get(_SOFTWARE)),
        artist=_text(tiff, main.get(_ARTIST)),
        copyright=_text(tiff, main.get(_COPYRIGHT)),
        taken=f"{taken} {offset}" if taken and offset else taken,
        exposure=_fraction(tiff, exif.get(_EXPOSURE)),
        aperture=_fraction(tiff, exif.get(_APERTURE)),
        iso=_number(tiff, exif.get(_ISO)),
        focal_length=_fraction(tiff, exif.get(_FOCAL_LENGTH)),
        orientation=_number(tiff, main.get(_ORIENTATION)),
        color_space=None if space is None else _COLOR_SPACES.get(space, str(space)),
        position=_LATITUDE in gps or _LONGITUDE in gps,
        maker_note=0 if note is None else min(note.count, len(tiff.block)),
        thumbnail=min(_number(tiff, thumbnail.get(_THUMBNAIL_SIZE)) or 0, len(tiff.block)),
    )


def _directory(tiff: Tiff, field: Field | None) -> dict[int, Field]:
    at = _number(tiff, field)
    return {} if at is None else tiff.directory(at)[0]


def _number(tiff: Tiff, field: Field | None) -> int | None:
    numbers = tiff.numbers(field)
    return numbers[0] if numbers else None


def _text(tiff: Tiff, field: Field | None) -> str | None:
    if field is None or field.kind not in _TEXTS:
        return None
    at = field.at if field.count <= _INLINE else tiff.number(field.at)
    if at is None:
        return None
    raw = tiff.block[at : at + min(field.count, _LONGEST_TEXT)].partition(b"\0")[0]
    return raw.decode("utf-8", "replace").strip() or None


def _fraction(tiff: Tiff, field: Field | None) -> float | None:
    at = None if field is None or field.kind != _RATIONAL else tiff.number(field.at)
    if at is None or at + 8 > len(tiff.block):
        return None
    above, below = struct.unpack_from(f"{tiff.order}II", tiff.block, at)
    return above / below if below else None
