"""What a worker does for the web: read one stored upload, optimize it, store the result beside it.

No picture's bytes cross a pipe, so the service's own memory does not grow with the pictures.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from jpegslim.engine.container.segments import parse
from jpegslim.engine.container.tiff import read_tiff
from jpegslim.engine.container.walk import APP1
from jpegslim.engine.optimizer import optimize
from jpegslim.errors import FileError, RunError
from jpegslim.web.orders import Made, Order

_NICENESS = 10

_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_UPRIGHT = 1
_LAST_ORIENTATION = 8


def run(order: Order, admit: Callable[[float], None]) -> Made:
    """Optimize one stored picture. Raises FileError for it, RunError where the disk is full."""
    start = time.perf_counter()
    _step_back()
    data = Path(order.source).read_bytes()
    optimized = optimize(data, order.settings, admit=admit)
    written = optimized.data != data
    if written:
        try:
            Path(order.result).write_bytes(optimized.data)
        except OSError as error:
            raise RunError(f"can't store a result: {error.strerror or error}") from error
    return Made(
        replace(optimized, data=b""), written, _orientation(data), time.perf_counter() - start
    )


def _step_back() -> None:
    """Leave the processor to the service where both want it: it answers everybody."""
    if sys.platform != "win32" and os.getpriority(os.PRIO_PROCESS, 0) < _NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)


def _orientation(data: bytes) -> int:
    """Return how a viewer turns the picture: EXIF's tag, 1 where there is none."""
    try:
        container = parse(data)
    except FileError:
        return _UPRIGHT
    for segment in container.segments:
        start = segment.payload_start
        if segment.marker != APP1 or not container.data.startswith(_EXIF, start):
            continue
        read = read_tiff(data[start + len(_EXIF) : segment.end])
        if read is None:
            break
        tiff, first = read
        fields, _ = tiff.directory(first)
        found = tiff.numbers(fields.get(_ORIENTATION))
        if found and _UPRIGHT <= found[0] <= _LAST_ORIENTATION:
            return found[0]
        break
    return _UPRIGHT
