"""Say what a JPEG is, as far as it can be read: the file may be broken, odd, or unsupported."""

import struct
from dataclasses import dataclass, field

from jpegslim.engine.colour import view_of
from jpegslim.engine.container.camera import Camera, read_camera
from jpegslim.engine.container.frame import SOF_MARKERS, Frame, read_frame
from jpegslim.engine.container.marker import Marker, read_marker
from jpegslim.engine.container.mpf import is_mpf, read_index
from jpegslim.engine.container.names import (
    coding_name,
    marker_name,
    segment_detail,
    segment_name,
)
from jpegslim.engine.container.quality import Quality, by_rows, estimate
from jpegslim.engine.container.segments import Container, adobe_transform, is_jfif
from jpegslim.engine.container.trailer import MP_LABELS, Part, read_parts
from jpegslim.engine.container.walk import DQT, DRI, EOI, JPEG_LS, SOS, STRAY, Segment, walk
from jpegslim.errors import FileError, NotAJpeg

_COEFFICIENTS = 64
_MP_TYPE = 0x00FF_FFFF
# Cameras list two to four.
_MAX_IMAGES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One segment, or the bytes between segments.

    size: with marker, length and payload. coded: bytes of picture data behind a scan's header.
    name and detail: a few words; text of the file's own is not cleaned.
    """

    offset: int
    size: int
    marker: str
    name: str
    detail: str | None = None
    coded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationTable:
    """A table by slot, as eight rows, the constant term first. components: ids that use it."""

    slot: int
    rows: tuple[tuple[int, ...], ...]
    components: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The colour profile. name and gamut: None where unknown. note: why it is not heeded."""

    name: str | None
    gamut: str | None
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedImage:
    """An image of the MPF index: its type in a word, where it begins and its size as listed."""

    label: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a file holds, up to the break where it is broken.

    problem: where and why reading ended early, None where the end of the image was reached.
    image_end: offset behind the first image, None where it was not reached. coded: bytes of the
    first image without its metadata, of a broken file all that is there. metadata: bytes of its
    APPn and COM segments. Tables, restart interval and scans are as far as was read.
    """

    size: int
    problem: str | None
    frame: Frame | None
    coding: str | None
    color_space: str | None
    scans: int
    restart_interval: int
    quality: Quality | None
    tables: tuple[QuantizationTable, ...] = field(repr=False)
    coded: int
    metadata: int
    image_end: int | None
    profile: Profile | None
    camera: Camera | None
    marker: Marker | None
    segments: tuple[Stretch, ...] = field(repr=False)
    images: tuple[ListedImage, ...]
    parts: tuple[Part, ...]

    @property
    def bits_per_pixel(self) -> float | None:
        """Bits of the first image without its metadata, for each pixel."""
        if self.frame is None or self.image_end is None or not self.frame.height:
            return None
        return 8 * self.coded / (self.frame.width * self.frame.height)


def inspect(data: bytes) -> Inspection:
    """Read all there is to say about a file that begins like a JPEG, short of decoding it.

    Time is linear in the file's size. Raises NotAJpeg where it is none; whatever else is wrong
    with it is told in the result.
    """
    reading = _Reading(data)
    reading.read()
    return reading.result()


class _Reading:
    """Walks a file leniently and collects what it says."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._all: list[Segment] = []
        self._frame: Frame | None = None
        self._tables: dict[int, tuple[int, ...]] = {}
        self._restart_interval = 0
        self._image_end: int | None = None
        self._problem: str | None = None

    def read(self) -> None:
        """Go through the segments until the image ends or something is wrong."""
        try:
            for segment in walk(self._data):
                self._all.append(segment)
                if segment.marker == JPEG_LS and self._frame is None:
                    self._frame = read_frame(JPEG_LS, segment.payload(self._data))
                    # Its picture data has other rules for the bytes that look like markers.
                    self._problem = "a JPEG-LS: what follows its frame header is not read"
                    return
                self._take(segment)
        except NotAJpeg:
            raise
        except FileError as error:
            self._problem = str(error)

    def result(self) -> Inspection:
        """Return what was found."""
        data, frame = self._data, self._frame
        segments = tuple(each for each in self._all if each.marker not in (STRAY, EOI))
        whole = self._whole(segments)
        metadata = sum(each.end - each.start for each in segments if each.is_metadata)
        end = self._image_end
        used = [] if whole is None else list(_used(whole))
        return Inspection(
            size=len(data),
            problem=self._problem,
            frame=frame,
            coding=None if frame is None else coding_name(frame.marker),
            color_space=None if whole is None else str(whole.color_space),
            scans=sum(each.marker == SOS for each in segments),
            restart_interval=self._restart_interval,
            quality=estimate(used),
            tables=tuple(
                QuantizationTable(
                    slot=slot,
                    rows=by_rows(table),
                    components=()
                    if frame is None
                    else tuple(each.id for each in frame.components if each.table == slot),
                )
                for slot, table in sorted(self._tables.items())
            ),
            coded=(end or len(data)) - metadata,
            metadata=metadata,
            image_end=end,
            profile=None if whole is None else _profile(whole),
            camera=read_camera(segments, data),
            marker=None if whole is None else read_marker(whole),
            segments=tuple(self._stretches()),
            images=tuple(_images(segments, data)),
            parts=() if end is None else read_parts(data, segments, end),
        )

    def _take(self, segment: Segment) -> None:
        if segment.marker == EOI:
            self._image_end = segment.end
        elif segment.marker in SOF_MARKERS and self._frame is None:
            self._frame = read_frame(segment.marker, segment.payload(self._data))
        elif segment.marker == DQT:
            self._tables.update(_read_tables(segment.payload(self._data)))
        elif segment.marker == DRI:
            self._restart_interval = int.from_bytes(segment.payload(self._data)[:2])

    def _whole(self, segments: tuple[Segment, ...]) -> Container | None:
        """Return the layout, for those who ask it; unlike parse's it may be of a broken file."""
        if self._frame is None:
            return None
        transforms = [adobe_transform(each, self._data) for each in segments]
        return Container(
            data=self._data,
            frame=self._frame,
            segments=segments,
            image_end=self._image_end or len(self._data),
            scans=sum(each.marker == SOS for each in segments),
            tables=self._tables,
            restart_interval=self._restart_interval,
            adobe_transform=next((each for each in transforms[::-1] if each is not None), None),
            has_jfif=any(is_jfif(each, self._data) for each in segments),
        )

    def _stretches(self) -> "list[Stretch]":
        data = self._data
        following = [each.start for each in self._all[1:]]
        # Of a broken file the picture data goes on to its end.
        ends = [*following, self._image_end or len(data)][: len(self._all)]
        found = [Stretch(offset=0, size=2, marker="SOI", name="start of the image")]
        for segment, behind in zip(self._all, ends, strict=True):
            found.append(
                Stretch(
                    offset=segment.start,
                    size=segment.end - segment.start,
                    marker=marker_name(segment.marker),
                    name=segment_name(segment, data),
                    detail=segment_detail(segment, data),
                    coded=max(behind - segment.end, 0) if segment.marker == SOS else 0,
                )
            )
        return found


def _used(whole: Container) -> list[tuple[int, ...]]:
    """Return the tables of the components in order, as far as they are there."""
    if whole.frame.lossless:
        return []
    slots = [component.table for component in whole.frame.components]
    if any(slot not in whole.tables for slot in slots):
        return []
    return [whole.tables[slot] for slot in slots]


def _read_tables(payload: bytes) -> dict[int, tuple[int, ...]]:
    """Return the whole tables of a DQT segment by slot (T.81 B.2.4.1)."""
    tables = {}
    at = 0
    while at < len(payload):
        width, slot = (payload[at] >> 4) + 1, payload[at] & 15
        values = payload[at + 1 : at + 1 + width * _COEFFICIENTS]
        if width > 2 or len(values) < width * _COEFFICIENTS:  # noqa: PLR2004
            break
        tables[slot] = tuple(
            int.from_bytes(values[place : place + width]) for place in range(0, len(values), width)
        )
        at += 1 + len(values)
    return tables


def _profile(whole: Container) -> Profile | None:
    view = view_of(whole)
    if view.data is None and view.note is None:
        return None
    return Profile(name=view.profile or None, gamut=view.gamut, note=view.note)


def _images(segments: tuple[Segment, ...], data: bytes) -> list[ListedImage]:
    found: list[ListedImage] = []
    for segment in segments:
        index = read_index(segment, data) if is_mpf(segment, data) else None
        if index is None or len(found) >= _MAX_IMAGES:
            continue
        for entry in index.entries[:_MAX_IMAGES]:
            attribute = struct.unpack_from(
                f"{index.order}I", data, segment.payload_start + entry.at
            )
            kind = attribute[0] & _MP_TYPE
            found.append(
                ListedImage(
                    label=MP_LABELS.get(kind, f"type {kind:06x}"),
                    offset=index.base + entry.offset if entry.offset else 0,
                    size=entry.size,
                )
            )
    return found
