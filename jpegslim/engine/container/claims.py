"""What a file says stands behind its first image: MPF, XMP and Samsung's own directory."""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, pairwise

from jpegslim.engine.container import mpf
from jpegslim.engine.container.walk import APP1, Segment

# The container's directory was seen in the extended packet too (XMP part 3, 1.1.3.1).
_XMP = (b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0")
# Cameras write one MPF segment and one or two XMP packets, editors were seen to leave one more.
_MAX_SEGMENTS = 4
# Pixel phones name three items, CIPA DC-007 cameras two images; the rest is a trap.
_MAX_CLAIMS = 64

_MP_TYPE = 0x00FF_FFFF
# Google's container schema: one element a file, its properties as attributes or as elements.
_ITEM_START = re.compile(rb"<rdf:li\b")
_PROPERTY = re.compile(
    rb"(?<!/)Item:(?P<name>Mime|Semantic|Length|Padding)\s{0,8}"
    rb"(?:=\s{0,8}[\"'](?P<quoted>[^\"'<]{0,64})[\"']|>(?P<inner>[^<]{0,64})<)"
)
_MICRO_VIDEO = re.compile(
    rb"MicroVideoOffset\s{0,8}(?:=\s{0,8}[\"'](?P<quoted>\d{1,12})[\"']|>(?P<inner>\d{1,12})<)"
)
# Samsung's directory: entries of two unused bytes, type, distance back from SEFH, and size.
_SEF_END, _SEF_START = b"SEFT", b"SEFH"
_SEF_HEAD, _SEF_ENTRY, _SEF_BLOCK = 12, 12, 8
_SEF_VIDEO = b"MotionPhoto_Data"


class Source(StrEnum):
    """Where a file names what stands behind its first image."""

    MPF = "MPF"
    CONTAINER = "Container:Directory"
    MICRO_VIDEO = "GCamera:MicroVideoOffset"
    SAMSUNG = "Samsung directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A stretch of the file that something names.

    mp_type: of an MPF image (CIPA DC-007 5.2.3.3.1). semantic and mime: of an XMP item, as
    written. size reaches no further than the file does.
    """

    source: Source
    start: int
    size: int
    mp_type: int | None = None
    semantic: str = ""
    mime: str = ""

    @property
    def end(self) -> int:
        """Offset of the first byte behind it."""
        return self.start + self.size


def claims(data: bytes, segments: Sequence[Segment], image_end: int) -> list[Claim]:
    """Return what the file names behind its first image, none of it checked but for its place.

    Where two sources name the same place, MPF comes first, XMP last. Never raises, whatever the
    bytes; time is linear in the size of the segments read.
    """
    found = (
        *islice(_of_mpf(data, segments), _MAX_CLAIMS),
        *_of_samsung(data, image_end),
        *islice(_of_xmp(data, segments, image_end), _MAX_CLAIMS),
    )
    return [
        claim for claim in found if image_end <= claim.start < claim.end and claim.end <= len(data)
    ]


def samsung_extent(data: bytes, image_end: int) -> tuple[int, int] | None:
    """Return start and end of Samsung's trailer, None where there is none."""
    read = _samsung(data, image_end)
    if read is None:
        return None
    directory, entries, end = read
    return max(image_end, min([directory, *(start for start, _ in entries)])), end


def _of_mpf(data: bytes, segments: Sequence[Segment]) -> Iterator[Claim]:
    indexes = (segment for segment in segments if mpf.is_mpf(segment, data))
    for segment in islice(indexes, _MAX_SEGMENTS):
        index = mpf.read_index(segment, data)
        if index is None:
            continue
        for entry in index.entries:
            if not entry.offset:
                continue
            (attribute,) = struct.unpack_from(
                f"{index.order}I", data, segment.payload_start + entry.at
            )
            start = index.base + entry.offset
            yield Claim(
                source=Source.MPF,
                start=start,
                # Sizes are off by some bytes in real files; a cut one still is that image.
                size=min(entry.size, len(data) - start),
                mp_type=attribute & _MP_TYPE,
            )


def _of_xmp(data: bytes, segments: Sequence[Segment], image_end: int) -> Iterator[Claim]:
    packets = (
        segment
        for segment in segments
        if segment.marker == APP1 and data.startswith(_XMP, segment.payload_start)
    )
    for segment in islice(packets, _MAX_SEGMENTS):
        packet = segment.payload(data)
        yield from _placed(_items(packet), image_end, len(data))
        found = _MICRO_VIDEO.search(packet)
        if found is not None:
            size = int(found["quoted"] or found["inner"])
            yield Claim(
                source=Source.MICRO_VIDEO,
                start=len(data) - size,
                size=size,
                semantic="MotionPhoto",
                mime="video/mp4",
            )


@dataclass(frozen=True, slots=True)
class _Item:
    semantic: str
    mime: str
    length: int
    padding: int


def _items(packet: bytes) -> list[_Item]:
    starts = [found.start() for found in islice(_ITEM_START.finditer(packet), _MAX_CLAIMS)]
    items = []
    for start, end in pairwise([*starts, len(packet)]):
        values = {
            found["name"]: (found["quoted"] or found["inner"] or b"").decode("ascii", "replace")
            for found in _PROPERTY.finditer(packet, start, end)
        }
        if values:
            numbers = [values.get(name, "") for name in (b"Length", b"Padding")]
            length, padding = (
                int(text) if text.isascii() and text.isdigit() else 0 for text in numbers
            )
            items.append(
                _Item(values.get(b"Semantic", ""), values.get(b"Mime", ""), length, padding)
            )
    return items


def _placed(items: Sequence[_Item], image_end: int, size: int) -> Iterator[Claim]:
    """Place the items behind the first image, or before the file's end where they fit only there.

    They follow each other from the first one on; readers of videos count back from the end.
    """
    if not items:
        return
    primary, *others = items
    total = sum(item.length + item.padding for item in others)
    for origin in dict.fromkeys((image_end + primary.padding, size - total)):
        at = origin
        for item in others:
            yield Claim(
                source=Source.CONTAINER,
                start=at,
                size=item.length,
                semantic=item.semantic,
                mime=item.mime,
            )
            at += item.length + item.padding


def _of_samsung(data: bytes, image_end: int) -> Iterator[Claim]:
    read = _samsung(data, image_end)
    if read is None:
        return
    for start, size in read[1]:
        name_end = start + _SEF_BLOCK + len(_SEF_VIDEO)
        if data.startswith(_SEF_VIDEO, start + _SEF_BLOCK):
            yield Claim(
                source=Source.SAMSUNG,
                start=name_end,
                size=start + size - name_end,
                semantic="MotionPhoto",
                mime="video/mp4",
            )


def _samsung(data: bytes, image_end: int) -> tuple[int, list[tuple[int, int]], int] | None:
    """Return the offset of Samsung's directory, start and size of its blocks, and its end."""
    tail = data.rfind(_SEF_END, image_end)
    directory = data.rfind(_SEF_START, image_end, max(tail, 0))
    if directory < 0:
        return None
    count = int.from_bytes(data[directory + 8 : directory + _SEF_HEAD], "little")
    blocks = []
    first = directory + _SEF_HEAD
    for at in range(first, first + min(count, _MAX_CLAIMS) * _SEF_ENTRY, _SEF_ENTRY):
        if at + _SEF_ENTRY > tail:
            break
        back, size = struct.unpack_from("<II", data, at + 4)
        if _SEF_BLOCK <= size <= back <= directory - image_end:
            blocks.append((directory - back, size))
    if not blocks:
        # Copies with a directory of zeros were seen; the video's block has its name all the same.
        name = data.find(_SEF_VIDEO, image_end + _SEF_BLOCK, directory)
        if name >= 0:
            start = name - _SEF_BLOCK
            blocks.append((start, directory - start))
    return directory, blocks, tail + len(_SEF_END)
