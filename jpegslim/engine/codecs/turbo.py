"""libjpeg-turbo through simplejpeg: the strict decoder, for sources and for verification.

It raises on every libjpeg warning, so that a scan cut in half and closed with an end marker is
refused where laxer decoders return a grey band.
"""

import re
from importlib.metadata import version

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from jpegslim.engine.container.icc import without_profile
from jpegslim.errors import BrokenJpeg, UnsupportedJpeg

_COLOUR_SPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}

# What it warns of while the picture itself is whole: a colour profile with a part missing.
_PROFILE = "bad icc marker"

# Libjpeg's words for a refused allocation; TurboJPEG's own are "Memory allocation failure".
_MEMORY = "memory"

_FUNCTION = re.compile(r"^tj\w+\(\): ")

# What libjpeg-turbo says of files that are whole but beyond it.
_UNSUPPORTED = (
    "unsupported",
    "not supported",
    "could not determine subsampling",
    "sorry",
    "cannot transcode",
)


def name() -> str:
    """Return the library and its version."""
    return f"simplejpeg {version('simplejpeg')}"


def decode(data: bytes, *, components: int) -> NDArray[np.uint8]:
    """Decode a JPEG to pixels as a viewer shows them.

    Returns uint8 (H, W) for one component, (H, W, 3) RGB for three, (H, W, 4) CMYK for four.
    A colour profile with a part missing is no damage of the picture: it is decoded without.
    Raises BrokenJpeg with libjpeg's own words where it warns of anything else, UnsupportedJpeg
    where the coding is beyond it.
    """
    try:
        try:
            pixels = _decode(data, components)
        except (ValueError, RuntimeError) as error:
            if _PROFILE not in str(error).lower():
                raise
            pixels = _decode(without_profile(data), components)
    except (ValueError, RuntimeError) as error:
        words = _words(error)
        if _MEMORY in words.lower():
            raise MemoryError(words) from error
        if any(sign in words.lower() for sign in _UNSUPPORTED):
            raise UnsupportedJpeg(
                f"the decoder can't read this kind of JPEG ({words})", reason="undecodable"
            ) from error
        raise BrokenJpeg(f"the picture data is damaged ({words})") from error
    return pixels[:, :, 0] if components == 1 else pixels


def decode_leniently(data: bytes, *, components: int) -> NDArray[np.uint8]:
    """Decode as `decode` does, whatever libjpeg warns of. Raises BrokenJpeg where it gives up."""
    try:
        pixels = _decode(data, components, strict=False)
    except (ValueError, RuntimeError) as error:
        words = _words(error)
        raise BrokenJpeg(f"the picture data is damaged ({words})") from error
    return pixels[:, :, 0] if components == 1 else pixels


def _decode(data: bytes, components: int, *, strict: bool = True) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        data, _COLOUR_SPACES[components], strict=strict
    )
    return pixels


def _words(error: Exception) -> str:
    """Return libjpeg's own words on one line, without the function's name in front."""
    return " ".join(_FUNCTION.sub("", str(error)).split())
