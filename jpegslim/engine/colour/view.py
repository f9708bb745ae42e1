"""One object for how a viewer shows a file's samples, whichever way the file says it."""

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine import metric
from jpegslim.engine.colour import gamuts, profiles
from jpegslim.engine.colour.interop import says_adobe_rgb
from jpegslim.engine.container.icc import ProfileIgnored, read_profile
from jpegslim.engine.container.segments import Container
from jpegslim.engine.container.walk import SOS, Segment, walk
from jpegslim.engine.metric import SRGB, Colour, Comparison

if TYPE_CHECKING:
    from jpegslim.engine.colour.tables import Tables

_MEASURABLE = (1, 3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """How a viewer shows the samples of a picture.

    colour: what they mean, or where there are tables, what their results mean. tables: a way to
    sRGB for profiles that no curves and matrix stand for. data: the profile's bytes, None
    without one. profile: its description ("" where it has none). gamut: the name of the
    primaries' colour space, "other" for unknown ones, None for grey and for tables. note: one
    line for a person where a profile is not heeded.
    """

    colour: Colour = SRGB
    tables: "Tables | None" = None
    data: bytes | None = None
    profile: str | None = None
    gamut: str | None = None
    note: str | None = None

    def compare(self, reference: NDArray[np.uint8], distorted: NDArray[np.uint8]) -> Comparison:
        """Score a copy against its original as they are seen; uint8 (H, W) or (H, W, 3) both."""
        if self.tables is not None:
            # Converted again for every attempt of a search: rare profiles don't pay for memory.
            reference, distorted = map(self.tables.convert, (reference, distorted))
        return metric.compare(reference, distorted, colour=self.colour)

    def as_srgb(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the pixels as sRGB samples; colours it has no place for are clipped."""
        if self.tables is not None:
            return self.tables.convert(pixels)
        return gamuts.as_srgb(pixels, self.colour)

    def shows_like(self, other: "View") -> bool:
        """Tell whether every picture looks the same in both, but for rounding to 8 bits."""
        if self.tables is not None or other.tables is not None:
            return self.data == other.data
        return gamuts.look_alike(self.colour, other.colour)


PLAIN = View(gamut=gamuts.SRGB_NAME)


def view_of(source: Container) -> View:
    """Return how a viewer shows a JPEG: by its profile, else by EXIF, else as sRGB.

    A profile that is damaged or made for other samples is passed over, as viewers do, and the
    view's note says so. Nothing is raised.
    """
    return _of_segments(source.segments, source.data, components=len(source.frame.components))


def view_of_jpeg(data: bytes, *, components: int) -> View:
    """Return how a viewer shows a JPEG, from its bytes; its segments must be sound up to SOS."""
    head = tuple(takewhile(lambda segment: segment.marker != SOS, walk(data)))
    return _of_segments(head, data, components=components)


def view_of_profile(data: bytes | None, *, components: int) -> View:
    """Return how a viewer shows samples by an ICC profile; sRGB without one."""
    if data is None:
        return PLAIN
    if components not in _MEASURABLE:
        return View(data=data, profile=profiles.name_of(data))
    try:
        read = profiles.read(data, components=components)
        if read.colour is not None:
            return View(colour=read.colour, data=data, profile=read.name, gamut=read.gamut)
        return _by_tables(data, read.name, components)
    except ProfileIgnored as error:
        return View(data=data, profile=profiles.name_of(data), note=_note(error))


def _of_segments(segments: tuple[Segment, ...], data: bytes, *, components: int) -> View:
    try:
        found = read_profile(segments, data)
    except ProfileIgnored as error:
        return View(note=_note(error))
    if found is None and components == 3 and says_adobe_rgb(segments, data):  # noqa: PLR2004
        return View(colour=gamuts.adobe_rgb(), gamut=gamuts.ADOBE_NAME)
    return view_of_profile(found, components=components)


def _by_tables(data: bytes, name: str, components: int) -> View:
    from jpegslim.engine.colour.tables import Tables

    tables = Tables(data, components=components)
    if components == 1:
        # What becomes of 256 greys says it all, at no cost for each picture.
        shown = tables.convert(np.arange(256, dtype=np.uint8)[np.newaxis])[0]
        curves = np.stack([SRGB.curves[0][shown[:, channel]] for channel in range(3)])
        return View(colour=Colour(curves, SRGB.matrix), data=data, profile=name)
    return View(tables=tables, data=data, profile=name)


def _note(error: ProfileIgnored) -> str:
    return f"{error}: measured as sRGB"
