"""Tell what stands behind the first image: gain maps, videos, makers' data, padding."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from jpegslim.engine.container.claims import Claim, Source, claims, samsung_extent
from jpegslim.engine.container.foreign import JPEG_START
from jpegslim.engine.container.segments import Container
from jpegslim.engine.container.walk import APP1, APP2, EOI, SOS, Segment, walk
from jpegslim.errors import FileError

_GAIN_MAP_XMP = b"http://ns.adobe.com/hdr-gain-map/1.0/"
_GAIN_MAP_XMP_VALUE = b"GainMapMax"
_GAIN_MAP_APPLE = b"urn:com:apple:photo:2020:aux:hdrgainmap"
_GAIN_MAP_ISO = b"urn:iso:std:iso:ts:21496:-1\0"
# The picture that has a gain map carries the segment as well: with two version numbers only.
_ISO_VERSIONS = 4
# Segments in front of the first scan; phones write a dozen into a gain map.
_MAX_LOOKED_AT = 32

# A JPEG somewhere in other bytes: its first marker is one that JPEGs do begin with.
_LIKELY_JPEG = re.compile(rb"\xff\xd8\xff[\xc0-\xc2\xdb\xdd\xe0-\xef\xfe]")
# Each costs one pass over what follows, at the worst.
_MAX_SEARCHES = 16
# Every real file has fewer than ten.
_MAX_PARTS = 256
# Gain maps and thumbnails are smaller; what is larger is walked again in a larger window.
_WINDOW, _WINDOW_GROWTH = 1 << 20, 8
# The reason walk gives where its bytes end too early.
_CUT = "truncated"
_ZEROS = re.compile(rb"\0+")

# ISO 14496-12 4.2: size and type; a size of 1 is followed by one of 64 bits, 0 means the rest.
_BOX_HEAD, _LONG_BOX_HEAD = 8, 16
_VIDEO = b"ftyp"


class Kind(StrEnum):
    """What a part is."""

    GAIN_MAP = "gain_map"
    DEPTH_MAP = "depth_map"
    MPF_IMAGE = "mpf_image"
    JPEG = "jpeg"
    VIDEO = "motion_video"
    SAMSUNG = "samsung"
    NAMED = "named"
    ZEROS = "zeros"
    UNKNOWN = "unknown"


# CIPA DC-007 table 4.
MP_LABELS = {
    0x000000: "undefined",
    0x010001: "thumbnail-vga",
    0x010002: "thumbnail-full-hd",
    0x010003: "thumbnail-4k",
    0x010004: "thumbnail-8k",
    0x010005: "thumbnail-16k",
    0x020001: "panorama",
    0x020002: "disparity",
    0x020003: "multi-angle",
    0x030000: "primary",
}
_LABELS = {
    Kind.GAIN_MAP: "gain-map",
    Kind.DEPTH_MAP: "depth-map",
    Kind.JPEG: "jpeg",
    Kind.VIDEO: "video",
    Kind.SAMSUNG: "samsung",
    Kind.NAMED: "item",
    Kind.ZEROS: "zeros",
    Kind.UNKNOWN: "unknown",
}
_DISPARITY = 0x020002


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of bytes behind the first image.

    label: one word for a person. named_by: what in the file points at it, in the order MPF,
    Samsung's directory, XMP; () for what only stands there.
    """

    kind: Kind
    start: int
    size: int
    label: str
    named_by: tuple[Source, ...] = ()

    @property
    def end(self) -> int:
        """Offset of the first byte behind it."""
        return self.start + self.size


def parts(container: Container) -> tuple[Part, ...]:
    """Return what stands behind the first image, in order, every byte of it covered.

    Never raises. Time is linear in the size of the trailer, whatever it holds.
    """
    return read_parts(container.data, container.segments, container.image_end)


def read_parts(data: bytes, segments: Sequence[Segment], image_end: int) -> tuple[Part, ...]:
    """Do the same for a file that parse refuses, by its segments and the end of its image."""
    return tuple(_merged(_Scan(data, segments, image_end).parts()))


def gain_map_bytes(found: Sequence[Part]) -> int:
    """Return how many bytes of the parts are HDR gain maps."""
    return sum(part.size for part in found if part.kind is Kind.GAIN_MAP)


class _Scan:
    """One pass from the end of the first image to the end of the file."""

    def __init__(self, data: bytes, segments: Sequence[Segment], image_end: int) -> None:
        self._data = data
        self._at = image_end
        self._searches = _MAX_SEARCHES
        found = [claim for claim in claims(data, segments, image_end) if self._is_there(claim)]
        self._claims: dict[int, list[Claim]] = {}
        for claim in found:
            self._claims.setdefault(claim.start, []).append(claim)
        self._samsung = samsung_extent(data, image_end)
        edges = {claim.start for claim in found} | set(self._samsung or ()) | {len(data)}
        self._edges = sorted(edges, reverse=True)

    def parts(self) -> Iterator[Part]:
        """Yield one part after the other; what is beyond counting comes as one unknown rest."""
        for _ in range(_MAX_PARTS):
            if self._at >= len(self._data):
                return
            part = self._next()
            yield part
            self._at = part.end
        if self._at < len(self._data):
            yield self._part(Kind.UNKNOWN, len(self._data))

    def _next(self) -> Part:
        """Return the part at the present place: one that is named, else what it looks like."""
        data, at = self._data, self._at
        named = self._claims.get(at)
        if named:
            return self._named(named)
        while self._edges and self._edges[-1] <= at:
            self._edges.pop()
        edge = self._edges[-1]
        zeros = _ZEROS.match(data, at, edge)
        # The size of a box may begin with zeros, as do Samsung's blocks.
        if zeros is not None and (zeros.end() == edge or zeros.end() - at > _BOX_HEAD):
            return self._part(Kind.ZEROS, self._zeros_end(zeros.end(), edge))
        if self._samsung is not None and self._samsung[0] <= at < self._samsung[1]:
            return self._part(Kind.SAMSUNG, edge)
        if (end := _video_end(data, at, edge)) is not None:
            return self._part(Kind.VIDEO, end)
        if (end := _image_end(data, at, edge)) is not None:
            return self._part(Kind.GAIN_MAP if _is_gain_map(data, at) else Kind.JPEG, end)
        return self._part(Kind.UNKNOWN, self._next_find(edge))

    def _zeros_end(self, end: int, edge: int) -> int:
        """Return where zeros end: up to three may be a video's, in the size of its first box."""
        boxes = (end - zeros for zeros in (3, 2, 1))
        return next((at for at in boxes if _video_end(self._data, at, edge) is not None), end)

    def _named(self, named: Sequence[Claim]) -> Part:
        """Return what the first claim names; where others name the same place, they are told."""
        first = named[0]
        kind = _kind(self._data, named)
        label = _LABELS.get(kind) or MP_LABELS.get(first.mp_type or 0, "undefined")
        return Part(
            kind=kind,
            start=first.start,
            size=first.size,
            label=label,
            named_by=tuple(dict.fromkeys(claim.source for claim in named)),
        )

    def _next_find(self, edge: int) -> int:
        """Return where the next image or video begins among bytes that are none, else the edge."""
        found = edge
        box = self._data.find(_VIDEO, self._at + 5, edge)
        if box >= 0 and _video_end(self._data, box - 4, edge) is not None:
            found = box - 4
        for likely in _LIKELY_JPEG.finditer(self._data, self._at + 1, found):
            self._searches -= 1
            if self._searches < 0:
                break
            if _image_end(self._data, likely.start(), edge) is not None:
                return likely.start()
        return found

    def _part(self, kind: Kind, end: int) -> Part:
        return Part(kind=kind, start=self._at, size=end - self._at, label=_LABELS[kind])

    def _is_there(self, claim: Claim) -> bool:
        """Tell whether an image or a video does begin where one is named."""
        if claim.source is Source.MPF or claim.mime.startswith("image/jpeg"):
            return self._data.startswith(JPEG_START, claim.start)
        if claim.mime.startswith("video/"):
            return _is_video(self._data, claim.start, claim.end)
        return True


def _kind(data: bytes, named: Sequence[Claim]) -> Kind:
    start = named[0].start
    if data.startswith(JPEG_START, start):
        semantics = {claim.semantic.lower() for claim in named}
        if "gainmap" in semantics or _is_gain_map(data, start):
            return Kind.GAIN_MAP
        if any("depth" in each for each in semantics) or named[0].mp_type == _DISPARITY:
            return Kind.DEPTH_MAP
        return Kind.MPF_IMAGE if named[0].source is Source.MPF else Kind.JPEG
    return Kind.VIDEO if _is_video(data, start, len(data)) else Kind.NAMED


def _is_gain_map(data: bytes, start: int) -> bool:
    """Tell whether the JPEG that begins there says of itself that it is a gain map."""
    for segment, payload in _leading(data, start):
        if segment.marker == APP1 and (
            _GAIN_MAP_APPLE in payload
            or (_GAIN_MAP_XMP in payload and _GAIN_MAP_XMP_VALUE in payload)
        ):
            return True
        if (
            segment.marker == APP2
            and payload.startswith(_GAIN_MAP_ISO)
            and len(payload) > len(_GAIN_MAP_ISO) + _ISO_VERSIONS
        ):
            return True
    return False


def _leading(data: bytes, start: int) -> Iterator[tuple[Segment, bytes]]:
    """Yield the segments in front of the first scan, those that can be read."""
    # 64 KiB is the longest segment; what lies beyond so many of them is no header.
    ahead = data[start : start + (_MAX_LOOKED_AT << 16)]
    try:
        for count, segment in enumerate(walk(ahead)):
            if segment.marker in (SOS, EOI) or count >= _MAX_LOOKED_AT:
                return
            yield segment, segment.payload(ahead)
    except FileError:
        return


def _image_end(data: bytes, start: int, limit: int) -> int | None:
    """Return where a JPEG that begins there ends, None where none does or it is not whole."""
    if not data.startswith(JPEG_START, start):
        return None
    window = _WINDOW
    while True:
        # Small images in a long trailer must not each cost a copy of all the rest.
        ahead = data[start : min(start + window, limit)]
        try:
            for segment in walk(ahead):
                if segment.marker == EOI:
                    return start + segment.end
        except FileError as error:
            if error.reason != _CUT or start + window >= limit:
                return None
        window *= _WINDOW_GROWTH


def _is_video(data: bytes, start: int, limit: int) -> bool:
    return start + _BOX_HEAD <= limit and data.startswith(_VIDEO, start + 4)


def _video_end(data: bytes, start: int, limit: int) -> int | None:
    """Return where the last whole box of a video that begins there ends, None where none does."""
    if not _is_video(data, start, limit):
        return None
    at = start
    while at + _BOX_HEAD <= limit:
        size = int.from_bytes(data[at : at + 4])
        head = _BOX_HEAD
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16]), _LONG_BOX_HEAD
        elif size == 0 and at > start:
            size = limit - at
        name = data[at + 4 : at + 8]
        if size < head or at + size > limit or not (name.isascii() and name.decode().isprintable()):
            break
        at += size
    return at if at > start else None


def _merged(found: Iterator[Part]) -> Iterator[Part]:
    """Join neighbours that nothing names and that are of one kind."""
    last: Part | None = None
    for part in found:
        if last is None:
            last = part
        elif not (part.named_by or last.named_by) and (
            part.kind is last.kind and part.kind in (Kind.UNKNOWN, Kind.SAMSUNG)
        ):
            last = Part(
                kind=last.kind,
                start=last.start,
                size=last.size + part.size,
                label=last.label,
            )
        else:
            yield last
            last = part
    if last is not None:
        yield last
