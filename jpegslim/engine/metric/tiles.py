"""The tile grid: where tiles begin and how many pixels each holds at every scale."""

import numpy as np
from numpy.typing import NDArray

SCALES = 6
CHANNELS = 3
# Mean and 4-norm of each of the three error maps.
QUANTITIES = 6

# A scale is scored when the one above it has at least 8 pixels each way; the full picture must too.
SMALLEST_SIDE = 8
# Tile edges stay whole pixels at the sixth scale (1:32), two of them at least.
SMALLEST_TILE = 64


def check_tile_size(tile_size: int) -> None:
    """Raise ValueError unless `tile_size` is a power of two of at least 64 pixels."""
    if tile_size < SMALLEST_TILE or tile_size & (tile_size - 1):
        raise ValueError(f"tile_size must be a power of two, at least {SMALLEST_TILE}: {tile_size}")


def tile_count(side: int, tile_size: int) -> int:
    """Return how many tiles cut a side of `side` pixels: the last takes the rest, no slivers."""
    return max(1, (side + tile_size // 2) // tile_size)


def tile_edges(side: int, tile_size: int) -> list[int]:
    """Return the tile boundaries along a side, in pixels of the full picture, ends included."""
    return [i * tile_size for i in range(tile_count(side, tile_size))] + [side]


def scale_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Return (width, height) of each scale that is scored, the full picture first.

    As in the published code, a scale is halved (odd sides round up) and scored as long as the
    scale before it has 8 pixels or more each way.
    """
    sizes = [(width, height)]
    while len(sizes) < SCALES and min(sizes[-1]) >= SMALLEST_SIDE:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def padded_size(width: int, height: int) -> tuple[int, int]:
    """Return the size that is scored: sides under 8 pixels are first extended to 8."""
    return max(width, SMALLEST_SIDE), max(height, SMALLEST_SIDE)


def pixel_counts(width: int, height: int, tile_size: int = 512) -> NDArray[np.float64]:
    """Count the pixels of every tile at every scale.

    Args:
        width: Width of the full picture in pixels.
        height: Height of the full picture in pixels.
        tile_size: Side of a tile in pixels; a power of two, at least 64.

    Returns:
        (rows, columns, 6) float64; zero for the scales that are not scored.

    Raises:
        ValueError: `tile_size` is not a power of two of at least 64.
    """
    check_tile_size(tile_size)
    width, height = padded_size(width, height)
    rows, columns = tile_count(height, tile_size), tile_count(width, tile_size)
    counts = np.zeros((rows, columns, SCALES))
    for scale, (scaled_width, scaled_height) in enumerate(scale_sizes(width, height)):
        down = np.array([*range(0, rows * tile_size, tile_size)]) >> scale
        across = np.array([*range(0, columns * tile_size, tile_size)]) >> scale
        heights = np.diff(np.append(down, scaled_height))
        widths = np.diff(np.append(across, scaled_width))
        counts[:, :, scale] = np.outer(heights, widths)
    return counts
