"""What a worker does for an object: as with a pipe, or from file to file where bytes are many."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from jpegslim.engine.container.upright import orientation_of
from jpegslim.errors import FileError
from jpegslim.files.work import run_bytes
from jpegslim.results import Optimized, Status
from jpegslim.settings import Settings

ENTRY = "jpegslim.aws.work:run"

NEW = (Status.OPTIMIZED, Status.LOSSLESS)


@dataclass(frozen=True, slots=True)
class Order:
    """One picture to work on: its bytes, or the names of files of ours."""

    settings: Settings
    data: bytes | None = field(default=None, repr=False)
    source: Path | None = None
    result: Path | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What became of it.

    optimized: with bytes only where they are new and were not written to a file. orientation: how
    viewers turn the result (EXIF, 1 to 8). seconds: spent in the worker.
    """

    optimized: Optimized
    orientation: int
    seconds: float


def run(order: Order, admit: Callable[[float], None]) -> Made:
    """Optimize one picture. Raises FileError."""
    start = time.perf_counter()
    data = order.data
    if data is None:
        assert order.source is not None  # noqa: S101 - an order has one or the other
        data = order.source.read_bytes()
    optimized = run_bytes((data, order.settings), admit)
    orientation = 1
    result = optimized.data if optimized.status in NEW else b""
    if result:
        orientation = orientation_of(result)
    if result and order.result is not None:
        try:
            order.result.write_bytes(result)
        except OSError as error:
            text = f"its result finds no room in {order.result.parent}: {error.strerror}"
            raise FileError(text, reason="no_space") from error
        result = b""
    return Made(replace(optimized, data=result), orientation, time.perf_counter() - start)
