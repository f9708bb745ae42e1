"""Trial encodes of one picture: mosaic first, then whole files as they would be delivered."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine import codecs, sample, verify
from jpegslim.engine.colour import View
from jpegslim.engine.container.assemble import assemble
from jpegslim.engine.container.marker import Marker
from jpegslim.engine.container.segments import Container, Frame
from jpegslim.engine.search import Curve, Limits, Point, locate, refine
from jpegslim.results import Probe, SearchTrace
from jpegslim.settings import Settings

LIMITS = Limits()

# How many points a whole picture scores below its mosaic at 85, and how this grows for each point
# of a lower target: the median over camera photos.
_OFFSET, _OFFSET_GROWTH = 0.6, 0.05

# The distance at which the median camera photo scores 85, and how it grows for lower targets.
_TYPICAL_DISTANCE, _TYPICAL_TARGET = 1.1, 85.0

# The chroma subsamplings to try, by the source's own: never more chroma than the source had.
_CHOICES = {
    "4:4:4": ("4:2:0", "4:2:2", "4:4:4"),
    "4:2:2": ("4:2:0", "4:2:2"),
    "4:4:0": ("4:2:0", "4:4:0"),
    codecs.GRAY: (codecs.GRAY,),
}
_ALWAYS = ("4:2:0",)

# A subsampling this much larger on the mosaic, at the same score, won't win on the whole picture.
_HOPELESS = 1.03

# Room for what the mosaic gets wrong of the size, before a full encode is given up for it.
_SIZE_DOUBT = 1.10


# Above this, memory counts more than time: scans are arranged once, when nothing else is held.
_LARGE_MEGAPIXELS = 100.0


def is_large(frame: Frame) -> bool:
    """Tell whether a picture is tried in sequential scans, and its scans are arranged at the end.

    A progressive coding of 200 megapixels 4:4:4 takes 1.2 GB for its coefficients alone, beside
    the pixels; they are the same in either.
    """
    return frame.megapixels > _LARGE_MEGAPIXELS


@dataclass(frozen=True, slots=True)
class Candidate:
    """A whole file on trial, and what its decoded bytes showed."""

    data: bytes = field(repr=False)
    margin: float
    chroma_subsampling: str
    measured: verify.Measured


class Trials:
    """Tries codings of one picture and remembers them."""

    def __init__(
        self,
        source: Container,
        pixels: NDArray[np.uint8],
        *,
        view: View,
        settings: Settings,
        target: float,
        marker: Marker | None,
    ) -> None:
        """Take the parsed source and its decoded pixels, uint8 (H, W) or (H, W, 3) RGB.

        view: how a viewer shows them; the sample is seen the same way. marker: goes into every
        candidate, so that what is measured is what can be delivered.
        """
        self.encoder = codecs.encoder(gray=pixels.ndim == 2)  # noqa: PLR2004
        self._source = source
        self._pixels = pixels
        self._view = view
        self._settings = settings
        self._target = target
        self._marker = marker
        self._sample = sample.take(pixels)
        self._probes: list[Probe] = []
        # The smallest that passed; what lost is not worth its memory.
        self._best: Candidate | None = None

    @property
    def trace(self) -> SearchTrace:
        """Everything tried so far."""
        return SearchTrace(tuple(self._probes))

    def smallest(self) -> Candidate | None:
        """Return the smallest candidate that holds the promise, or None where none does."""
        chosen = self._choose_chroma()
        if chosen is None:
            return None
        chroma, curve = chosen
        offset = self._offset
        expected = curve.size_at(-offset) / self._sample.share
        if expected > self._source.image_end * _SIZE_DOUBT:
            return None
        point = refine(
            partial(self._try_whole, chroma),
            partial(self._try_sample, chroma),
            curve=curve,
            offset=offset,
            limits=LIMITS,
        )
        return None if point is None else self._best

    @property
    def _offset(self) -> float:
        """What the whole picture's margin is expected to be more than the mosaic's."""
        if self._sample.share == 1.0:
            return 0.0
        return -_OFFSET - _OFFSET_GROWTH * (_TYPICAL_TARGET - self._target)

    def _choose_chroma(self) -> tuple[str, Curve] | None:
        """Return the subsampling that is smallest at the target on the sample, with its curve."""
        goal = LIMITS.window / 2 - self._offset
        own = self._source.frame.chroma_subsampling
        choices = [
            choice
            for choice in _CHOICES.get(own, _ALWAYS)
            if choice in self.encoder.chroma_subsamplings
        ]
        start = _TYPICAL_DISTANCE * np.exp((_TYPICAL_TARGET - self._target) / 15)
        best: tuple[str, Curve] | None = None
        for choice in choices:
            known = Curve()
            if best is not None:
                first = self._try_sample(choice, start)
                known.add(first)
                hopeless = known.size_at(goal) > best[1].size_at(goal) * _HOPELESS
                if hopeless and best[1].reaches(goal):
                    continue
                start = known.distance_at(goal)
            curve = locate(
                partial(self._try_sample, choice),
                start=float(start),
                goal=goal,
                limits=LIMITS,
                known=known,
            )
            if best is None or _price(curve, goal) < _price(best[1], goal):
                best = (choice, curve)
            start = best[1].distance_at(goal)
        return best

    def _try_sample(self, chroma: str, distance: float) -> Point:
        coded = self.encoder.encode(
            self._sample.pixels, distance=distance, chroma_subsampling=chroma, progressive=False
        )
        score = verify.measure(coded, self._sample.pixels, self._view).score
        self._probes.append(Probe("sample", chroma, distance, len(coded), score))
        return Point(distance, score - self._target, len(coded))

    def _try_whole(self, chroma: str, distance: float) -> Point:
        """Measure the file as it would be delivered: scans, metadata, trailer and all."""
        coded = self.encoder.encode(
            self._pixels,
            distance=distance,
            chroma_subsampling=chroma,
            progressive=self._settings.progressive and not is_large(self._source.frame),
        )
        data = assemble(self._source, coded, marker=self._marker, recoded=True)
        measured = verify.measure(data, self._pixels, self._view)
        margin = measured.score - self._target
        floor = self._settings.tile_floor
        below = 0.0 if floor is None else measured.worst_tile.score - floor
        margin = margin if floor is None else min(margin, below)
        self._probes.append(Probe("full", chroma, distance, len(data), measured.score, below >= 0))
        if margin >= 0 and (self._best is None or len(data) < len(self._best.data)):
            self._best = Candidate(data, margin, chroma, measured)
        return Point(distance, margin, len(data))


def _price(curve: Curve, goal: float) -> tuple[bool, float]:
    """Return what to choose a subsampling by: first whether it gets there at all, then bytes.

    Thin coloured lines at half the resolution never reach a high score, however many bytes.
    """
    return not curve.reaches(goal), curve.size_at(goal)
