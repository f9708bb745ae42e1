"""Read ICC profiles, versions 2 and 4, from bytes of any origin."""

import struct
from dataclasses import dataclass
from itertools import takewhile
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine.colour import gamuts
from jpegslim.engine.colour.curves import light_of_lightness, read_curve
from jpegslim.engine.container.icc import ProfileIgnored, damaged
from jpegslim.engine.metric import SRGB, Colour

_HEADER_SIZE, _TAG_SIZE = 128, 12
_SIGNATURE = b"acsp"
_VERSIONS = (2, 4)
# What stands behind a picture's samples: scanners and cameras, screens, printers, bare spaces.
_TABLES_FIRST = (b"scnr", b"prtr")
_CLASSES = (*_TABLES_FIRST, b"mntr", b"spac")
_SPACES = MappingProxyType({1: b"GRAY", 3: b"RGB "})
_CONNECTIONS = (b"XYZ ", b"Lab ")
# Profiles in use have 9 to 40; the colour engine that most viewers use refuses more.
_MAX_TAGS = 100
_FIXED = 65536  # s15Fixed16Number
_COLUMNS = (b"rXYZ", b"gXYZ", b"bXYZ")
_CURVES = (b"rTRC", b"gTRC", b"bTRC")
_GREY_CURVE, _TABLE, _DESCRIPTION = b"kTRC", b"A2B0", b"desc"
_OF_USE = frozenset((*_COLUMNS, *_CURVES, _GREY_CURVE, _TABLE, _DESCRIPTION))
# A curve of one value for each of 16 bits; descriptions are shorter.
_LONGEST_TAG = 12 + 2 * 65536
# Of the matrix to linear sRGB. Display P3 has 0.8 and 1.2, ProPhoto 0.4 and 2.0; a matrix beyond
# these limits folds colours onto each other, or makes them of no light at all.
_LEAST_DETERMINANT, _LARGEST_ENTRY = 0.05, 8.0
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a colour profile says.

    name: its own description, as it stands there. colour: None where tables of colours (A2B0)
    say what samples mean. gamut: the name of the primaries' colour space, "other" for unknown
    ones, None where there are no primaries.
    """

    name: str
    colour: Colour | None
    gamut: str | None


def read(data: bytes, *, components: int) -> Profile:
    """Read the profile of a picture of one (grey) or three (RGB) components.

    Where a profile has both curves with a matrix and tables, screens and bare colour spaces go by
    the first: both describe the same device there, tables with an eye to fitting its colours
    onto paper, and a matrix keeps apart colours beyond sRGB that tables turned into 8 bits would
    clip. Time and memory are bounded by the profile's size. Raises ProfileIgnored.
    """
    tags = _tags(data)
    kind, space, connection = data[12:16], data[16:20], data[20:24]
    if kind not in _CLASSES:
        raise ProfileIgnored("the colour profile does not describe the colours of a picture")
    if connection not in _CONNECTIONS:
        raise damaged("it connects to no colour space of ICC's")
    if space != _SPACES[components]:
        raise ProfileIgnored(
            f"the colour profile is for {_spoken(space)}, the picture is"
            f" {_spoken(_SPACES[components])}"
        )
    name = _name(tags.get(_DESCRIPTION, b""))
    if kind in _TABLES_FIRST and _TABLE in tags:
        return Profile(name=name, colour=None, gamut=None)
    if components == 1 and _GREY_CURVE in tags:
        curve = read_curve(tags[_GREY_CURVE])
        light = light_of_lightness(curve) if connection == b"Lab " else curve
        return Profile(name=name, colour=_settled(light, np.eye(3)), gamut=None)
    if connection == b"XYZ " and all(tag in tags for tag in (*_COLUMNS, *_CURVES)):
        colour, gamut = _matrix(tags)
        return Profile(name=name, colour=colour, gamut=gamut)
    if _TABLE in tags:
        return Profile(name=name, colour=None, gamut=None)
    raise damaged("it does not say what the samples mean")


def name_of(data: bytes) -> str:
    """Return the description of a profile of any kind, "" where there is none to be read."""
    try:
        return _name(_tags(data).get(b"desc", b""))
    except ProfileIgnored:
        return ""


def _tags(data: bytes) -> dict[bytes, bytes]:
    """Return the tags of use here by signature, of each as much as any reader may want."""
    if len(data) < _HEADER_SIZE + 4:
        raise damaged("it is cut short")
    size, version, signature = struct.unpack_from(">I", data)[0], data[8], data[36:40]
    if signature != _SIGNATURE:
        raise damaged("it does not begin like one")
    if version not in _VERSIONS:
        raise ProfileIgnored(f"the colour profile is of version {version}, not 2 or 4")
    if size > len(data):
        raise damaged("it is cut short")
    (count,) = struct.unpack_from(">I", data, _HEADER_SIZE)
    first = _HEADER_SIZE + 4
    if count > _MAX_TAGS or first + count * _TAG_SIZE > size:
        raise damaged("its list of contents is too long")
    tags: dict[bytes, bytes] = {}
    for place in range(first, first + count * _TAG_SIZE, _TAG_SIZE):
        name, at, length = struct.unpack_from(">4sII", data, place)
        if at + length > size:
            raise damaged("its list of contents points beyond its end")
        if name in _OF_USE:
            tags.setdefault(name, data[at : at + min(length, _LONGEST_TAG)])
    return tags


def _matrix(tags: dict[bytes, bytes]) -> tuple[Colour, str]:
    """Return the colours of curves and primaries, and the name of the latter."""
    curves = np.stack([read_curve(tags[name]) for name in _CURVES])
    columns = np.stack([_xyz(tags[name]) for name in _COLUMNS], axis=1)
    matrix = gamuts.to_linear_srgb(columns)
    if np.abs(matrix).max() > _LARGEST_ENTRY or abs(np.linalg.det(matrix)) < _LEAST_DETERMINANT:
        raise damaged("its primary colours can't be told apart")
    return _settled(curves, matrix), gamuts.name_of(columns)


def _settled(curves: NDArray[np.float64], matrix: NDArray[np.float64]) -> Colour:
    """Return the colours, exactly SRGB where nobody could tell them from it."""
    each = np.broadcast_to(curves, (3, 256)).astype(np.float32)
    colour = Colour(each, matrix.astype(np.float32))
    return SRGB if gamuts.look_alike(colour, SRGB) else colour


def _xyz(tag: bytes) -> NDArray[np.float64]:
    if len(tag) < 20 or not tag.startswith(b"XYZ "):  # noqa: PLR2004 - ICC.1 10.31
        raise damaged("a primary colour has no known form")
    return np.frombuffer(tag, ">i4", 3, 8).astype(np.float64) / _FIXED


def _name(tag: bytes) -> str:
    """Return a profile's description, "" where it has none that can be read."""
    if tag.startswith(b"desc") and len(tag) >= 12:  # noqa: PLR2004 - version 2, 6.5.17 there
        (length,) = struct.unpack_from(">I", tag, 8)
        text = tag[12 : 12 + min(length, _LONGEST_NAME)].decode("latin-1")
    elif tag.startswith(b"mluc") and len(tag) >= 28:  # noqa: PLR2004 - the first of its languages
        length, at = struct.unpack_from(">II", tag, 20)
        text = tag[at : at + min(length, 2 * _LONGEST_NAME)].decode("utf-16-be", "replace")
    else:
        return ""
    return "".join(takewhile(lambda sign: sign != "\0", text)).strip()


def _spoken(space: bytes) -> str:
    known = {b"GRAY": "grey", b"RGB ": "RGB", b"CMYK": "CMYK", b"Lab ": "Lab", b"XYZ ": "XYZ"}
    return known.get(space, "other colours")
