"""What the user wants of a picture: frozen, picklable, with a fingerprint."""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType

from jpegslim.errors import UsageError

LOSSLESS = "lossless"
PRESETS = MappingProxyType(
    {"archive": 90.0, "high": 85.0, "web": 80.0, "small": 70.0, LOSSLESS: None}
)


class Metadata(StrEnum):
    """What becomes of the metadata; picture, gain map and motion video always stay."""

    KEEP = "keep"
    SAFE = "safe"
    STRIP = "strip"


_NUMBERS = ("target", "tile_margin", "generation_saving", "minimum_saving", "max_megapixels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Options of the engine, plain data.

    target: the SSIMULACRA2 score every delivered picture must reach, 1 to 100; None asks for
        lossless recompression only. Default: 85.
    tile_margin: no 512-pixel tile may score lower than the target minus this; None turns the
        tile floor off. Default: 10.
    generation_saving: lossy is delivered only where it is smaller than the lossless result by
        at least this fraction: a generation has a price. Default: 0.10.
    minimum_saving: a result that saves less than this fraction is not worth a rewrite: the
        file is kept. Default: 0.01.
    progressive: deliver progressive scans (smaller); False gives baseline for old viewers.
        Default: True.
    marker: leave a COM segment that lets the next run know the file. Default: True.
    max_megapixels: larger pictures are refused from their header. Default: 300.
    metadata: KEEP carries every byte; SAFE drops thumbnails, maker notes and positions (GPS);
        STRIP leaves what display needs: the colour profile and the orientation. Default: KEEP.
    bake_orientation: with STRIP, turn the pixels instead of keeping the tag where the picture is
        coded anew. Default: False.
    break_signatures: rewrite signed files (C2PA) too; the signature breaks. Default: False.
    """

    target: float | None = 85.0
    tile_margin: float | None = 10.0
    generation_saving: float = 0.10
    minimum_saving: float = 0.01
    progressive: bool = True
    marker: bool = True
    max_megapixels: float = 300.0
    metadata: Metadata = Metadata.KEEP
    bake_orientation: bool = False
    break_signatures: bool = False

    def __post_init__(self) -> None:
        """Raise UsageError where a value is out of its range; NaN is out of every range."""
        self._read_numbers()
        self._read_metadata()
        if self.target is not None and not 1 <= self.target <= 100:  # noqa: PLR2004
            raise UsageError(f"quality {self.target:g} is out of range: give 1 to 100")
        for name in ("generation_saving", "minimum_saving"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} must be a fraction from 0 to below 1")
        if self.tile_margin is not None and not self.tile_margin >= 0:
            raise UsageError("tile_margin must not be negative")
        if not self.max_megapixels > 0:
            raise UsageError("max_megapixels must be positive")

    def _read_numbers(self) -> None:
        # 85 and 85.0 are one setting: the fingerprint must not tell them apart.
        for name in _NUMBERS:
            if (value := getattr(self, name)) is not None:
                try:
                    object.__setattr__(self, name, float(value))
                except (TypeError, ValueError) as error:
                    raise UsageError(f"{name} must be a number, not {value!r}") from error

    def _read_metadata(self) -> None:
        try:
            object.__setattr__(self, "metadata", Metadata(self.metadata))
        except ValueError as error:
            raise UsageError(
                f"metadata must be one of {', '.join(Metadata)}, not {self.metadata!r}"
            ) from error
        if self.bake_orientation and self.metadata is not Metadata.STRIP:
            raise UsageError("the orientation is baked in only where metadata is stripped")

    @property
    def tile_floor(self) -> float | None:
        """The lowest score any tile may have, or None where the floor is off."""
        if self.target is None or self.tile_margin is None:
            return None
        return self.target - self.tile_margin

    def fingerprint(self) -> str:
        """Return 16 hex digits that change whenever any option does."""
        plain = json.dumps(asdict(self), sort_keys=True).encode()
        return hashlib.sha256(plain).hexdigest()[:16]


def parse_quality(text: str) -> float | None:
    """Turn a preset's name or a number 1 to 100 into a target; None means lossless only.

    Raises UsageError with the presets' names where it is neither.
    """
    name = text.strip().lower()
    if name in PRESETS:
        return PRESETS[name]
    try:
        target = float(name)
    except ValueError:
        target = 0.0
    if not 1 <= target <= 100:  # noqa: PLR2004
        raise UsageError(
            f"quality {text!r} is neither a preset ({', '.join(PRESETS)}) nor a number 1 to 100"
        )
    return target
