"""mozjpeg's entropy optimizer: every coefficient kept, the scans coded anew."""

from importlib.metadata import version

import mozjpeg_lossless_optimization

from jpegslim.errors import UnsupportedJpeg


def name() -> str:
    """Return the library and its version."""
    return f"mozjpeg-lossless-optimization {version('mozjpeg-lossless-optimization')}"


def recode(data: bytes) -> bytes:
    """Return the same coefficients with optimized progressive scans, without any metadata.

    It does not notice corruption: decode strictly first. Data behind the end of the image is
    dropped. Raises UnsupportedJpeg where it gives up on what was decoded before.
    """
    try:
        coded: bytes = mozjpeg_lossless_optimization.optimize(data)
    except ValueError as error:
        raise UnsupportedJpeg(
            "the lossless optimizer gave up on it, without saying why", reason="not_recoded"
        ) from error
    return coded
