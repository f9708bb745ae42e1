"""Which results an HTML report shows pictures of: a bounded choice while results stream by."""

import heapq
import math
from dataclasses import dataclass

from jpegslim.results import FileResult, View, Wish

# A page of both rankings stays under 12 MB, base64 included, and opens at once.
_BYTES = 4_000_000
_PLACES = 8


@dataclass(frozen=True, slots=True)
class Shown:
    """A view in the page. row: its file's place in the table. kinds: "saved", "score" or both."""

    row: int
    view: View
    kinds: tuple[str, ...]


class Gallery:
    """Keeps the views of the biggest savings and of the worst tiles, each within its own budget."""

    def __init__(self) -> None:
        self._saved = _Ranking()
        self._worst = _Ranking()

    def add(self, row: int, result: FileResult) -> None:
        """Look at a result; it stays, or what it pushes out goes."""
        view, tile = result.view, result.worst_tile
        if view is None or tile is None:
            return
        self._saved.add(result.bytes_in - result.bytes_out, row, view)
        self._worst.add(-tile.score, row, view)

    def wish(self) -> Wish:
        """Return what a result must have to find a place now."""
        return Wish(saves_over=self._saved.least, scores_under=-self._worst.least)

    def shown(self) -> list[Shown]:
        """Return what stayed, by row."""
        kinds: dict[int, list[str]] = {}
        views: dict[int, View] = {}
        for kind, ranking in (("saved", self._saved), ("score", self._worst)):
            for row, view in ranking.items():
                kinds.setdefault(row, []).append(kind)
                views[row] = view
        return [Shown(row, views[row], tuple(kinds[row])) for row in sorted(views)]


class _Ranking:
    """The highest of what came by: at most so many, within so many bytes."""

    def __init__(self) -> None:
        # The lowest first; of equals the latest goes first. Views themselves are never compared.
        self._heap: list[tuple[float, int, View]] = []
        self._size = 0
        self.least = -math.inf

    def add(self, rank: float, row: int, view: View) -> None:
        if rank <= self.least or view.size > _BYTES:
            return
        heapq.heappush(self._heap, (rank, -row, view))
        self._size += view.size
        while len(self._heap) > _PLACES or self._size > _BYTES:
            rank, _, dropped = heapq.heappop(self._heap)
            self._size -= dropped.size
            # From now on only what ranks higher can come in: there is no going back.
            self.least = rank

    def items(self) -> list[tuple[int, View]]:
        return [(-row, view) for _, row, view in self._heap]
