"""What the service asks of a worker, and what it is told.

Apart from `work`, which does it: no codec is ever loaded into the service's own process.
"""

from dataclasses import dataclass

from jpegslim.results import Optimized
from jpegslim.settings import Settings

ENTRY = "jpegslim.web.work:run"


@dataclass(frozen=True, slots=True)
class Order:
    """One picture to work on: names of ours, where it lies and where the result goes."""

    source: str
    result: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Made:
    """What became of it.

    optimized: without its bytes. written: whether there is a result other than the source.
    orientation: EXIF's, 1 to 8. seconds: spent in the worker.
    """

    optimized: Optimized
    written: bool
    orientation: int
    seconds: float
