"""Walk the marker segments of a JPEG's first image, entropy-coded data included."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jpegslim.engine.container.foreign import JPEG_START, not_a_jpeg
from jpegslim.errors import BrokenJpeg, UnsupportedJpeg

SOI, EOI, SOS, DQT, DRI = 0xD8, 0xD9, 0xDA, 0xDB, 0xDD
DNL, DHP, EXP, JPEG_LS, COM = 0xDC, 0xDE, 0xDF, 0xF7, 0xFE
APP0, APP1, APP2, APP14, APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
# Not a marker: what a walk reports for bytes that belong to no segment.
STRAY = 0x00

# Any number of FF fill bytes may stand before a marker (T.81 B.1.1.2): both patterns match the
# last of them. FF00 is a data byte, and RSTn belong to the entropy-coded data (B.1.1.5).
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_MARKER_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
# RSTn and TEM stand alone, without a length (T.81 table B.1).
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_RESERVED = frozenset(range(0x01, 0xC0))
# A whole C2PA store or extended XMP of 1 GB would need 16,000 segments; hostile files of empty
# segments would fill the memory with records.
_MAX_SEGMENTS = 65_536


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker segment: offsets of its FF byte and of the byte behind its payload."""

    marker: int
    start: int
    end: int

    @property
    def payload_start(self) -> int:
        """Offset of the first byte behind the length field."""
        return self.start + 4

    @property
    def payload_size(self) -> int:
        """Bytes in the payload, without marker and length."""
        return self.end - self.start - 4

    @property
    def is_metadata(self) -> bool:
        """Whether it is an APPn or COM segment: nothing a decoder of coefficients needs."""
        return APP0 <= self.marker <= APP15 or self.marker == COM

    def payload(self, data: bytes) -> bytes:
        """Return a copy of the payload out of the file's bytes."""
        return data[self.start + 4 : self.end]


def walk(data: bytes) -> Iterator[Segment]:
    """Yield every marker segment from SOI on, the last one EOI.

    Bytes that belong to no segment come as a Segment with marker STRAY, the way libjpeg skips
    them. Time is linear in the size of the file, whatever it holds. Raises NotAJpeg, BrokenJpeg,
    and UnsupportedJpeg for more segments than any real file has.
    """
    if not data.startswith(JPEG_START):
        if data == JPEG_START[: len(data)] and len(data) > 1:
            raise _truncated(len(data))
        raise not_a_jpeg(data)
    at = 2
    pattern = _MARKER
    for _ in range(_MAX_SEGMENTS):
        found = pattern.search(data, at)
        if found is None:
            raise _truncated(len(data))
        start = found.start()
        marker = data[start + 1]
        if pattern is _MARKER and data[at:start].strip(b"\xff"):
            yield Segment(STRAY, at, start)
        if marker == EOI:
            yield Segment(EOI, start, start + 2)
            return
        if marker in _ALONE and pattern is _MARKER:
            yield Segment(STRAY, start, start + 2)
            at, pattern = start + 2, _MARKER
            continue
        segment = _segment(data, marker, start)
        yield segment
        at = segment.end
        pattern = _MARKER_AFTER_SCAN if marker == SOS else _MARKER
    raise UnsupportedJpeg(
        f"the file has more than {_MAX_SEGMENTS:,} segments", reason="too_many_segments"
    )


def write_segment(marker: int, payload: bytes) -> bytes:
    """Return a whole marker segment; its payload must leave room for the length."""
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


def _segment(data: bytes, marker: int, start: int) -> Segment:
    if marker == SOI:
        raise BrokenJpeg(f"a second image starts inside the first one (byte {start})")
    if marker in _RESERVED:
        raise BrokenJpeg(f"byte {start} holds a marker that JPEG does not define (FF{marker:02X})")
    if start + 4 > len(data):
        raise _cut(start, len(data))
    length = int.from_bytes(data[start + 2 : start + 4])
    if length < 2:  # noqa: PLR2004 - the length counts its own two bytes (T.81 B.1.1.4)
        if marker == COM or APP0 <= marker <= APP15:
            # Nothing a picture needs: libjpeg goes on behind the length, without a warning.
            return Segment(STRAY, start, start + 4)
        raise BrokenJpeg(f"the segment at byte {start} has an impossible length")
    if start + 2 + length > len(data):
        raise _cut(start, len(data))
    return Segment(marker, start, start + 2 + length)


def _cut(start: int, size: int) -> BrokenJpeg:
    return BrokenJpeg(
        f"the file ends in the middle of a segment (byte {start} of {size}): "
        "it is probably truncated",
        reason="truncated",
    )


def _truncated(size: int) -> BrokenJpeg:
    return BrokenJpeg(
        f"the file ends before the picture does (after {size} bytes): it is probably truncated",
        reason="truncated",
    )
