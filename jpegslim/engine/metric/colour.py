"""How 8-bit samples become linear light: curves and a matrix, as matrix/TRC profiles have them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Rounding of three float32 entries; less than the float32 pass can tell from neutral.
_NEUTRAL_WITHIN = 1e-6
# Where the sRGB curve turns from a line into a power.
_TOE_END = 0.04045


@dataclass(frozen=True, slots=True, eq=False)
class Colour:
    """The meaning of a picture's samples.

    Attributes:
        curves: (3, 256) float32; [c, v] is the linear light, 0 to 1, of sample v in channel c.
        matrix: (3, 3) float32; linear light of the picture's own primaries to linear sRGB
            (columns are the primaries). Values outside 0 to 1 are legal: a wide gamut has them.
    """

    curves: NDArray[np.float32]
    matrix: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.curves.shape != (3, 256) or self.matrix.shape != (3, 3):
            raise ValueError("a Colour takes curves of shape (3, 256) and a matrix of shape (3, 3)")

    @property
    def keeps_grey(self) -> bool:
        """Whether equal samples in the three channels are neutral in linear sRGB too."""
        curves, matrix = self.curves, self.matrix
        same_curve = bool((curves[1:] == curves[0]).all())
        return same_curve and bool(np.abs(matrix.sum(axis=1) - 1.0).max() < _NEUTRAL_WITHIN)


def srgb_curve() -> NDArray[np.float32]:
    """Return the linear light of the samples 0 to 255, float32 (sRGB, IEC 61966-2-1)."""
    encoded = np.arange(256) / 255.0
    toe = encoded / 12.92
    power = ((encoded + 0.055) / 1.055) ** 2.4
    return np.where(encoded <= _TOE_END, toe, power).astype(np.float32)


SRGB = Colour(curves=np.tile(srgb_curve(), (3, 1)), matrix=np.eye(3, dtype=np.float32))
