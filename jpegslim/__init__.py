"""Batch JPEG optimizer: the smallest file that a perceptual metric still passes.

    import jpegslim

    settings = jpegslim.Settings(target=85)
    result = jpegslim.optimize(data, settings)
    result.data, result.status, result.score

Errors: JpegslimError is the root; FileError (NotAJpeg, UnsupportedJpeg, BrokenJpeg) speaks of one
picture; UsageError of a call that makes no sense.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jpegslim.version import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from jpegslim.engine.comparing import compare
    from jpegslim.engine.metric import Comparison
    from jpegslim.engine.optimizer import optimize
    from jpegslim.errors import (
        BrokenJpeg,
        FileError,
        JpegslimError,
        NotAJpeg,
        UnsupportedJpeg,
        UsageError,
    )
    from jpegslim.results import Optimized, Reason, Status, Tile
    from jpegslim.settings import Settings, parse_quality

__all__ = [
    "BrokenJpeg",
    "Comparison",
    "FileError",
    "JpegslimError",
    "NotAJpeg",
    "Optimized",
    "Reason",
    "Settings",
    "Status",
    "Tile",
    "UnsupportedJpeg",
    "UsageError",
    "__version__",
    "compare",
    "optimize",
    "parse_quality",
]

# Loaded at first use: `jpegslim --version` must not wait for NumPy and the codecs.
_HOMES = {
    "compare": "engine.comparing",
    "optimize": "engine.optimizer",
    "Comparison": "engine.metric",
    "Settings": "settings",
    "parse_quality": "settings",
    **dict.fromkeys(("Optimized", "Reason", "Status", "Tile"), "results"),
    **dict.fromkeys(
        ("BrokenJpeg", "FileError", "JpegslimError", "NotAJpeg", "UnsupportedJpeg", "UsageError"),
        "errors",
    ),
}


def __getattr__(name: str) -> Any:
    """Load a public name from its room."""
    if name not in _HOMES:
        raise AttributeError(f"module 'jpegslim' has no attribute {name!r}")
    value = getattr(import_module(f"jpegslim.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
