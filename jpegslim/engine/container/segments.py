"""Read the layout of a JPEG: its segments, frame, tables, and where the first image ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jpegslim.engine.container.frame import (
    SOF_MARKERS,
    ColorSpace,
    Component,
    Frame,
    read_frame,
)
from jpegslim.engine.container.walk import (
    APP0,
    APP14,
    COM,
    DHP,
    DNL,
    DQT,
    DRI,
    EOI,
    EXP,
    JPEG_LS,
    SOS,
    STRAY,
    Segment,
    walk,
)
from jpegslim.errors import BrokenJpeg, UnsupportedJpeg

__all__ = ["ColorSpace", "Component", "Container", "Frame", "Segment", "parse", "peek"]

_PRECISION = 8
_COMPONENT_COUNTS = frozenset({1, 3, 4})
_COEFFICIENTS = 64
# T.81 allows some 900 scans a picture; decoders that guard themselves stop at 500, since each
# costs a pass over every coefficient.
_MAX_SCANS = 500
# libjpeg takes a shorter APP0 or APP14 for somebody else's, and so does everyone after it.
_JFIF_SIZE = 14
_ADOBE_SIZE = 12
_ADOBE_TRANSFORM_AT = 11
_ADOBE_RGB = 0
_RGB_IDS = (0x52, 0x47, 0x42)
_HIERARCHICAL = "a hierarchical JPEG, which hardly any viewer reads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The layout of a JPEG file.

    segments: every marker segment of the first image, in order, SOI and EOI left out.
    image_end: offset one past the first image's EOI. tables: quantization tables by slot, 64
    values in zigzag order. restart_interval: in MCUs, 0 for none. adobe_transform: of the APP14
    segment, None without one.
    """

    data: bytes = field(repr=False)
    frame: Frame
    segments: tuple[Segment, ...] = field(repr=False)
    image_end: int
    scans: int
    tables: Mapping[int, tuple[int, ...]] = field(repr=False)
    restart_interval: int
    adobe_transform: int | None
    has_jfif: bool

    @property
    def trailer(self) -> memoryview:
        """Everything behind the first image: gain maps, motion video, makers' data."""
        return memoryview(self.data)[self.image_end :]

    @property
    def color_space(self) -> ColorSpace:
        """How decoders read the components, by libjpeg's rules."""
        components = self.frame.components
        if len(components) == 1:
            return ColorSpace.GRAY
        if len(components) == 3:  # noqa: PLR2004
            ids = tuple(component.id for component in components)
            marked = self.adobe_transform is not None
            rgb = self.adobe_transform == _ADOBE_RGB if marked else ids == _RGB_IDS
            return ColorSpace.RGB if rgb and not self.has_jfif else ColorSpace.YCBCR
        return ColorSpace.CMYK if self.adobe_transform in (None, 0) else ColorSpace.YCCK

    @property
    def component_tables(self) -> tuple[tuple[int, ...], ...]:
        """The quantization table of each component, in zigzag order."""
        return tuple(self.tables[component.table] for component in self.frame.components)


def is_jfif(segment: Segment, data: bytes) -> bool:
    """Return whether it is the APP0 segment that makes a file JFIF."""
    return (
        segment.marker == APP0
        and segment.payload_size >= _JFIF_SIZE
        and data.startswith(b"JFIF\0", segment.payload_start)
    )


def adobe_transform(segment: Segment, data: bytes) -> int | None:
    """Return the colour transform an Adobe APP14 segment names, None for any other segment."""
    if (
        segment.marker == APP14
        and segment.payload_size >= _ADOBE_SIZE
        and data.startswith(b"Adobe", segment.payload_start)
    ):
        return data[segment.payload_start + _ADOBE_TRANSFORM_AT]
    return None


def peek(data: bytes) -> Frame:
    """Return the frame header without looking further, whatever coding it names.

    Raises NotAJpeg, BrokenJpeg, and UnsupportedJpeg for JPEG-LS.
    """
    for segment in walk(data):
        if segment.marker in SOF_MARKERS:
            return read_frame(segment.marker, segment.payload(data))
        if segment.marker in (SOS, EOI, JPEG_LS):
            _refuse_headless(segment)
    raise BrokenJpeg("the file holds no picture")


def parse(data: bytes) -> Container:
    """Read the layout of the file's first image.

    Time is linear in the file's size and a small part of decoding it. Raises NotAJpeg;
    BrokenJpeg for damage; UnsupportedJpeg for a layout or coding that can't be rewritten with
    nothing lost.
    """
    reader = _Reader(data)
    for segment in walk(data):
        reader.read(segment)
    return reader.container()


@dataclass(slots=True)
class _Reader:
    """Collects what the segments say, in order."""

    data: bytes
    frame: Frame | None = None
    segments: list[Segment] = field(default_factory=list)
    tables: dict[int, tuple[int, ...]] = field(default_factory=dict)
    image_end: int = 0
    scans: int = 0
    restart_interval: int = 0
    adobe_transform: int | None = None
    has_jfif: bool = False
    stray: Segment | None = None
    scanned: set[int] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)

    def read(self, segment: Segment) -> None:
        """Take in the next segment."""
        marker = segment.marker
        if marker == STRAY:
            self.stray = self.stray or segment
            return
        if marker == EOI:
            self.image_end = segment.end
            return
        self.segments.append(segment)
        if segment.is_metadata:
            self._read_metadata(segment)
        elif marker in SOF_MARKERS:
            self._read_frame(segment)
        elif marker == SOS:
            self._read_scan(segment)
        else:
            self._read_parameters(segment)

    def container(self) -> Container:
        """Return the layout once the last segment was read."""
        frame = self.frame
        if frame is None:
            raise BrokenJpeg("the file holds no picture")
        if len(self.scanned) < len(frame.components):
            raise BrokenJpeg("the file holds no picture data for some of its components")
        if frame.height == 0:
            raise BrokenJpeg("the frame header says the picture is 0 pixels high")
        if self.stray is not None:
            raise UnsupportedJpeg(
                f"bytes that belong to no segment (at byte {self.stray.start}) would be lost",
                reason="junk_between_markers",
            )
        return Container(
            data=self.data,
            frame=frame,
            segments=tuple(self.segments),
            image_end=self.image_end,
            scans=self.scans,
            tables=self.tables,
            restart_interval=self.restart_interval,
            adobe_transform=self.adobe_transform,
            has_jfif=self.has_jfif,
        )

    def _read_metadata(self, segment: Segment) -> None:
        if self.scans and segment.marker != COM:
            # Readers stop at the first scan: moved in front of it, a profile or an orientation
            # that nobody heeded would suddenly count.
            raise UnsupportedJpeg(
                "metadata stands between the scans, where most readers don't look",
                reason="metadata_between_scans",
            )
        if is_jfif(segment, self.data):
            self.has_jfif = True
        transform = adobe_transform(segment, self.data)
        if transform is not None:
            self.adobe_transform = transform

    def _read_frame(self, segment: Segment) -> None:
        if self.frame is not None:
            raise BrokenJpeg("the file holds two frame headers")
        self.frame = read_frame(segment.marker, segment.payload(self.data))
        _refuse_coding(self.frame)

    def _read_scan(self, segment: Segment) -> None:
        if self.frame is None:
            _refuse_headless(segment)
            return
        self.scans += 1
        if self.scans > _MAX_SCANS:
            raise UnsupportedJpeg(
                f"the picture has more than {_MAX_SCANS} scans", reason="too_many_scans"
            )
        header = segment.payload(self.data)
        count = header[0] if header else 0
        if count == 0 or len(header) != 4 + 2 * count:
            raise BrokenJpeg("a scan header has an impossible length")
        slots = {component.id: component.table for component in self.frame.components}
        order = [component.id for component in self.frame.components]
        for selector in header[1 : 1 + 2 * count : 2]:
            if selector not in slots:
                raise BrokenJpeg("a scan names a component that the frame header does not have")
            # libjpeg gives up here, and decoders that don't swap the colours (T.81 B.2.3).
            if selector not in order:
                raise BrokenJpeg("a scan names its components out of order")
            del order[: order.index(selector) + 1]
            if slots[selector] not in self.tables:
                raise BrokenJpeg("a quantization table is missing")
            self.settled.add(slots[selector])
            self.scanned.add(selector)

    def _read_parameters(self, segment: Segment) -> None:
        if segment.marker == DQT:
            self._read_tables(segment.payload(self.data))
        elif segment.marker == DRI:
            self._read_restart_interval(segment.payload(self.data))
        elif segment.marker == DNL:
            self._read_line_count(segment.payload(self.data))
        elif segment.marker in (DHP, EXP):
            raise UnsupportedJpeg(_HIERARCHICAL, reason="hierarchical_coding")
        elif segment.marker == JPEG_LS:
            _refuse_headless(segment)

    def _read_tables(self, payload: bytes) -> None:
        at = 0
        while at < len(payload):
            precision, slot = payload[at] >> 4, payload[at] & 15
            size = _COEFFICIENTS * (precision + 1)
            at += 1
            if precision > 1 or slot > 3 or at + size > len(payload):  # noqa: PLR2004
                raise BrokenJpeg("a quantization table is malformed")
            values = payload[at : at + size]
            at += size
            if precision:
                pairs = zip(values[::2], values[1::2], strict=True)
                table = tuple(high << 8 | low for high, low in pairs)
            else:
                table = tuple(values)
            if slot in self.settled and self.tables[slot] != table:
                raise UnsupportedJpeg(
                    "a quantization table changes between scans", reason="tables_redefined"
                )
            self.tables[slot] = table

    def _read_restart_interval(self, payload: bytes) -> None:
        if len(payload) != 2:  # noqa: PLR2004 - T.81 B.2.4.4
            raise BrokenJpeg("a restart interval has an impossible length")
        self.restart_interval = int.from_bytes(payload)

    def _read_line_count(self, payload: bytes) -> None:
        if len(payload) != 2 or self.frame is None:  # noqa: PLR2004 - T.81 B.2.5
            raise BrokenJpeg("a line count has an impossible length or place")
        # Most decoders ignore DNL: where it says what the frame header says, nothing is lost.
        if int.from_bytes(payload) != self.frame.height:
            raise UnsupportedJpeg(
                "the picture's height stands behind the picture data, where most decoders "
                "don't look",
                reason="dnl_height",
            )


def _refuse_headless(segment: Segment) -> None:
    """Raise for a segment that must not come before a frame header."""
    if segment.marker == JPEG_LS:
        raise UnsupportedJpeg("a JPEG-LS, which no ordinary viewer reads", reason="lossless_coding")
    raise BrokenJpeg("the file holds no frame header before its picture data")


def _refuse_coding(frame: Frame) -> None:
    """Raise UnsupportedJpeg for codings and layouts that ordinary decoders don't read."""
    if frame.hierarchical:
        message, reason = (
            "a hierarchical JPEG, which hardly any viewer reads",
            "hierarchical_coding",
        )
    elif frame.lossless:
        message, reason = "a lossless JPEG, which hardly any viewer reads", "lossless_coding"
    elif frame.precision == 12:  # noqa: PLR2004
        message, reason = "a JPEG of 12 bits a sample, which few viewers read", "twelve_bit"
    elif frame.precision != _PRECISION:
        raise BrokenJpeg(f"the frame header says {frame.precision} bits a sample")
    elif len(frame.components) not in _COMPONENT_COUNTS:
        count = len(frame.components)
        message, reason = f"a JPEG of {count} components, not 1, 3 or 4", "component_count"
    else:
        return
    raise UnsupportedJpeg(message, reason=reason)
