"""Turn a picture the way its EXIF orientation says, for pixels that need no tag any more."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine.container.segments import Component, Container
from jpegslim.engine.container.upright import FIRST_SIDEWAYS

_SIDE = 8


def _place(cell: tuple[int, int]) -> tuple[int, int]:
    """Return what sorts the cells of a block into zigzag order (T.81 figure A.6)."""
    row, column = cell
    diagonal = row + column
    return diagonal, row if diagonal % 2 else column


_ZIGZAG = sorted(((row, column) for row in range(_SIDE) for column in range(_SIDE)), key=_place)
# Where in zigzag order the value stands that is mirrored along the diagonal.
_MIRRORED = tuple(_ZIGZAG.index((column, row)) for row, column in _ZIGZAG)


def turn_pixels(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return (H, W) or (H, W, 3) pixels as a viewer shows them at an orientation of 1 to 8."""
    down, across = slice(None, None, -1), (slice(None), slice(None, None, -1))
    if orientation >= FIRST_SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[down]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[across]
    return np.ascontiguousarray(pixels)


def turn_layout(source: Container, orientation: int) -> Container:
    """Return the layout that the same file would have with its pixels turned.

    Sideways, width and height trade places, and so do the sampling factors and the frequencies
    of the quantization tables. The bytes stay the source's: what is coded from turned pixels is
    to be held against this.
    """
    if orientation < FIRST_SIDEWAYS:
        return source
    frame = source.frame
    components = tuple(
        Component(each.id, each.vertical, each.horizontal, each.table) for each in frame.components
    )
    return replace(
        source,
        frame=replace(frame, width=frame.height, height=frame.width, components=components),
        tables={
            slot: tuple(table[at] for at in _MIRRORED) for slot, table in source.tables.items()
        },
    )
