"""Adobe RGB without a profile: how cameras say so in EXIF (DCF 2.0, option R03)."""

from collections.abc import Iterable

from jpegslim.engine.container.tiff import read_tiff
from jpegslim.engine.container.walk import APP1, Segment

_EXIF = b"Exif\0"
# EXIF's header is six bytes; its offsets count from the TIFF header behind it.
_HEADER_SIZE = 6
_EXIF_DIRECTORY, _INTEROP_DIRECTORY, _INTEROP_INDEX, _COLOUR_SPACE = 0x8769, 0xA005, 1, 0xA001
_UNCALIBRATED = 0xFFFF
_ASCII = 2
_ADOBE_RGB = b"R03\0"


def says_adobe_rgb(segments: Iterable[Segment], data: bytes) -> bool:
    """Tell whether a file's first EXIF segment names the optional colour space of cameras."""
    for segment in segments:
        if segment.marker == APP1 and data.startswith(_EXIF, segment.payload_start):
            return _says(data[segment.payload_start + _HEADER_SIZE : segment.end])
    return False


def _says(block: bytes) -> bool:
    read = read_tiff(block)
    if read is None:
        return False
    tiff, first = read
    fields, _ = tiff.directory(first)
    places = tiff.numbers(fields.get(_EXIF_DIRECTORY))
    if len(places) != 1:
        return False
    fields, _ = tiff.directory(places[0])
    if tiff.numbers(fields.get(_COLOUR_SPACE)) != (_UNCALIBRATED,):
        return False
    places = tiff.numbers(fields.get(_INTEROP_DIRECTORY))
    if len(places) != 1:
        return False
    index = tiff.directory(places[0])[0].get(_INTEROP_INDEX)
    return (
        index is not None
        and index.kind == _ASCII
        and index.count == len(_ADOBE_RGB)
        and tiff.block[index.at : index.at + len(_ADOBE_RGB)] == _ADOBE_RGB
    )
