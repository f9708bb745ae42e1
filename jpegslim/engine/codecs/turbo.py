"""libjpeg-turbo through simplejpeg: the strict decoder, for sources and for verification.

It raises on every libjpeg warning, so that a scan cut in half and closed with an end marker is
refused where laxer decoders return a grey band.
"""

from importlib.metadata import version

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from jpegslim.errors import BrokenJpeg, UnsupportedJpeg

_COLOUR_SPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}

# What it warns of while the picture itself is whole: a colour profile with a part missing.
_METADATA = "bad icc marker"

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
    Raises BrokenJpeg with libjpeg's own words where it warns, UnsupportedJpeg where the coding
    is beyond it.
    """
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            data, _COLOUR_SPACES[components], strict=True
        )
    except (ValueError, RuntimeError) as error:
        words = " ".join(str(error).split())
        if any(sign in words.lower() for sign in _UNSUPPORTED):
            raise UnsupportedJpeg(
                f"the decoder can't read this kind of JPEG ({words})", reason="undecodable"
            ) from error
        if _METADATA in words.lower():
            raise UnsupportedJpeg(
                f"the colour profile is damaged ({words})", reason="profile_damaged"
            ) from error
        raise BrokenJpeg(f"the picture data is damaged ({words})") from error
    return pixels[:, :, 0] if components == 1 else pixels
