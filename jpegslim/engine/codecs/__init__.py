"""Encoders and decoders, one adapter a library."""

import io
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from jpegslim.errors import BrokenJpeg, FileError, NotAJpeg

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

GRAY = "gray"

# Best first: what is installed decides.
_ENCODERS = ("ajpegli", "pyjpegli", "pillow")


class Encoder(Protocol):
    """What the search needs of an encoder."""

    name: str
    chroma_subsamplings: tuple[str, ...]

    def encode(
        self,
        pixels: "NDArray[np.uint8]",
        *,
        distance: float,
        chroma_subsampling: str,
        progressive: bool,
    ) -> bytes:
        """Encode uint8 (H, W, 3) RGB, or (H, W) with chroma_subsampling "gray".

        distance: jpegli's, 1.0 is about visually lossless, larger is coarser. progressive
        changes the scans, never the coefficients.
        """


@cache
def encoder(*, gray: bool = False) -> Encoder:
    """Return the best encoder installed; `gray` asks for one that codes one component."""
    if find_spec("ajpegli") is not None:
        from jpegslim.engine.codecs.jpegli import Jpegli

        return Jpegli()
    from jpegslim.engine.codecs.fallback import PillowEncoder, Pyjpegli

    if find_spec("pyjpegli") is not None and not gray:
        return Pyjpegli()
    return PillowEncoder()


def describe() -> dict[str, str]:
    """Return the libraries in use by role, without importing them."""
    best = next(name for name in _ENCODERS if _version(name) is not None)
    return {
        "encoder": f"{best} {_version(best)}",
        "decoder": f"simplejpeg {_version('simplejpeg')}",
        "lossless": f"mozjpeg-lossless-optimization {_version('mozjpeg-lossless-optimization')}",
    }


def decode_any(data: bytes) -> "NDArray[np.uint8]":
    """Decode a picture of any format Pillow reads; JPEGs strictly.

    Returns uint8 (H, W) for grey or (H, W, 3) RGB; the orientation tag is not applied. Raises
    NotAJpeg where no decoder knows the format, BrokenJpeg where the data is damaged, and
    UnsupportedJpeg for inks (CMYK).
    """
    import numpy as np

    if data[:3] == b"\xff\xd8\xff":
        from jpegslim.engine.codecs import turbo
        from jpegslim.engine.container.segments import peek

        components = len(peek(data).components)
        if components in (1, 3):
            return turbo.decode(data, components=components)
        raise FileError("ink colours (CMYK) can't be measured", reason="not_measurable")
    with _opened(data) as image:
        if image.mode.startswith("I"):
            # Sixteen bits of grey: Pillow's own conversion cuts off at 255.
            return (np.asarray(image) >> 8).clip(0, 255).astype(np.uint8)
        # Straight to RGB, Pillow warns of palettes with transparent colours.
        plain = image.convert("RGBA") if image.mode == "P" else image
        return np.asarray(plain.convert("L" if plain.mode in ("1", "L", "LA") else "RGB"))


def megapixels_any(data: bytes) -> float:
    """Return the pixels in millions that the header of a picture of any format promises.

    Raises FileError where there is no such header.
    """
    if data[:3] == b"\xff\xd8\xff":
        from jpegslim.engine.container.segments import peek

        return peek(data).megapixels
    with _opened(data) as image:
        return image.width * image.height / 1e6


def embedded_profile(data: bytes) -> bytes | None:
    """Return the colour profile in a picture of a format other than JPEG, None without one.

    Raises what `decode_any` raises of a file that no decoder opens.
    """
    with _opened(data) as image:
        profile = image.info.get("icc_profile")
        return profile if isinstance(profile, bytes) and profile else None


@contextmanager
def _opened(data: bytes) -> "Iterator[Image.Image]":
    """Open a picture with Pillow; what goes wrong inside the block is told in our errors."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            yield image
    except UnidentifiedImageError as error:
        raise NotAJpeg("no decoder here knows this format") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FileError("the picture is too large to open", reason="too_big") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise BrokenJpeg(f"the picture data is damaged ({error})") from error


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
