"""Inspection: say what any file is, broken or not, short of decoding it."""

from fuzz.container import DICTIONARY, seeds
from fuzz.laws import in_time, require, require_refusal
from jpegslim.engine.inspecting import inspect
from jpegslim.errors import NotAJpeg

__all__ = ["DICTIONARY", "check", "seeds"]


def check(data: bytes) -> None:
    """Inspect the file: whatever is wrong with a JPEG is told, not raised."""
    with in_time(data):
        try:
            found = inspect(data)
        except NotAJpeg as error:
            require_refusal(error)
            return
    require(found.problem is None or found.problem.isprintable(), "a problem of many lines")
    require(0 <= found.metadata <= len(data) and 0 <= found.coded <= len(data), "wrong sums")
    bits = found.bits_per_pixel
    require(bits is None or 0 <= bits <= 8 * len(data), "bits per pixel of no number")
    at = 0
    for stretch in found.segments:
        require(at <= stretch.offset < len(data) and stretch.size > 0, "stretches overlap")
        at = stretch.offset + stretch.size
    require(at <= len(data), "a stretch beyond the end of the file")
    end = found.image_end
    require((end is None) == (found.problem is not None), "no end of the image, and no problem")
    if end is not None:
        covered = end + sum(part.size for part in found.parts)
        require(covered == len(data), "the parts behind the image are not all that is there")
