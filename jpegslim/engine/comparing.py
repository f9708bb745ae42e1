"""Compare two pictures of any format, from their bytes or pixels."""

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine import metric
from jpegslim.engine.codecs import decode_any
from jpegslim.errors import FileError

_GREY_DIMENSIONS = 2


def compare(a: bytes | NDArray[np.uint8], b: bytes | NDArray[np.uint8]) -> metric.Comparison:
    """Score how much `b` differs from `a`, as SSIMULACRA2 sees it: 100 is equal.

    a, b: whole files (JPEG, PNG, anything Pillow reads) or uint8 pixels (H, W) or (H, W, 3) RGB,
    of the same size; a grey one beside a colour one counts as colour. Returns the score and the
    map of 512-pixel tiles. Raises FileError where one can't be read or the sizes differ.
    """
    first, second = (each if isinstance(each, np.ndarray) else decode_any(each) for each in (a, b))
    if first.shape[:2] != second.shape[:2]:
        raise FileError(
            f"the sizes differ: {first.shape[1]}×{first.shape[0]}"
            f" and {second.shape[1]}×{second.shape[0]} pixels",
            reason="size_differs",
        )
    if first.ndim != second.ndim:
        first, second = _as_colour(first), _as_colour(second)
    return metric.compare(first, second)


def _as_colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.ndim == _GREY_DIMENSIONS:
        return np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
    return pixels
