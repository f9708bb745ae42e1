"""Find EXIF pointers that reach out of their segment into what follows the picture."""

from collections.abc import Iterator
from itertools import islice

from jpegslim.engine.container.segments import Container
from jpegslim.engine.container.tiff import Tiff, read_tiff
from jpegslim.engine.container.walk import APP1, Segment
from jpegslim.errors import UnsupportedJpeg

_EXIF = b"Exif\0"
# EXIF's header is six bytes; its offsets count from the TIFF header behind it.
_HEADER_SIZE = 6
_STRIP_OFFSETS, _SUB_DIRECTORIES, _JPEG_OFFSET = 0x0111, 0x014A, 0x0201
# IFD0, IFD1 and a handful of SubIFDs; more is a loop or a trap.
_MAX_DIRECTORIES = 16
# Readers take the first EXIF segment; a second one is already rare.
_MAX_SEGMENTS = 4


def refuse_pointers_beyond(container: Container) -> None:
    """Raise UnsupportedJpeg where EXIF points at bytes behind the first image.

    Such a pointer counts from the EXIF header and would be off once the picture changes size.
    """
    if not container.trailer:
        return
    for segment in islice(_exif_segments(container), _MAX_SEGMENTS):
        base = segment.payload_start + _HEADER_SIZE
        for pointer in _pointers(segment, container.data):
            if container.image_end <= base + pointer < len(container.data):
                raise UnsupportedJpeg(
                    "the EXIF data points at an image behind the picture, which would be lost",
                    reason="exif_points_beyond",
                )


def _exif_segments(container: Container) -> Iterator[Segment]:
    for segment in container.segments:
        if segment.marker == APP1 and container.data.startswith(_EXIF, segment.payload_start):
            yield segment


def _pointers(segment: Segment, data: bytes) -> Iterator[int]:
    read = read_tiff(data[segment.payload_start + _HEADER_SIZE : segment.end])
    if read is None:
        return
    tiff, first = read
    waiting = [first]
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_DIRECTORIES:
        at = waiting.pop(0)
        if at == 0 or at in seen:
            continue
        seen.add(at)
        yield at
        pointers, further = _in_directory(tiff, at)
        yield from pointers
        waiting.extend(further[:_MAX_DIRECTORIES])


def _in_directory(tiff: Tiff, at: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    fields, following = tiff.directory(at)
    pointers = tiff.numbers(fields.get(_JPEG_OFFSET)) + tiff.numbers(fields.get(_STRIP_OFFSETS))
    return pointers, (following, *tiff.numbers(fields.get(_SUB_DIRECTORIES)))
