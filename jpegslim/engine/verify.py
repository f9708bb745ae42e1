"""Hold what is about to be delivered to the promise, from its own bytes."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine.codecs import turbo
from jpegslim.engine.colour import View, view_of
from jpegslim.engine.container.marker import marker_segments
from jpegslim.engine.container.segments import Container, parse
from jpegslim.errors import FileError
from jpegslim.results import Tile


class PromiseBroken(FileError):  # noqa: N818 - what happened, not a kind of fault
    """A result does not hold what was promised; it is never delivered."""

    reason = "verification_failed"


@dataclass(frozen=True, slots=True)
class Measured:
    """What the decoded bytes showed."""

    score: float
    worst_tile: Tile


def measure(candidate: bytes, reference: NDArray[np.uint8], view: View) -> Measured:
    """Decode `candidate` strictly and score it against the source's pixels.

    reference: uint8 (H, W) or (H, W, 3), the source decoded. view: how a viewer shows the
    samples of both. Raises PromiseBroken where the candidate does not decode without a warning
    or has other dimensions.
    """
    components = 1 if reference.ndim == 2 else 3  # noqa: PLR2004
    pixels = decode(candidate, components=components)
    if pixels.shape != reference.shape:
        raise PromiseBroken(
            f"the new file decodes to {pixels.shape[1]}×{pixels.shape[0]} pixels"
            f" instead of {reference.shape[1]}×{reference.shape[0]}"
        )
    comparison = view.compare(reference, pixels)
    return Measured(comparison.score, comparison.worst_tile)


def same_pixels(candidate: bytes, reference: NDArray[np.uint8], *, components: int) -> None:
    """Raise PromiseBroken unless `candidate` decodes to exactly the source's pixels."""
    if not np.array_equal(decode(candidate, components=components), reference):
        raise PromiseBroken("the losslessly recoded file does not decode to the same pixels")


def same_picture(candidate: bytes, other: bytes, *, components: int) -> None:
    """Raise PromiseBroken unless both files decode to the same pixels.

    Holds one decoded picture at a time: two are 1.2 GB at 200 megapixels.
    """
    first, second = (
        hashlib.sha256(decode(data, components=components).data).digest()
        for data in (candidate, other)
    )
    if first != second:
        raise PromiseBroken("the new file does not decode to the same pixels")


def shown_alike(delivered: Container, view: View) -> None:
    """Raise PromiseBroken unless viewers read the delivered samples as they read the source's.

    A profile, or the EXIF fields that stand for one, may not get lost with other metadata.
    """
    if not view_of(delivered).shows_like(view):
        raise PromiseBroken("the new file would show in other colours")


def same_but_marker(delivered: bytes, measured: bytes) -> bool:
    """Tell whether two files are equal outside of our own COM segment.

    The score goes into the marker once it is known; everything else must be what was measured.
    """
    return _without_marker(delivered) == _without_marker(measured)


def decode(candidate: bytes, *, components: int) -> NDArray[np.uint8]:
    """Decode a candidate; its own defects are ours, not the source's."""
    try:
        return turbo.decode(candidate, components=components)
    except FileError as error:
        raise PromiseBroken(f"the new file does not decode cleanly ({error})") from error


def _without_marker(data: bytes) -> tuple[bytes, bytes]:
    segments = marker_segments(parse(data))
    if not segments:
        return data, b""
    return data[: segments[0].start], data[segments[0].end :]
