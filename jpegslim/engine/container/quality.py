"""Estimate the quality a JPEG was saved at from its quantization tables."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

Table = tuple[int, ...]

# T.81 tables K.1 and K.2, row by row, as the IJG's encoder scales them.
_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *(((99,) * 8,) * 4),
)
_SIDE = 8
_QUALITIES = range(1, 101)
_HALF = 50
# An encoder asked for baseline cuts off here, else at what 15 bits hold.
_LARGEST = (255, 32767)


def _zigzag() -> Table:
    """Return the row-by-row index of each coefficient in the order of the file (T.81 A.3.6)."""
    diagonals: list[list[int]] = [[] for _ in range(2 * _SIDE - 1)]
    for row in range(_SIDE):
        for column in range(_SIDE):
            diagonals[row + column].append(row * _SIDE + column)
    ordered = (each if number % 2 else each[::-1] for number, each in enumerate(diagonals))
    return tuple(index for diagonal in ordered for index in diagonal)


ZIGZAG = _zigzag()
_STANDARD: tuple[Table, Table] = (
    tuple(value for row in _LUMA for value in row),
    tuple(value for row in _CHROMA for value in row),
)


@dataclass(frozen=True, slots=True)
class Quality:
    """An estimate on the IJG's scale, 1 to 100, which most programs' sliders follow.

    luma, chroma: of the first component's table and of the others'; chroma is None where there
    is no other. standard: both are the IJG's tables scaled to exactly that quality; else each is
    the quality whose table comes closest.
    """

    luma: int
    chroma: int | None
    standard: bool


def by_rows(table: Table) -> tuple[Table, ...]:
    """Return a table of zigzag order as eight rows, the constant term first."""
    values = dict(zip(ZIGZAG, table, strict=True))
    return tuple(
        tuple(values[row * _SIDE + column] for column in range(_SIDE)) for row in range(_SIDE)
    )


def estimate(tables: Sequence[Table]) -> Quality | None:
    """Estimate the quality of a picture from its components' tables in zigzag order.

    A table that is one of the standard two at some quality names it for certain; else the
    quality is the one whose table is closest in the mean of its values' logarithms. None without
    tables.
    """
    if not tables:
        return None
    luma, luma_exact = _closest(tables[0], _STANDARD)
    others = sorted(set(tables[1:]))
    if not others:
        return Quality(luma, None, luma_exact)
    # RGB and many cameras use the first table for all.
    found = [_closest(table, _STANDARD[::-1], likely=luma) for table in others]
    chroma, chroma_exact = min(found)
    return Quality(luma, chroma, luma_exact and chroma_exact)


def _closest(table: Table, bases: Sequence[Table], *, likely: int = 100) -> tuple[int, bool]:
    """Return the quality, and whether a standard table is met exactly; the first base counts.

    likely: the answer where several qualities have the same table, as 1 to 3 do for chroma.
    """
    natural = tuple(value for row in by_rows(table) for value in row)
    for base in bases:
        for quality in (likely, *reversed(_QUALITIES)):
            if any(_scaled(base, quality, largest) == natural for largest in _LARGEST):
                return quality, True
    level = _mean_logarithm(natural)
    apart = {quality: abs(_level(bases[0], quality) - level) for quality in _QUALITIES}
    return min(apart, key=lambda quality: apart[quality]), False


# Two tables at 100 qualities: 18 ms for each picture, unless they are kept.
@cache
def _scaled(base: Table, quality: int, largest: int) -> Table:
    """Scale a standard table as the IJG's jpeg_set_quality does."""
    percent = 5000 // quality if quality < _HALF else 200 - 2 * quality
    return tuple(min(max((value * percent + 50) // 100, 1), largest) for value in base)


@cache
def _level(base: Table, quality: int) -> float:
    return _mean_logarithm(_scaled(base, quality, _LARGEST[1]))


def _mean_logarithm(values: Sequence[int]) -> float:
    return sum(math.log(max(value, 1)) for value in values) / len(values)
