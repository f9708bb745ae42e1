"""Find the coarsest coding that still passes; knows no JPEG, only measures.

A *margin* is how far a probe stands above what was promised, in points of the metric: zero just
passes, negative fails. It falls as the distance grows, roughly by 12 points each time the
distance grows e-fold; but not always: sources of middling quality give stairs, where the margin
jumps as the new quantization passes the old one. So slopes only propose, brackets decide, and
nothing that failed is ever returned.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

# Points of margin per e-fold of distance, where nothing better is known. Measured on camera
# photos between targets 80 and 90: 8 to 17.
TYPICAL_SLOPE = -12.0

# One point of margin is worth 5 to 6% of the bytes.
_BYTES_A_POINT = 0.055

# Sample probes to find the next distance for a full picture, and how many full pictures may be
# steered by the sample before only they themselves are trusted.
_STEERING_PROBES = 3
_STEERING_TOLERANCE = 0.1
_LEAST_STEP = 0.004
_TRUSTED_STEPS = 2

# Once a full picture was measured the sample's offset is known, and the aim can be lower.
_LATER_AIM = 0.35


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
    window: float = 0.6
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

    def has(self, distance: float) -> bool:
        """Tell whether a point stands at `distance`, as far as coding can tell."""
        return any(abs(math.log(distance / each.distance)) < 1e-4 for each in self.points)  # noqa: PLR2004

    def nearest(self, margin: float) -> Point:
        """Return the measured point whose margin is closest to `margin`."""
        return min(self.points, key=lambda each: abs(each.margin - margin))

    def reaches(self, margin: float) -> bool:
        """Tell whether some measured point came close to `margin`."""
        return any(each.margin >= margin - 1.0 for each in self.points)

    def misses(self, margin: float) -> float:
        """Return how far the nearest point's margin is off; inf without points."""
        return abs(self.nearest(margin).margin - margin) if self.points else math.inf

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
        nearest = self.nearest(margin)
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

    def choose(self, curve: Curve, margin: float) -> float:
        """Return the distance of the curve's point nearest `margin` that is still open.

        Where every such point is decided, the distance at which the curve expects `margin`.
        """
        low = self.passing.distance if self.passing else 0.0
        high = self.failing.distance if self.failing else math.inf
        open_points = [each for each in curve.points if low < each.distance < high]
        if not open_points:
            return curve.distance_at(margin)
        return Curve(open_points).nearest(margin).distance

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
        # One side only: clearly beyond it.
        if self.failing:
            high *= 1 - _LEAST_STEP
        if self.passing:
            low *= 1 + _LEAST_STEP
        return min(high, limits.coarsest, max(low, limits.finest, guess))

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
    `limits.sample_probes` times, and not at all where a known point is near enough.
    """
    curve = Curve(known.points if known else ())
    bracket = _Bracket(goal)
    for point in curve.points:
        bracket.add(point)
    guess = bracket.clamp(start, limits)
    for _ in range(limits.sample_probes):
        # 2% of distance is about 0.25 points: finer says nothing about the full picture.
        if curve.misses(goal) <= limits.tolerance or bracket.width() < 0.02:  # noqa: PLR2004
            break
        point = measure(guess)
        curve.add(point)
        bracket.add(point)
        guess = bracket.clamp(_within(curve.distance_at(goal), guess), limits)
        if any(guess == each.distance for each in curve.points):
            break
    return curve


def refine(
    measure: Callable[[float], Point],
    sample: Callable[[float], Point],
    *,
    curve: Curve,
    offset: float,
    limits: Limits,
) -> Point | None:
    """Measure full pictures, steered by the sample, until one passes closely.

    curve: the sample's points so far. offset: what the full margin is expected to be more than
    the sample's. Returns the smallest passing point, or None where nothing passed within
    `limits.full_probes`.
    """
    bracket = _Bracket(0.0)
    tried = Curve()
    best: Point | None = None
    aim = limits.window / 2
    few = replace(limits, sample_probes=_STEERING_PROBES, tolerance=_STEERING_TOLERANCE)
    for attempt in range(limits.full_probes):
        if attempt < _TRUSTED_STEPS:
            # A table's rounding makes a point of difference between two close distances, so the
            # full picture is tried at exactly a distance that the sample was.
            start = curve.distance_at(aim - offset)
            curve = locate(sample, start=start, goal=aim - offset, limits=few, known=curve)
            guess = bracket.choose(curve, aim - offset)
        else:
            guess = tried.distance_at(aim)
        guess = bracket.clamp(guess, limits)
        if tried.has(guess):
            break
        point = measure(guess)
        tried.add(point)
        bracket.add(point)
        if point.margin >= 0 and (best is None or point.size < best.size):
            best = point
        # Another full encode costs more time than the bytes it may still win.
        enough = limits.window + (0.2 * attempt)
        if best is not None and (best.margin <= enough or bracket.width() < 0.01):  # noqa: PLR2004
            break
        offset = point.margin - curve.margin_at(point.distance)
        aim = limits.window * _LATER_AIM
    return best


def _within(guess: float, last: float) -> float:
    """Limit one step to a factor of 2.5: beyond that a line says nothing about the curve."""
    return min(last * 2.5, max(last / 2.5, guess))


def _factor(folds: float) -> float:
    return math.exp(min(3.0, max(-3.0, folds)))
