"""Find EXIF pointers that reach out of their segment into what follows the picture."""

import re
from collections.abc import Iterator
from itertools import islice

from jpegslim.engine.container.segments import Container
from jpegslim.engine.container.tiff import Tiff, read_tiff
from jpegslim.engine.container.trailer import Kind, parts
from jpegslim.engine.container.walk import APP1, Segment
from jpegslim.errors import UnsupportedJpeg

_EXIF = b"Exif\0"
# EXIF's header is six bytes; its offsets count from the TIFF header behind it.
_HEADER_SIZE = 6
_STRIP_OFFSETS, _SUB_DIRECTORIES, _JPEG_OFFSET = 0x0111, 0x014A, 0x0201
_EXIF_DIRECTORY, _MAKER_NOTE = 0x8769, 0x927C
# IFD0, IFD1 and a handful of SubIFDs; more is a loop or a trap.
_MAX_DIRECTORIES = 16
# Readers take the first EXIF segment; a second one is already rare.
_MAX_SEGMENTS = 4

# Where makers count from besides the file and the EXIF header: the note, what is behind its
# maker's name, and the TIFF header that some notes have of their own.
_NOTE_HEADERS = (0, 8, 10, 12)
_NOTE_TIFF = re.compile(rb"II\*\0|MM\0\*")
_NOTE_TIFF_WITHIN = 24
# Konica Minolta's previews begin with any byte in the place of FF.
_PREVIEW = re.compile(rb"(?s:.)\xd8\xff[\xc0-\xc2\xc4\xdb\xe0-\xef\xfe]")
# Cameras append one preview or two. Each place costs some 20 searches of a segment, 0.5 ms.
_MAX_PLACES = 32


def refuse_pointers_beyond(container: Container) -> None:
    """Raise UnsupportedJpeg where EXIF points at bytes behind the first image.

    Such a pointer counts from something in front of the picture and would be off once the
    picture changes size. Maker notes are as many formats as makers, none of them documented: any
    four bytes that are the distance to something behind the picture are taken for a pointer.
    """
    places = _places(container) if container.trailer else []
    for segment in islice(_exif_segments(container), _MAX_SEGMENTS):
        base = segment.payload_start + _HEADER_SIZE
        for pointer in _pointers(segment, container.data):
            if container.image_end <= base + pointer < len(container.data):
                raise UnsupportedJpeg(
                    "the EXIF data points at an image behind the picture, which would be lost",
                    reason="exif_points_beyond",
                )
            if _is_parted(container, segment, base + pointer):
                raise UnsupportedJpeg(
                    "the EXIF data points at a later segment, which a rewrite would move nearer",
                    reason="exif_points_beyond",
                )
        if _names_a_place(segment, container.data, places):
            raise UnsupportedJpeg(
                "the camera's notes seem to point at an image behind the picture, which would be"
                " lost",
                reason="exif_points_beyond",
            )


def _is_parted(container: Container, segment: Segment, target: int) -> bool:
    """Return whether the target is in a later metadata segment with coding parameters between.

    A rewrite gathers the metadata in front of them.
    """
    if not segment.end <= target < container.image_end:
        return False
    later = [part for part in container.segments if segment.end <= part.start <= target]
    return bool(later) and (
        later[-1].is_metadata
        and target < later[-1].end
        and not all(part.is_metadata for part in later)
    )


def _exif_segments(container: Container) -> Iterator[Segment]:
    for segment in container.segments:
        if segment.marker == APP1 and container.data.startswith(_EXIF, segment.payload_start):
            yield segment


def _places(container: Container) -> list[int]:
    """Return where something begins behind the first image that a pointer may mean."""
    places: dict[int, None] = {}
    for part in parts(container):
        if part.kind is Kind.ZEROS:
            continue
        places[part.start] = None
        if part.kind in (Kind.UNKNOWN, Kind.SAMSUNG):
            found = _PREVIEW.finditer(container.data, part.start, part.end)
            places.update((each.start(), None) for each in islice(found, _MAX_PLACES))
    return list(islice(places, _MAX_PLACES))


def _names_a_place(segment: Segment, data: bytes, places: list[int]) -> bool:
    """Return whether the maker note holds the distance of one of the places from any base."""
    note = _maker_note(segment, data)
    if note is None:
        return False
    start, end = note
    tiff = segment.payload_start + _HEADER_SIZE
    bases = [0, tiff, *(start + size for size in _NOTE_HEADERS)]
    own = _NOTE_TIFF.search(data, start, min(start + _NOTE_TIFF_WITHIN, end))
    if own is not None:
        bases.append(own.start())
    # To the segment's end: programs that move a note leave its size as it was, and some makers
    # keep directories behind it.
    text = data[start : segment.end]
    for place in places:
        for base in dict.fromkeys(bases):
            number = place - base
            if number >> 32:
                continue
            if number.to_bytes(4, "little") in text or number.to_bytes(4, "big") in text:
                return True
    return False


def _maker_note(segment: Segment, data: bytes) -> tuple[int, int] | None:
    """Return start and end of the maker note, None without one."""
    base = segment.payload_start + _HEADER_SIZE
    read = read_tiff(data[base : segment.end])
    if read is None:
        return None
    tiff, first = read
    fields, _ = tiff.directory(first)
    for at in tiff.numbers(fields.get(_EXIF_DIRECTORY))[:1]:
        note = tiff.directory(at)[0].get(_MAKER_NOTE)
        start = None if note is None else tiff.number(note.at)
        if note is not None and start is not None and base + start < segment.end:
            return base + start, min(base + start + note.count, segment.end)
    return None


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
