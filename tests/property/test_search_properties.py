"""The search on made-up quality curves: it never returns what failed, and it comes to an end."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from jpegslim.engine.search import Curve, Limits, Point, locate, refine

LIMITS = Limits()


@dataclass
class World:
    """A picture's margins over distance: a falling line, stairs, grain, and a biased sample."""

    crossing: float
    slope: float
    bend: float
    stairs: list[tuple[float, float]]
    bias: float
    grain: float
    asked: list[Point] = field(default_factory=list)

    def margin(self, distance: float) -> float:
        run = math.log(distance / self.crossing)
        margin = self.slope * run - self.bend * run * abs(run)
        for edge, height in self.stairs:
            if distance > self.crossing * edge:
                margin -= height
            elif distance > self.crossing * edge * 0.9:
                margin += height / 2
        # Grain that depends on the distance alone: measuring twice gives the same.
        return margin + self.grain * math.sin(distance * 7919)

    def whole(self, distance: float) -> Point:
        point = self._point(distance, self.margin(distance), 1_000_000)
        self.asked.append(point)
        return point

    def sample(self, distance: float) -> Point:
        return self._point(distance, self.margin(distance) + self.bias, 80_000)

    def _point(self, distance: float, margin: float, size: int) -> Point:
        return Point(distance, margin, int(size * math.exp(0.055 * min(100.0, margin))))


worlds = st.builds(
    World,
    crossing=st.floats(0.2, 6.0),
    slope=st.floats(-20.0, -6.0),
    bend=st.floats(0.0, 3.0),
    stairs=st.lists(st.tuples(st.floats(0.6, 1.8), st.floats(0.2, 5.0)), max_size=3),
    bias=st.floats(-2.0, 3.0),
    grain=st.floats(0.0, 0.3),
)
tame_worlds = st.builds(
    World,
    crossing=st.floats(0.5, 3.0),
    slope=st.floats(-18.0, -8.0),
    bend=st.floats(0.0, 1.0),
    stairs=st.just([]),
    bias=st.floats(-0.2, 1.0),
    grain=st.floats(0.0, 0.02),
)


def find(world: World, limits: Limits = LIMITS) -> Point | None:
    curve = locate(world.sample, start=1.1, goal=limits.window / 2 + 0.5, limits=limits)
    return refine(world.whole, world.sample, curve=curve, offset=-0.5, limits=limits)


@settings(max_examples=300, deadline=None)
@given(worlds)
def test_what_is_returned_was_measured_and_passed(world: World) -> None:
    found = find(world)
    assert found is None or (found in world.asked and found.margin >= 0)


@settings(max_examples=300, deadline=None)
@given(worlds)
def test_the_smallest_passing_measurement_is_returned(world: World) -> None:
    found = find(world)
    passing = [point for point in world.asked if point.margin >= 0]
    assert (found is None) == (not passing)
    assert found is None or found.size == min(point.size for point in passing)


@settings(max_examples=300, deadline=None)
@given(worlds)
def test_no_more_is_measured_than_allowed(world: World) -> None:
    calls: list[float] = []

    def counted(measure: Callable[[float], Point]) -> Callable[[float], Point]:
        def call(distance: float) -> Point:
            calls.append(distance)
            assert LIMITS.finest <= distance <= LIMITS.coarsest
            return measure(distance)

        return call

    curve = locate(counted(world.sample), start=1.1, goal=0.8, limits=LIMITS)
    assert len(calls) <= LIMITS.sample_probes
    calls.clear()
    refine(counted(world.whole), world.sample, curve=curve, offset=-0.5, limits=LIMITS)
    assert len(calls) <= LIMITS.full_probes
    assert len(set(calls)) == len(calls)


@settings(max_examples=300, deadline=None)
@given(tame_worlds)
def test_a_smooth_curve_is_met_closely_within_three_full_measurements(world: World) -> None:
    found = find(world)
    assert found is not None
    assert found.margin <= 0.7
    assert len(world.asked) <= 3


@settings(max_examples=100, deadline=None)
@given(tame_worlds)
def test_a_sample_that_is_the_whole_picture_needs_one_full_measurement(world: World) -> None:
    world.bias = 0.0
    curve = locate(world.sample, start=1.1, goal=LIMITS.window / 2, limits=LIMITS)
    found = refine(world.whole, world.sample, curve=curve, offset=0.0, limits=LIMITS)
    assert found is not None
    assert len(world.asked) <= 2


def test_a_picture_that_never_passes_gives_none() -> None:
    hopeless = World(1.0, -10.0, 0.0, [], 0.0, 0.0)
    hopeless.margin = lambda distance: -5.0 - math.log(distance)  # type: ignore[method-assign]
    assert find(hopeless) is None


def test_known_points_are_not_measured_again() -> None:
    known = Curve([Point(1.0, 0.05, 100)])
    asked: list[float] = []

    def measure(distance: float) -> Point:
        asked.append(distance)
        return Point(distance, -12 * math.log(distance), 100)

    locate(measure, start=known.distance_at(0.0), goal=0.0, limits=LIMITS, known=known)
    assert 1.0 not in asked
