"""Tone curves of ICC profiles: the linear light of each of the 256 samples (ICC.1 10.6, 10.18)."""

import struct

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine.container.icc import damaged

Array = NDArray[np.float64]

_SAMPLES = np.arange(256) / 255
_HEADER = 12
_FIXED = 65536  # s15Fixed16Number
# Parameters of the function types 0 to 4.
_PARAMETERS = (1, 3, 4, 5, 7)

# A curve that does not lead from dark to light, or leaves the middle all black or all white, is
# damage, or a trap: what it hides from the metric shows wherever a viewer ignores profiles. Gamma
# 1.0 puts the middle at 0.50, 2.6 (cinema) at 0.17; the limits are those of gamma 0.5 and 5.
_DARKEST, _LIGHTEST, _MIDDLE = 0.25, 0.5, (0.03, 0.71)
# Measured curves of screens wobble.
_WOBBLE = 0.01

# CIE L*: below this it is a line, as in "kTRC" where profiles connect through Lab.
_KNEE, _SLOPE = 8.0, 903.3


def read_curve(tag: bytes) -> Array:
    """Return the linear light, 0 to 1, of the samples 0 to 255 by a curve tag's bytes.

    Time is bounded by the tag's size. Raises ProfileIgnored where it is no curve of light.
    """
    kind = tag[:4]
    if len(tag) < _HEADER or kind not in (b"curv", b"para"):
        raise damaged("a tone curve has no known form")
    with np.errstate(all="ignore"):
        light = _tabled(tag) if kind == b"curv" else _computed(tag)
    light = np.clip(light, 0.0, 1.0)
    if not np.isfinite(light).all():
        raise damaged("a tone curve holds values that are no numbers")
    low, high = _MIDDLE
    rises = bool((np.maximum.accumulate(light) - light).max() <= _WOBBLE)
    if not rises or light[0] > _DARKEST or light[-1] < _LIGHTEST or not low < light[128] < high:
        raise damaged("a tone curve does not lead from dark to light")
    return light


def light_of_lightness(lightness: Array) -> Array:
    """Return the linear light, 0 to 1, of CIE lightness given as 0 to 1."""
    star = 100 * lightness
    light: Array = np.where(star > _KNEE, ((star + 16) / 116) ** 3, star / _SLOPE)
    return light


def _tabled(tag: bytes) -> Array:
    (count,) = struct.unpack_from(">I", tag, 8)
    if _HEADER + 2 * count > len(tag):
        raise damaged("a tone curve ends too early")
    if count == 0:
        return _SAMPLES
    values = np.frombuffer(tag, ">u2", count, _HEADER)
    if count == 1:
        return np.power(_SAMPLES, float(values[0]) / 256)
    places = _SAMPLES * (count - 1)
    below = np.minimum(places.astype(np.intp), count - 2)
    part = places - below
    light: Array = ((1 - part) * values[below] + part * values[below + 1]) / 65535
    return light


def _computed(tag: bytes) -> Array:
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind >= len(_PARAMETERS):
        raise damaged("a tone curve has no known form")
    count = _PARAMETERS[kind]
    if _HEADER + 4 * count > len(tag):
        raise damaged("a tone curve ends too early")
    values = np.zeros(_PARAMETERS[-1])
    values[:count] = np.frombuffer(tag, ">i4", count, _HEADER) / _FIXED
    g, a, b, c, d, e, f = values
    if kind == 0:
        return np.power(_SAMPLES, g)
    base = a * _SAMPLES + b
    power = np.power(np.maximum(base, 0.0), g)
    light: Array
    if kind <= 2:  # noqa: PLR2004 - (aX + b)^g + c, and c alone where the base is negative
        light = np.where(base < 0, 0.0, power) + c
    else:
        light = np.where(d > _SAMPLES, c * _SAMPLES + f, power + e)
    return light
