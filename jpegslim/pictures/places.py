"""Where two pictures differ: local scores on a fine grid, and the worst places on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine import metric
from jpegslim.engine.comparing import Pair
from jpegslim.engine.metric import Colour, Tile, score_from_sums
from jpegslim.engine.metric.tiles import SMALLEST_TILE, tile_edges

# Pixels measured in all: a 24 MP picture once, one of 640 x 480 the full sixteen times.
_MEASURED_PIXELS = 24_000_000
_STEPS = (16, 32, 64)

# Width and height in pixels.
Size = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class LocalScores:
    """Scores of a picture's cells, row by row: each is the mean of the windows that cover it.

    scores: (rows, columns) float64. step: side of a cell in pixels; the last of a row or column
    may be cut by the picture's edge.
    """

    scores: NDArray[np.float64]
    step: int


def local_scores(pair: Pair) -> LocalScores:
    """Score every place of a copy.

    Windows of 64 pixels, the smallest that the metric can score, are laid over the picture at
    offsets of 16 pixels; of 32 or 64 where that would take too long.
    """
    reference, distorted, colour = pair.original, pair.copy, pair.view.colour
    if pair.view.tables is not None:
        reference, distorted = map(pair.view.tables.convert, (reference, distorted))
    height, width = reference.shape[:2]
    step = next(
        (step for step in _STEPS if height * width * _offsets(step) ** 2 <= _MEASURED_PIXELS),
        _STEPS[-1],
    )
    total = np.zeros((-(-height // step), -(-width // step)))
    covered = np.zeros_like(total)
    for top, left in np.ndindex(_offsets(step), _offsets(step)):
        y, x = top * step, left * step
        if (y and height - y < SMALLEST_TILE) or (x and width - x < SMALLEST_TILE):
            continue
        windows = _window_scores(reference[y:, x:], distorted[y:, x:], colour, step)
        total[top:, left:] += windows
        covered[top:, left:] += 1
    return LocalScores(total / covered, step)


def worst_places(local: LocalScores, *, count: int, size: Size, window: Size) -> list[Tile]:
    """Return up to `count` windows around the cells with the lowest scores, lowest first.

    size: (width, height) of the picture. window: of each, at most the picture's. None overlaps
    another, and all lie inside the picture.
    """
    places: list[Tile] = []
    for cell in np.argsort(local.scores, axis=None, kind="stable"):
        row, column = divmod(int(cell), local.scores.shape[1])
        x, y = (
            max(0, min(at * local.step + local.step // 2 - side // 2, whole - side))
            for at, side, whole in zip((column, row), window, size, strict=True)
        )
        if all(abs(x - other.x) >= window[0] or abs(y - other.y) >= window[1] for other in places):
            score = float(local.scores[row, column])
            places.append(Tile(x=x, y=y, width=window[0], height=window[1], score=score))
            if len(places) == count:
                break
    return places


def _offsets(step: int) -> int:
    return SMALLEST_TILE // step


def _window_scores(
    reference: NDArray[np.uint8], distorted: NDArray[np.uint8], colour: Colour, step: int
) -> NDArray[np.float64]:
    """Return the score of the window that covers each cell, for one grid of windows."""
    height, width = reference.shape[:2]
    sums = metric.partial_sums(reference, distorted, colour=colour, tile_size=SMALLEST_TILE)
    counts = metric.pixel_counts(width, height, SMALLEST_TILE)
    scores = np.empty(sums.shape[:2])
    for place in np.ndindex(scores.shape):
        scores[place] = score_from_sums(sums[place], counts[place])
    down = np.searchsorted(tile_edges(height, SMALLEST_TILE)[1:-1], range(0, height, step), "right")
    across = np.searchsorted(tile_edges(width, SMALLEST_TILE)[1:-1], range(0, width, step), "right")
    return scores[np.ix_(down, across)]
