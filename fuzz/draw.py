"""Turn a fuzzer's bytes into decisions, so that mutated bytes become a changed structure."""

from collections.abc import Sequence
from typing import TypeVar

Thing = TypeVar("Thing")


class Draw:
    """Decisions read off the bytes from the front; zeros once they have run out."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, low: int, high: int) -> int:
        """Return a number from low to high, both included."""
        span = high - low + 1
        return low + int.from_bytes(self.take((span.bit_length() + 7) // 8)) % span

    def one_in(self, count: int) -> bool:
        """Return True about once in `count` times, and never once the bytes have run out."""
        return self.number(0, count - 1) == count - 1

    def pick(self, things: Sequence[Thing]) -> Thing:
        """Return one of the things."""
        return things[self.number(0, len(things) - 1)]

    def take(self, count: int) -> bytes:
        """Return the next bytes, filled up with zeros behind the last."""
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken.ljust(count, b"\0")

    def rest(self) -> bytes:
        """Return all that is left."""
        left = self._data[self._at :]
        self._at = len(self._data)
        return left
