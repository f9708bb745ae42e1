"""The colour spaces that pictures come in, by their primaries and white."""

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine.metric import SRGB, Colour

Array = NDArray[np.float64]
_XY = tuple[float, float]

# The white of profile connection (ICC.1 7.2.16), as XYZ.
D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)

_D65, _DCI, _D50_XY = (0.3127, 0.3290), (0.314, 0.351), (0.3457, 0.3585)
SRGB_NAME, ADOBE_NAME = "sRGB", "Adobe RGB"
# Red, green, blue, white, as CIE xy: IEC 61966-2-1, SMPTE EG 432-1 and RP 431-2, Adobe RGB (1998),
# ROMM RGB (ISO 22028-2), BT.2020, and the space of early Macintosh screens.
_GAMUTS: MappingProxyType[str, tuple[_XY, _XY, _XY, _XY]] = MappingProxyType(
    {
        SRGB_NAME: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65),
        "Display P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
        "DCI-P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _DCI),
        ADOBE_NAME: ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), _D65),
        "ProPhoto RGB": ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), _D50_XY),
        "Rec. 2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
        "Apple RGB": ((0.625, 0.34), (0.28, 0.595), (0.155, 0.07), _D65),
    }
)
# Makers round primaries and adapt whites each in their own way; the closest two spaces above
# differ by 0.02.
_SAME_WITHIN = 0.006

_ADOBE_GAMMA = 563 / 256  # Adobe RGB (1998) 4.3.4.2
_LEVELS = 9
# Of a sample: both rounded to 8 bits, one apart. Profiles of sRGB differ from it by up to 1.4, in
# pure green, by how their makers rounded the primaries; that moved no score by 0.001.
_ALIKE_WITHIN = 1.5
# Where the sRGB curve turns from a line into a power, in linear light.
_TOE_END = 0.0031308
_ROWS = 1 << 20


def primaries(gamut: str) -> Array:
    """Return the XYZ of red, green and blue as columns, adapted to D50 (Bradford)."""
    *corners, white = (
        np.array([x / y, 1.0, (1 - x - y) / y], np.float64) for x, y in _GAMUTS[gamut]
    )
    columns = np.stack(corners, axis=1)
    own = columns * np.linalg.solve(columns, white)
    scale = (_BRADFORD @ D50) / (_BRADFORD @ white)
    adapted: Array = np.linalg.solve(_BRADFORD, scale[:, np.newaxis] * _BRADFORD @ own)
    return adapted


def to_linear_srgb(columns: Array) -> Array:
    """Return the matrix to linear sRGB of primaries given as XYZ columns under D50."""
    return np.linalg.solve(primaries(SRGB_NAME), columns).astype(np.float64)


def name_of(columns: Array) -> str:
    """Return the name of the colour space with these primaries, "other" for none known."""
    for gamut in _GAMUTS:
        if np.abs(primaries(gamut) - columns).max() < _SAME_WITHIN:
            return gamut
    return "other"


def adobe_rgb() -> Colour:
    """Return the colours of Adobe RGB (1998)."""
    curve = (np.arange(256) / 255) ** _ADOBE_GAMMA
    matrix = to_linear_srgb(primaries(ADOBE_NAME))
    return Colour(np.tile(curve, (3, 1)).astype(np.float32), matrix.astype(np.float32))


def look_alike(one: Colour, other: Colour) -> bool:
    """Tell whether two colours show every picture the same, but for rounding to 8 bits.

    Colours outside of sRGB count by the curve mirrored below zero and continued above one.
    """
    if one is other:
        return True
    levels = np.linspace(0, 255, _LEVELS).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    samples = np.concatenate([cube, greys])
    shown = [_encoded(_linear(samples, colour)) for colour in (one, other)]
    return bool(np.abs(shown[0] - shown[1]).max() < _ALIKE_WITHIN)


def as_srgb(pixels: NDArray[np.uint8], colour: Colour) -> NDArray[np.uint8]:
    """Return pixels as sRGB samples; what sRGB has no place for is clipped.

    pixels: uint8 (H, W) or (H, W, 3), what `colour` speaks of. Grey stays (H, W) where it stays
    neutral.
    """
    if colour is SRGB:
        return pixels
    if pixels.ndim == 2:  # noqa: PLR2004
        ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
        shown = _rounded(ramp, colour)
        return (shown[:, 1] if colour.keeps_grey else shown)[pixels]
    flat = pixels.reshape(-1, 3)
    converted = np.empty_like(flat)
    # A million pixels at a time: the steps between take 40 times the memory of the samples.
    for start in range(0, len(flat), _ROWS):
        converted[start : start + _ROWS] = _rounded(flat[start : start + _ROWS], colour)
    return converted.reshape(pixels.shape)


def _rounded(samples: NDArray[np.uint8], colour: Colour) -> NDArray[np.uint8]:
    return np.rint(np.clip(_encoded(_linear(samples, colour)), 0, 255)).astype(np.uint8)


def _linear(samples: NDArray[np.uint8], colour: Colour) -> Array:
    """Return (N, 3) linear sRGB of (N, 3) samples."""
    own = np.stack([colour.curves[c][samples[:, c]] for c in range(3)], axis=1)
    light: Array = own.astype(np.float64) @ colour.matrix.astype(np.float64).T
    return light


def _encoded(light: Array) -> Array:
    """Return sRGB samples, 0 to 255, of linear light, not rounded (IEC 61966-2-1)."""
    size = np.abs(light)
    power = 1.055 * np.maximum(size, _TOE_END) ** (1 / 2.4) - 0.055
    return 255 * np.sign(light) * np.where(size <= _TOE_END, 12.92 * size, power)
