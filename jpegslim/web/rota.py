"""Whose turn it is: clients one after another, each client's single pictures before its batches."""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Rota(Generic[Item]):
    """A queue that is fair between clients; not safe for threads by itself."""

    def __init__(self) -> None:
        # The first client is the next to be served; a served one goes to the end.
        self._lanes: OrderedDict[str, tuple[deque[Item], deque[Item]]] = OrderedDict()

    def __len__(self) -> int:
        """Count what waits."""
        return sum(len(lane) for lanes in self._lanes.values() for lane in lanes)

    def urgent(self, client: str | None = None) -> int:
        """Count the single pictures that wait, of one client or of all."""
        if client is None:
            return sum(len(urgent) for urgent, _ in self._lanes.values())
        return len(self._lanes[client][0]) if client in self._lanes else 0

    def add(self, client: str, item: Item, *, urgent: bool) -> None:
        """Let an item wait for its client's turn."""
        lanes = self._lanes.setdefault(client, (deque(), deque()))
        lanes[0 if urgent else 1].append(item)

    def take(self) -> Item | None:
        """Remove and return the next item, None where nothing waits."""
        if not self._lanes:
            return None
        client, lanes = self._lanes.popitem(last=False)
        item = (lanes[0] or lanes[1]).popleft()
        if lanes[0] or lanes[1]:
            self._lanes[client] = lanes
        return item

    def drop_batches(self) -> None:
        """Take everything but the single pictures out of the line."""
        for client, (urgent, batch) in list(self._lanes.items()):
            batch.clear()
            if not urgent:
                del self._lanes[client]

    def remove(self, client: str, item: Item) -> bool:
        """Take an item out of the line; tell whether it stood there."""
        lanes = self._lanes.get(client, ())
        for lane in lanes:
            if item in lane:
                lane.remove(item)
                if not any(lanes):
                    del self._lanes[client]
                return True
        return False
