"""Compare two pictures of any format, from their bytes or pixels."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine.codecs import decode_any, embedded_profile
from jpegslim.engine.colour import PLAIN, View, view_of_jpeg, view_of_profile
from jpegslim.engine.container.upright import UPRIGHT, orientation_of
from jpegslim.engine.metric import Comparison
from jpegslim.engine.turning import turn_pixels
from jpegslim.errors import FileError

_GREY_DIMENSIONS = 2
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Decoded pixels, uint8 (H, W) or (H, W, 3) RGB, and how a viewer shows them.

    orientation: the EXIF orientation that viewers of JPEGs heed; None where they differ about it.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    view: View = PLAIN
    orientation: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two pictures whose samples, uint8 of one shape, mean the same: what the view says.

    orientation: of the samples of both, by EXIF; 1 for upright.
    """

    view: View
    original: NDArray[np.uint8] = field(repr=False)
    copy: NDArray[np.uint8] = field(repr=False)
    orientation: int = UPRIGHT


def read(data: bytes) -> Picture:
    """Decode a whole file of any format Pillow reads, JPEGs strictly, with its colour profile.

    A profile that is damaged or of other samples is passed over, as viewers do. Raises FileError
    as `decode_any` does.
    """
    pixels = decode_any(data)
    components = 1 if pixels.ndim == _GREY_DIMENSIONS else 3
    if data.startswith(_JPEG):
        return Picture(pixels, view_of_jpeg(data, components=components), orientation_of(data))
    return Picture(pixels, view_of_profile(embedded_profile(data), components=components))


def compare(
    a: bytes | NDArray[np.uint8] | Picture, b: bytes | NDArray[np.uint8] | Picture
) -> Comparison:
    """Score how much `b` differs from `a`, as SSIMULACRA2 sees it: 100 is equal.

    a, b: whole files (JPEG, PNG, anything Pillow reads) or uint8 pixels (H, W) or (H, W, 3) sRGB,
    of the same size; a grey one beside a colour one counts as colour. Files with the same colour
    profile are compared as it shows them; with different ones, both are turned into sRGB first.
    JPEGs of different EXIF orientation are compared upright.
    Returns the score and the map of 512-pixel tiles. Raises FileError where one can't be read or
    the sizes differ.
    """
    pair = pair_up(*map(_picture, (a, b)))
    return pair.view.compare(pair.original, pair.copy)


def pair_up(first: Picture, second: Picture) -> Pair:
    """Return two pictures as they are compared. Raises FileError where the sizes differ."""
    if first.orientation != second.orientation:
        first, second = _upright(first, second)
    sizes = [each.pixels.shape[:2] for each in (first, second)]
    if sizes[0] != sizes[1]:
        (height, width), (other_height, other_width) = sizes
        raise FileError(
            f"the sizes differ: {width}×{height} and {other_width}×{other_height} pixels",
            reason="size_differs",
        )
    view = first.view
    pair = first.pixels, second.pixels
    if pair[0].ndim != pair[1].ndim or not view.shows_like(second.view):
        view = PLAIN
        pair = first.view.as_srgb(first.pixels), second.view.as_srgb(second.pixels)
    if pair[0].ndim != pair[1].ndim:
        pair = _as_colour(pair[0]), _as_colour(pair[1])
    return Pair(view, *pair, first.orientation or UPRIGHT)


def _upright(*pictures: Picture) -> tuple[Picture, ...]:
    """Return the pictures with their pixels turned; as they are where one's turn is not known."""
    if any(each.orientation is None for each in pictures):
        return pictures
    return tuple(
        replace(
            each, pixels=turn_pixels(each.pixels, each.orientation or UPRIGHT), orientation=UPRIGHT
        )
        for each in pictures
    )


def _picture(given: bytes | NDArray[np.uint8] | Picture) -> Picture:
    if isinstance(given, Picture):
        return given
    return Picture(given) if isinstance(given, np.ndarray) else read(given)


def _as_colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.ndim == _GREY_DIMENSIONS:
        return np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
    return pixels
