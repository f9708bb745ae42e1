"""The frame header: what kind of picture the entropy-coded data holds."""

from dataclasses import dataclass
from enum import StrEnum

from jpegslim.errors import BrokenJpeg

# T.81 table B.1: SOFn are C0 to CF without DHT (C4), JPG (C8) and DAC (CC).
SOF_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_HIERARCHICAL = frozenset({0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF})
_FIRST_ARITHMETIC = 0xC9
_BYTES_BEFORE_COMPONENTS = 6
_BYTES_PER_COMPONENT = 3
_MAX_SAMPLING = 4
_CHROMA_NAMES = {
    (1, 1): "4:4:4",
    (2, 1): "4:2:2",
    (2, 2): "4:2:0",
    (1, 2): "4:4:0",
    (4, 1): "4:1:1",
    (4, 2): "4:1:0",
}


class ColorSpace(StrEnum):
    """How a decoder reads the components."""

    GRAY = "gray"
    YCBCR = "ycbcr"
    RGB = "rgb"
    CMYK = "cmyk"
    YCCK = "ycck"


@dataclass(frozen=True, slots=True)
class Component:
    """One component of the frame: its id, sampling factors and quantization table slot."""

    id: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame header (T.81 B.2.2). A height of 0 is left to a DNL segment behind the scan."""

    marker: int
    precision: int
    width: int
    height: int
    components: tuple[Component, ...]

    @property
    def progressive(self) -> bool:
        """Whether the picture comes in refining scans."""
        return self.marker in _PROGRESSIVE

    @property
    def arithmetic(self) -> bool:
        """Whether arithmetic coding stands in for Huffman codes."""
        return self.marker >= _FIRST_ARITHMETIC

    @property
    def lossless(self) -> bool:
        """Whether samples are predicted instead of transformed (T.81 annex H)."""
        return self.marker in _LOSSLESS

    @property
    def hierarchical(self) -> bool:
        """Whether the frame refines another one (T.81 annex J)."""
        return self.marker in _HIERARCHICAL

    @property
    def megapixels(self) -> float:
        """Pixels in millions."""
        return self.width * self.height / 1e6

    @property
    def chroma_subsampling(self) -> str:
        """Name the sampling: "4:2:0" and its kin, "gray", or plain factors like "2x2,1x2,1x1"."""
        if len(self.components) == 1:
            return "gray"
        if len(self.components) == 3:  # noqa: PLR2004 - luma and two of chroma
            luma, first, second = self.components
            factors = (first.horizontal, first.vertical)
            if factors == (1, 1) == (second.horizontal, second.vertical):
                name = _CHROMA_NAMES.get((luma.horizontal, luma.vertical))
                if name is not None:
                    return name
        return ",".join(f"{part.horizontal}x{part.vertical}" for part in self.components)


def read_frame(marker: int, payload: bytes) -> Frame:
    """Read a frame header's payload.

    Raises BrokenJpeg where its length, width or sampling factors can't be.
    """
    count = payload[5] if len(payload) >= _BYTES_BEFORE_COMPONENTS else 0
    if count == 0 or len(payload) != _BYTES_BEFORE_COMPONENTS + _BYTES_PER_COMPONENT * count:
        raise BrokenJpeg("the frame header has an impossible length")
    components = []
    for at in range(_BYTES_BEFORE_COMPONENTS, len(payload), _BYTES_PER_COMPONENT):
        identifier, sampling, table = payload[at : at + _BYTES_PER_COMPONENT]
        component = Component(identifier, sampling >> 4, sampling & 15, table)
        if not (
            1 <= component.horizontal <= _MAX_SAMPLING and 1 <= component.vertical <= _MAX_SAMPLING
        ):
            raise BrokenJpeg("the frame header has impossible sampling factors")
        components.append(component)
    width = int.from_bytes(payload[3:5])
    if width == 0:
        raise BrokenJpeg("the frame header says the picture is 0 pixels wide")
    return Frame(
        marker=marker,
        precision=payload[0],
        width=width,
        height=int.from_bytes(payload[1:3]),
        components=tuple(components),
    )
