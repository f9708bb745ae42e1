"""mozjpeg's entropy optimizer: every coefficient kept, the scans coded anew."""

from importlib.metadata import version

import mozjpeg_lossless_optimization

from jpegslim.errors import BrokenJpeg


def name() -> str:
    """Return the library and its version."""
    return f"mozjpeg-lossless-optimization {version('mozjpeg-lossless-optimization')}"


def recode(data: bytes) -> bytes:
    """Return the same coefficients with optimized progressive scans, without any metadata.

    It does not notice corruption: decode strictly first. Data behind the end of the image is
    dropped. Raises BrokenJpeg where libjpeg gives up.
    """
    try:
        coded: bytes = mozjpeg_lossless_optimization.optimize(data)
    except ValueError as error:
        raise BrokenJpeg("the lossless optimizer can't read the picture data") from error
    return coded
