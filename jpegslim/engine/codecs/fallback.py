"""Encoders for where ajpegli has no wheel: pyjpegli, then Pillow.

Both know integer qualities only, so their distance is a stair; the search brackets.
"""

import io
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine.codecs import mozjpeg

_GRAY = "gray"


def quality_of(distance: float) -> int:
    """Return the largest jpegli quality, 1 to 100, that is at most as coarse as `distance`.

    Inverts jpegli's own mapping: distance 0.1 + 0.09 (100 - quality) from quality 30 up, and
    53/3000 q^2 - 23/20 q + 25 below.
    """
    for quality in range(1, 100):
        if _distance_of(quality) <= distance:
            return quality
    return 100


def _distance_of(quality: int) -> float:
    if quality >= 30:  # noqa: PLR2004 - where jpegli's two pieces meet
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality * quality - 23 / 20 * quality + 25


class Pyjpegli:
    """jpegli behind a smaller door: RGB, 4:2:0, sequential."""

    chroma_subsamplings: tuple[str, ...] = ("4:2:0",)

    def __init__(self) -> None:
        import pyjpegli

        self._encode = pyjpegli.encode
        self.name = f"pyjpegli {version('pyjpegli')}"

    def encode(
        self,
        pixels: NDArray[np.uint8],
        *,
        distance: float,
        chroma_subsampling: str,
        progressive: bool,
    ) -> bytes:
        """Encode uint8 (H, W, 3) RGB; `chroma_subsampling` is always "4:2:0" here."""
        if chroma_subsampling not in self.chroma_subsamplings:
            raise ValueError(f"pyjpegli can't encode {chroma_subsampling}")
        height, width = pixels.shape[:2]
        quality = quality_of(distance)
        coded = bytes(self._encode(pixels.tobytes(), width, height, quality=quality))
        return mozjpeg.recode(coded) if progressive else coded


class PillowEncoder:
    """libjpeg-turbo through Pillow: the last resort."""

    chroma_subsamplings: tuple[str, ...] = ("4:2:0", "4:2:2", "4:4:4", _GRAY)

    def __init__(self) -> None:
        self.name = f"Pillow {version('pillow')}"

    def encode(
        self,
        pixels: NDArray[np.uint8],
        *,
        distance: float,
        chroma_subsampling: str,
        progressive: bool,
    ) -> bytes:
        """Encode uint8 (H, W, 3) RGB, or (H, W) with chroma_subsampling "gray"."""
        from PIL import Image

        out = io.BytesIO()
        sampling = {} if chroma_subsampling == _GRAY else {"subsampling": chroma_subsampling}
        Image.fromarray(pixels).save(
            out, "JPEG", quality=quality_of(distance), optimize=True, **sampling
        )
        coded = out.getvalue()
        return mozjpeg.recode(coded) if progressive else coded
