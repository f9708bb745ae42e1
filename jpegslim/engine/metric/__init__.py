"""How far a copy is from its original, as people see it: SSIMULACRA2, whole and tile by tile."""

from jpegslim.engine.metric.colour import SRGB, Colour
from jpegslim.engine.metric.score import score_from_sums
from jpegslim.engine.metric.ssimulacra2 import (
    NUMPY,
    Comparison,
    compare,
    implementation,
    is_meaningful,
    partial_sums,
)
from jpegslim.engine.metric.tiles import pixel_counts
from jpegslim.results import Tile

__all__ = [
    "NUMPY",
    "SRGB",
    "Colour",
    "Comparison",
    "Tile",
    "compare",
    "implementation",
    "is_meaningful",
    "partial_sums",
    "pixel_counts",
    "score_from_sums",
]
