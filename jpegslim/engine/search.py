"""Find the coarsest coding that still passes; knows no JPEG, only measures.

A *margin* is how far a probe stands above what was promised, in points of the metric: zero just
passes, negative fails. It falls as the distance grows, roughly by 12 points each time the
distance grows e-fold; but not always: sources of middling quality give stairs, where the margin
jumps as the new quantization passes the old one. So slopes only propose, brackets decide, and
nothing that failed is ever returned.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

# Points of margin per e-fold of distance, where nothing better is known. Measured on camera
# photos between targets 80 and 90: 8 to 17.
TYPICAL_SLOPE = -12.0

# One point of margin is worth 5 to 6% of the bytes.
_BYTES_A_POINT = 0.055


@dataclass(frozen=True, slots=True)
class Point:
    """One measured coding: its distance, its margin in points, its size in bytes."""

    distance: float
    margin: float
    size: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a search may spend and where it may look.

    window: a full probe with a margin from 0 to this is good enough at once. sample_probes:
    for each chroma subsampling. full_probes: in all.
    """

    finest: float = 0.05
    coarsest: float = 20.0
    window: float = 0.5
    tolerance: float = 0.2
    sample_probes: int = 7
    full_probes: int = 6


class Curve:
    """Margins over log distance, from measured points; straight lines between and beyond."""

    def __init__(self, points: Sequence[Point] = ()) -> None:
        self.points = sorted(points, key=lambda point: point.distance)

    def add(self, point: Point) -> None:
        """Take in one more measured point."""
        self.points = sorted([*self.points, point], key=lambda each: each.distance)

    def slope_near(self, distance: float) -> float:
        """Return points of margin per e-fold around `distance`, always clearly falling."""
        near = sorted(self.points, key=lambda each: abs(math.log(each.distance / distance)))[:2]
        if len(near) == 2:  # noqa: PLR2004
            run = math.log(near[1].distance / near[0].distance)
            # Closer than 2% apart, the metric's grain swamps the slope.
            if abs(run) > 0.02:  # noqa: PLR2004
                return min(-3.0, max(-40.0, (near[1].margin - near[0].margin) / run))
        return TYPICAL_SLOPE

    def margin_at(self, distance: float) -> float:
        """Return the margin the curve expects at `distance`."""
        for left, right in pairwise(self.points):
            if left.distance <= distance <= right.distance and right.distance > left.distance:
                part = math.log(distance / left.distance) / math.log(right.distance / left.distance)
                return left.margin + part * (right.margin - left.margin)
        nearest = min(self.points, key=lambda each: abs(math.log(each.distance / distance)))
        rise = math.log(distance / nearest.distance) * self.slope_near(distance)
        return nearest.margin + rise

    def distance_at(self, margin: float) -> float:
        """Return the coarsest distance at which the curve expects `margin`."""
        for left, right in reversed(list(pairwise(self.points))):
            if left.margin >= margin > right.margin:
                part = (left.margin - margin) / (left.margin - right.margin)
                return left.distance * math.pow(right.distance / left.distance, part)
        finest, coarsest = self.points[0], self.points[-1]
        edge = coarsest if coarsest.margin >= margin else finest
        return edge.distance * _factor((margin - edge.margin) / self.slope_near(edge.distance))

    def size_at(self, margin: float) -> float:
        """Return the bytes the curve expects at `margin`, from the measured point nearest it."""
        nearest = min(self.points, key=lambda each: abs(each.margin - margin))
        return nearest.size * math.exp(_BYTES_A_POINT * (margin - nearest.margin))


class _Bracket:
    """The coarsest passing and the finest failing point, `goal` being the margin that passes."""

    def __init__(self, goal: float) -> None:
        self.goal = goal
        self.passing: Point | None = None
        self.failing: Point | None = None
        self._same_side = 0

    def add(self, point: Point) -> None:
        passes = point.margin >= self.goal
        if passes and (self.passing is None or point.distance > self.passing.distance):
            self._same_side = max(1, self._same_side + 1)
            self.passing = point
        elif not passes and (self.failing is None or point.distance < self.failing.distance):
            self._same_side = min(-1, self._same_side - 1)
            self.failing = point
        # Not monotone: a coarser point passes where a finer one failed. The promise is kept by
        # the coarser one as well, so the bracket moves beyond it.
        if self.passing and self.failing and self.passing.distance >= self.failing.distance:
            self.failing = None

    def clamp(self, guess: float, limits: Limits) -> float:
        """Keep a guess inside the bracket, and off its ends when one end stands still."""
        low = self.passing.distance if self.passing else limits.finest
        high = self.failing.distance if self.failing else limits.coarsest
        if self.passing and self.failing:
            width = math.log(high / low)
            # Two steps from the same side: the curve is bent or has a stair; halve instead.
            stuck = abs(self._same_side) > 1
            edge = 0.35 if stuck else 0.08
            return min(high * math.exp(-edge * width), max(low * math.exp(edge * width), guess))
        return min(limits.coarsest, max(limits.finest, guess))

    def width(self) -> float:
        """Return how many e-folds lie between passing and failing; inf while one is unknown."""
        if self.passing is None or self.failing is None:
            return math.inf
        return math.log(self.failing.distance / self.passing.distance)


def locate(
    measure: Callable[[float], Point],
    *,
    start: float,
    goal: float,
    limits: Limits,
    known: Curve | None = None,
) -> Curve:
    """Probe until some point's margin is near `goal` or a stair is cornered.

    Returns every point known, those of `known` included. measure is called at most
    `limits.sample_probes` times.
    """
    curve = Curve(known.points if known else ())
    bracket = _Bracket(goal)
    for point in curve.points:
        bracket.add(point)
    guess = bracket.clamp(start, limits)
    for _ in range(limits.sample_probes):
        point = measure(guess)
        curve.add(point)
        bracket.add(point)
        # 2% of distance is about 0.25 points: finer says nothing about the full picture.
        if abs(point.margin - goal) <= limits.tolerance or bracket.width() < 0.02:  # noqa: PLR2004
            break
        following = bracket.clamp(_within(curve.distance_at(goal), guess), limits)
        if following == guess:
            break
        guess = following
    return curve


def refine(
    measure: Callable[[float], Point],
    *,
    curve: Curve,
    offset: float,
    limits: Limits,
) -> Point | None:
    """Measure full pictures, steered by the sample's curve, until one passes closely.

    offset: what the full margin is expected to be more than the sample's. Returns the smallest
    passing point, or None where nothing passed within `limits.full_probes`.
    """
    bracket = _Bracket(0.0)
    best: Point | None = None
    aim = limits.window / 2
    tried: list[Point] = []
    for attempt in range(limits.full_probes):
        guess = bracket.clamp(_propose(curve, tried, aim - offset, bracket), limits)
        if any(abs(math.log(guess / point.distance)) < 1e-4 for point in tried):  # noqa: PLR2004
            break
        point = measure(guess)
        tried.append(point)
        bracket.add(point)
        if point.margin >= 0 and (best is None or point.size < best.size):
            best = point
        # A third full encode costs more time than the bytes it may still win.
        enough = limits.window if attempt == 0 else limits.window + 0.2 * attempt
        if best is not None and (best.margin <= enough or bracket.width() < 0.01):  # noqa: PLR2004
            break
        offset = point.margin - curve.margin_at(point.distance)
        # After the first full picture the offset is known; the sample follows it closely.
        aim = limits.window * (0.3 if attempt == 0 else 0.4)
    return best


def _propose(curve: Curve, tried: list[Point], sample_margin: float, bracket: _Bracket) -> float:
    """Return the next distance: the sample's curve shifted, or a line between full pictures."""
    if bracket.passing and bracket.failing:
        return Curve([bracket.passing, bracket.failing]).distance_at(
            min(0.2, bracket.passing.margin / 2)
        )
    guess = curve.distance_at(sample_margin)
    if len(tried) > 1:
        # Still on one side after two: the sample misleads; trust the full pictures' own slope.
        guess = Curve(tried).distance_at(0.2)
    return _within(guess, tried[-1].distance if tried else guess)


def _within(guess: float, last: float) -> float:
    """Limit one step to a factor of 2.5: beyond that a line says nothing about the curve."""
    return min(last * 2.5, max(last / 2.5, guess))


def _factor(folds: float) -> float:
    return math.exp(min(3.0, max(-3.0, folds)))
