"""Keep a Multi-Picture Format index true when the first image changes size (CIPA DC-007)."""

import struct
from dataclasses import dataclass

from jpegslim.engine.container.segments import Container
from jpegslim.engine.container.tiff import read_tiff
from jpegslim.engine.container.walk import APP2, Segment
from jpegslim.errors import UnsupportedJpeg

_IDENTIFIER = b"MPF\0"
_ENTRIES_TAG = 0xB002
# Attributes, size, offset: 32 bits each; two dependent entries of 16 bits (5.2.3.3).
_ENTRY_SIZE = 16
_SIZE_AT, _OFFSET_AT = 4, 8
_LARGEST = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of the index: its size and offset as written, and the entry's own place.

    at: offset of the entry in the segment's payload. The first image's offset is 0.
    """

    at: int
    size: int
    offset: int


@dataclass(frozen=True, slots=True)
class Index:
    """An MPF segment. base: the file offset that the entries' offsets count from."""

    segment: Segment
    base: int
    order: str
    entries: tuple[Entry, ...]


def is_mpf(segment: Segment, data: bytes) -> bool:
    """Return whether it is an MPF segment."""
    return segment.marker == APP2 and data.startswith(_IDENTIFIER, segment.payload_start)


def read_index(segment: Segment, data: bytes) -> Index | None:
    """Read an MPF segment, None where it holds no readable list of images."""
    payload = segment.payload(data)
    read = read_tiff(payload[len(_IDENTIFIER) :])
    if read is None:
        return None
    tiff, first = read
    fields, _ = tiff.directory(first)
    field = fields.get(_ENTRIES_TAG)
    start = None if field is None else tiff.number(field.at)
    if field is None or start is None or field.count % _ENTRY_SIZE or not field.count:
        return None
    if start + field.count > len(tiff.block):
        return None
    entries = []
    for at in range(start, start + field.count, _ENTRY_SIZE):
        size, offset = struct.unpack_from(f"{tiff.order}II", tiff.block, at + _SIZE_AT)
        entries.append(Entry(at + len(_IDENTIFIER), size, offset))
    base = segment.payload_start + len(_IDENTIFIER)
    return Index(segment, base, tiff.order, tuple(entries))


def refuse_inconsistent(container: Container) -> None:
    """Raise UnsupportedJpeg where the index and the file disagree, so that a rewrite would guess.

    An index whose images were cut off earlier, with nothing left behind the first image, does
    no harm: it points at nothing before and after.
    """
    for segment in container.segments:
        if not is_mpf(segment, container.data):
            continue
        index = read_index(segment, container.data)
        if index is None:
            if container.trailer:
                raise _inconsistent("can't be read")
            continue
        if index.entries[0].offset != 0:
            raise _inconsistent("does not begin with the first image")
        for entry in index.entries[1:]:
            _refuse_entry(container, index, entry)


def rewrite(index: Index, source: Container, *, base: int, image_end: int) -> bytes:
    """Return the whole MPF segment for a file in which the first image ends at `image_end`.

    base: where the segment's offsets count from in the new file. Every other image keeps its
    distance from the end of the first one; the first one's size becomes the true one; all else
    is kept byte for byte. Raises UnsupportedJpeg where an offset leaves 32 bits.
    """
    written = bytearray(source.data[index.segment.start : index.segment.end])
    header = index.segment.payload_start - index.segment.start
    shift = (image_end - base) - (source.image_end - index.base)
    for number, entry in enumerate(index.entries):
        size = image_end if number == 0 else entry.size
        offset = entry.offset + shift if number and entry.offset else entry.offset
        if not (0 <= offset <= _LARGEST and size <= _LARGEST):
            raise UnsupportedJpeg(
                "the file is too large for its multi-picture index", reason="mpf_overflow"
            )
        struct.pack_into(f"{index.order}II", written, header + entry.at + _SIZE_AT, size, offset)
    return bytes(written)


def same_images(old: Segment, new: Segment, *, source: Container, delivered: Container) -> bool:
    """Return whether two MPF segments differ only as the layouts of their files do.

    Every other image must lie as far behind the first one's end as before, and the first one's
    size must be true.
    """
    before, after = read_index(old, source.data), read_index(new, delivered.data)
    if before is None or after is None:
        return old.payload(source.data) == new.payload(delivered.data)
    return (
        _places(before, source) == _places(after, delivered)
        and _blanked(before, source) == _blanked(after, delivered)
        and after.entries[0].size == delivered.image_end
    )


def _places(index: Index, container: Container) -> list[tuple[int, int | None]]:
    """Return size and distance from the first image's end of every image but the first."""
    distance = index.base - container.image_end
    return [
        (entry.size, entry.offset + distance if entry.offset else None)
        for entry in index.entries[1:]
    ]


def _blanked(index: Index, container: Container) -> bytes:
    payload = bytearray(index.segment.payload(container.data))
    for entry in index.entries:
        payload[entry.at + _SIZE_AT : entry.at + _OFFSET_AT + 4] = bytes(8)
    return bytes(payload)


def _refuse_entry(container: Container, index: Index, entry: Entry) -> None:
    # An offset of 0 is the first image itself, or an empty entry.
    if entry.offset == 0:
        return
    start = index.base + entry.offset
    if start < container.image_end:
        raise _inconsistent("points into the first image")
    if not container.trailer:
        return
    if start + entry.size > len(container.data):
        raise _inconsistent("points beyond the end of the file")
    if not container.data.startswith(b"\xff\xd8", start):
        raise _inconsistent("points at something that is not an image")


def _inconsistent(what: str) -> UnsupportedJpeg:
    return UnsupportedJpeg(
        f"the multi-picture index {what}: another program broke it", reason="mpf_inconsistent"
    )
