"""SSIMULACRA2 in NumPy: the readable definition, and the fallback where no compiler was present.

The published code's recursive Gaussian (sigma 1.5) is a 9-tap filter with zero padding; here it is
applied as that filter, in float64, so the result has no noise floor. Source of the method and of
every constant: SSIMULACRA2 version 2.1 (Jon Sneyers, Cloudinary; BSD licence).
"""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine.metric.colour import Colour
from jpegslim.engine.metric.tiles import (
    CHANNELS,
    QUANTITIES,
    SCALES,
    scale_sizes,
    tile_count,
)

Array = NDArray[np.float64]

# Linear sRGB to the responses of the three cone types (JPEG XL's opsin absorbance), rows sum to 1.
OPSIN: Final = np.array(
    [
        [0.30, 1.0 - 0.078 - 0.30, 0.078],
        [0.23, 1.0 - 0.078 - 0.23, 0.078],
        [
            0.24342268924547819,
            0.20476744424496821,
            1.0 - 0.24342268924547819 - 0.20476744424496821,
        ],
    ]
)
OPSIN_BIAS: Final = 0.0037930732552754493
# The Gaussian from its centre outwards.
TAPS: Final = (0.264621105488, 0.21292859201, 0.109335372777, 0.036011114658, 0.00941436781)
RADIUS: Final = len(TAPS) - 1
C2: Final = 0.0009

# A band's arrays of three float64 channels take 6 MB each; some twenty are alive at a time.
_BAND_PIXELS: Final = 1 << 18


def tile_sums(
    reference: NDArray[np.uint8],
    distorted: NDArray[np.uint8],
    colour: Colour,
    tile_size: int,
) -> Array:
    """Sum the six error quantities over every tile, scale and channel.

    Args:
        reference: (H, W, 3) or (H, W) uint8, both sides at least 8.
        distorted: The same shape and dtype.
        colour: What the samples mean.
        tile_size: Side of a tile in pixels, a power of two, at least 64.

    Returns:
        (rows, columns, 6 scales, 3 channels, 6 quantities) float64.
    """
    height, width = reference.shape[:2]
    rows, columns = tile_count(height, tile_size), tile_count(width, tile_size)
    sums = np.zeros((rows, columns, SCALES, CHANNELS, QUANTITIES))
    sizes = scale_sizes(width, height)
    pair: tuple[NDArray[np.generic], NDArray[np.generic]] = (reference, distorted)
    for scale, (scaled_width, _) in enumerate(sizes):
        # Bands end on tile boundaries of every scale or inside a tile; even rows keep pairs whole.
        band = max(2, _BAND_PIXELS // scaled_width) & ~1
        tile = tile_size >> scale
        halves: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])
        for top, bottom in _bands(pair[0].shape[0], band, tile, rows):
            maps = _error_maps(
                *(_positive_xyb(_linear_rows(p, top, bottom, colour), colour) for p in pair),
                above=min(RADIUS, top),
                rows=bottom - top,
            )
            tops = np.arange(columns) * tile
            across = np.add.reduceat(maps.sum(axis=1), tops, axis=1)
            sums[min(top // tile, rows - 1), :, scale] += across.transpose(1, 2, 0)
            if scale + 1 < len(sizes):
                for half, picture in zip(halves, pair, strict=True):
                    half.append(_halve(_linear(picture[top:bottom], colour)).astype(np.float32))
        if scale + 1 < len(sizes):
            pair = (np.concatenate(halves[0]), np.concatenate(halves[1]))
    return sums


def _bands(height: int, band: int, tile: int, rows: int) -> list[tuple[int, int]]:
    """Cut `height` rows into bands of at most `band` rows, none across a tile boundary."""
    edges = [*(row * tile for row in range(rows)), height]
    return [
        (top, min(top + band, end))
        for start, end in pairwise(edges)
        for top in range(start, end, band)
    ]


def _linear_rows(picture: NDArray[np.generic], top: int, bottom: int, colour: Colour) -> Array:
    """Return rows `top` to `bottom` in linear light, with those within the filter's reach."""
    return _linear(picture[max(0, top - RADIUS) : bottom + RADIUS], colour)


def _linear(picture: NDArray[np.generic], colour: Colour) -> Array:
    """Return (H, W, 3) light of the picture's own primaries, from samples or from such light."""
    if picture.dtype != np.uint8:
        return picture.astype(np.float64)
    samples = picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)  # noqa: PLR2004
    return np.stack([colour.curves[c][samples[:, :, c]] for c in range(CHANNELS)], axis=2).astype(
        np.float64
    )


def _halve(linear: Array) -> Array:
    """Average 2x2 pixels; an odd last row or column counts twice."""
    height, width = linear.shape[:2]
    even = np.pad(linear, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return 0.25 * (even[::2, ::2] + even[::2, 1::2] + even[1::2, ::2] + even[1::2, 1::2])


def _positive_xyb(linear: Array, colour: Colour) -> Array:
    """Return (H, W, 3): X, Y and B - Y, scaled and shifted to be positive."""
    cones = linear @ (OPSIN @ colour.matrix.astype(np.float64)).T + OPSIN_BIAS
    long, middle, short = np.moveaxis(np.cbrt(np.maximum(cones, 0.0)) - np.cbrt(OPSIN_BIAS), 2, 0)
    x, y = 0.5 * (long - middle), 0.5 * (long + middle)
    return np.stack([14.0 * x + 0.42, y + 0.01, short - y + 0.55], axis=2)


def _blur(picture: Array, above: int, rows: int) -> Array:
    """Blur (H, W, 3) both ways with zeros outside; keep `rows` rows after the first `above`."""
    below = picture.shape[0] - above - rows
    tall = np.pad(picture, ((RADIUS - above, RADIUS - below), (RADIUS, RADIUS), (0, 0)))
    width = picture.shape[1]
    down = TAPS[0] * tall[RADIUS : RADIUS + rows]
    for i in range(1, RADIUS + 1):
        down += TAPS[i] * (
            tall[RADIUS - i : RADIUS - i + rows] + tall[RADIUS + i : RADIUS + i + rows]
        )
    out = TAPS[0] * down[:, RADIUS : RADIUS + width]
    for i in range(1, RADIUS + 1):
        out += TAPS[i] * (
            down[:, RADIUS - i : RADIUS - i + width] + down[:, RADIUS + i : RADIUS + i + width]
        )
    return out


def _error_maps(reference: Array, distorted: Array, *, above: int, rows: int) -> Array:
    """Return (6, rows, W, 3): structural error, ringing and blurring, each plain and to the fourth.

    The structural error 1 - (1 - m)(n / (n + e)), with m the squared difference of the means, n the
    doubled covariance + C2 and e the variance of the difference, is written (e + m n) / (n + e):
    the same number, exactly zero where the pictures agree.
    """
    mean_1, mean_2 = _blur(reference, above, rows), _blur(distorted, above, rows)
    m = (mean_1 - mean_2) ** 2
    n = 2.0 * (_blur(reference * distorted, above, rows) - mean_1 * mean_2) + C2
    e = _blur((reference - distorted) ** 2, above, rows) - m
    structure = np.maximum((e + m * n) / (n + e), 0.0)
    edge_1 = np.abs(reference[above : above + rows] - mean_1)
    edge_2 = np.abs(distorted[above : above + rows] - mean_2)
    change = (edge_2 - edge_1) / (1.0 + edge_1)
    ringing, blurring = np.maximum(change, 0.0), np.maximum(-change, 0.0)
    maps = (structure, structure**4, ringing, ringing**4, blurring, blurring**4)
    return np.stack(maps)
