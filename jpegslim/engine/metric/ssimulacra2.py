"""The metric's Python surface: compare two pictures, as a whole and tile by tile.

The score is SSIMULACRA2 version 2.1 (Jon Sneyers, Cloudinary), computed exactly: the published
program blurs by a float32 recursion whose noise lowers its own scores on smooth pictures, so
against it ours agree within about 0.1 on textured pictures and are higher on smooth ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine.metric import reference as numpy_path
from jpegslim.engine.metric.colour import SRGB, Colour
from jpegslim.engine.metric.score import score_from_sums
from jpegslim.engine.metric.tiles import (
    CHANNELS,
    QUANTITIES,
    SCALES,
    check_tile_size,
    padded_size,
    pixel_counts,
    scale_sizes,
    tile_count,
    tile_edges,
)
from jpegslim.results import Tile

try:
    from jpegslim.engine.metric import _kernel
except ImportError:  # no compiler at installation
    HAS_KERNEL = False
else:
    HAS_KERNEL = True

NUMPY = "NumPy"

_GREY, _RGB = 2, 3  # numbers of array axes


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a copy is from its original.

    Attributes:
        score: Of the whole picture; 100 is identical.
        tiles: Row by row, left to right.
    """

    score: float
    tiles: tuple[Tile, ...]

    @property
    def worst_tile(self) -> Tile:
        """The tile with the lowest score, the first of equals."""
        return min(self.tiles, key=lambda tile: tile.score)


def compare(
    reference: NDArray[np.uint8],
    distorted: NDArray[np.uint8],
    *,
    colour: Colour = SRGB,
    tile_size: int = 512,
) -> Comparison:
    """Score a copy against its original, whole and tile by tile in one pass.

    A side under 8 pixels is first extended to 8 by repeating its last row or column, since the
    published method has no answer there.

    Args:
        reference: The original, (H, W, 3) RGB or (H, W) grey, uint8.
        distorted: The copy, the same shape.
        colour: What the samples of both mean.
        tile_size: Side of a tile in pixels; a power of two, at least 64. Tiles begin at multiples
            of it; the last of a row or column takes the rest (half a tile to one and a half).

    Returns:
        The score of the whole and of each tile. A tile's blur sees its neighbours' pixels.

    Raises:
        ValueError: Shapes differ or are not those above, a dtype is not uint8, a picture has no
            pixels, or `tile_size` is not as stated.
    """
    sums = partial_sums(reference, distorted, colour=colour, tile_size=tile_size)
    height, width = reference.shape[:2]
    counts = pixel_counts(width, height, tile_size)
    down, across = tile_edges(height, tile_size), tile_edges(width, tile_size)
    tiles = tuple(
        Tile(
            x=across[column],
            y=down[row],
            width=across[column + 1] - across[column],
            height=down[row + 1] - down[row],
            score=score_from_sums(sums[row, column], counts[row, column]),
        )
        for row, column in np.ndindex(sums.shape[:2])
    )
    return Comparison(score=score_from_sums(sums, counts), tiles=tiles)


def partial_sums(
    reference: NDArray[np.uint8],
    distorted: NDArray[np.uint8],
    *,
    colour: Colour = SRGB,
    tile_size: int = 512,
) -> NDArray[np.float64]:
    """Sum the error quantities over every tile, scale and channel, for `score_from_sums`.

    Args:
        reference: As for `compare`.
        distorted: As for `compare`.
        colour: As for `compare`.
        tile_size: As for `compare`.

    Returns:
        (rows, columns, 6 scales, 3 channels, 6) float64; the channels are X, Y and B - Y, the last
        axis the sums over the tile's pixels of structural error, its fourth power, ringing, its
        fourth power, blurring, its fourth power. Zero for scales a small picture does not have.

    Raises:
        ValueError: As for `compare`.
    """
    check_tile_size(tile_size)
    pair = _checked(reference, distorted)
    if HAS_KERNEL:
        return kernel_sums(*pair, colour, tile_size)
    return numpy_path.tile_sums(*pair, colour, tile_size)


def kernel_sums(
    reference: NDArray[np.uint8],
    distorted: NDArray[np.uint8],
    colour: Colour,
    tile_size: int,
    path: str = "",
) -> NDArray[np.float64]:
    """Return what `reference.tile_sums` does, by the compiled kernel.

    Args:
        reference: (H, W, 3) or (H, W) uint8, C-contiguous, both sides at least 8.
        distorted: The same.
        colour: What the samples mean.
        tile_size: Side of a tile in pixels, a power of two, at least 64.
        path: One of `kernel_paths()`, or empty for the fastest.

    Raises:
        ValueError: This processor or build lacks `path`.
    """
    if reference.ndim == _GREY and not colour.keeps_grey:
        reference, distorted = (np.repeat(p[:, :, None], 3, axis=2) for p in (reference, distorted))
    height, width = reference.shape[:2]
    rows, columns = tile_count(height, tile_size), tile_count(width, tile_size)
    sums = np.zeros((rows, columns, SCALES, CHANNELS, QUANTITIES))
    cones = (numpy_path.OPSIN @ colour.matrix.astype(np.float64)).astype(np.float32)
    _kernel.tile_sums(
        reference,
        distorted,
        width,
        height,
        1 if reference.ndim == _GREY else 3,
        len(scale_sizes(width, height)),
        np.ascontiguousarray(colour.curves, dtype=np.float32),
        np.ascontiguousarray(cones),
        tile_size,
        rows,
        columns,
        sums,
        path,
    )
    return sums


def kernel_paths() -> tuple[str, ...]:
    """Name the kernel's instruction sets that work here, the fastest first; none without it."""
    return _kernel.paths() if HAS_KERNEL else ()


def is_meaningful(width: int, height: int) -> bool:
    """Tell whether the score of a picture of this size says what people see.

    Below 113 pixels the published metric has fewer than six scales and reads its weights out of
    step: grey pictures of 32 to 48 pixels, reduced to plain blocks, score 90 and more.
    """
    return len(scale_sizes(*padded_size(width, height))) == SCALES


def implementation() -> str:
    """Name the code that computes the score here, such as "C kernel, AVX2" or "NumPy"."""
    if not HAS_KERNEL:
        return NUMPY
    names = {
        "avx512vbmi": "C kernel, AVX-512",
        "avx512": "C kernel, AVX-512",
        "avx2": "C kernel, AVX2",
    }
    return names.get(_kernel.paths()[0], "C kernel")


def _checked(
    reference: NDArray[np.uint8], distorted: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return both pictures C-contiguous and at least 8 pixels each way, or raise ValueError."""
    shape = reference.shape
    if distorted.shape != shape:
        raise ValueError(f"the pictures differ in shape: {shape} and {distorted.shape}")
    if reference.dtype != np.uint8 or distorted.dtype != np.uint8:
        raise ValueError(f"samples must be uint8: {reference.dtype} and {distorted.dtype}")
    if not (len(shape) == _GREY or (len(shape) == _RGB and shape[2] == CHANNELS)):
        raise ValueError(f"a picture has shape (height, width, 3) or (height, width), not {shape}")
    if 0 in shape:
        raise ValueError(f"a picture without pixels has no score: {shape}")
    height, width = shape[:2]
    padded_width, padded_height = padded_size(width, height)
    if (padded_width, padded_height) == (width, height):
        return np.ascontiguousarray(reference), np.ascontiguousarray(distorted)
    extend = [(0, padded_height - height), (0, padded_width - width), (0, 0)][: len(shape)]
    return np.pad(reference, extend, mode="edge"), np.pad(distorted, extend, mode="edge")
