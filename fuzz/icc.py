"""Colour profiles: any bytes as a profile, and any sequence of its numbered parts in a JPEG.

The first byte says which: a profile for pictures of 3, 1 or 4 components, or parts.
"""

import random
import warnings

import numpy as np

from fuzz.draw import Draw
from fuzz.laws import in_time, require, require_refusal
from fuzz.profiles import profiles
from fuzz.seeds import JFIF, comment, picture, segment
from jpegslim.engine.colour import View, view_of, view_of_profile
from jpegslim.engine.container.icc import ProfileIgnored, read_profile, without_profile
from jpegslim.engine.container.segments import parse

DICTIONARY = (
    *(b"acsp", b"mntr", b"prtr", b"scnr", b"spac", b"RGB ", b"GRAY", b"XYZ ", b"Lab ", b"CMYK"),
    *(b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"A2B0", b"desc", b"mluc"),
    *(b"curv\0\0\0\0", b"para\0\0\0\0", b"mft1\0\0\0\0", b"mft2\0\0\0\0", b"mAB \0\0\0\0"),
    *(b"ICC_PROFILE\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff\xff\xff"),
)
_NAME = b"ICC_PROFILE\0"
_COMPONENTS = (3, 1, 4)
_APP2 = 0xE2
_RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
_SAMPLES = {
    1: _RAMP,
    3: np.stack([_RAMP, _RAMP.T, 255 - _RAMP], axis=2),
}


def seeds() -> list[bytes]:
    """Return the inputs to start from."""
    generator = random.Random(4)
    whole = [bytes([kind]) + each for each in profiles() for kind in range(len(_COMPONENTS))]
    parts = [b"\3" + generator.randbytes(length) for length in range(0, 200, 8)]
    return whole + parts


def check(data: bytes) -> None:
    """Read a profile, or put one together, and hold the view it makes to its laws."""
    kind, rest = data[:1] or b"\0", data[1:]
    with warnings.catch_warnings(), in_time(data):
        # A warning would stand in a user's terminal.
        warnings.simplefilter("error")
        if kind[0] % 4 < len(_COMPONENTS):
            components = _COMPONENTS[kind[0] % 4]
            require_view(view_of_profile(rest, components=components), components)
        else:
            _check_parts(Draw(rest))


def require_view(view: View, components: int) -> None:
    """Hold a view to what everything that measures or shows a picture takes for granted."""
    curves, matrix = view.colour.curves, view.colour.matrix
    require(bool(np.isfinite(curves).all() and np.isfinite(matrix).all()), "colours of no number")
    require(bool(((curves >= 0) & (curves <= 1)).all()), "light below black or above white")
    require(curves.dtype == matrix.dtype == np.float32, "colours of another type than the metric's")
    if view.note is not None:
        require(view.note.isprintable() and bool(view.note), f"not one plain line: {view.note!r}")
    require(view.shows_like(view), "a view that shows unlike itself")
    samples = _SAMPLES.get(components)
    if samples is None:
        return
    shown = view.as_srgb(samples)
    require(shown.dtype == np.uint8 and shown.shape[:2] == samples.shape[:2], "not shown as sRGB")
    require(int(shown.max()) - int(shown.min()) > 10, "a picture that nothing can be seen of")
    require(view.compare(samples, samples).score == 100, "a copy differs from itself")
    score = view.compare(samples, samples // 2).score
    require(np.isfinite(score) and score < 100, f"half the samples score {score}")


def _check_parts(draw: Draw) -> None:
    """Build a JPEG with parts of a profile in any order, and read them by a model of their own."""
    listed: list[_Part] = []
    count = draw.number(0, 6)
    for number in range(1, count + 1):
        part = draw.take(draw.number(0, 20))
        place, promised = number, count
        if draw.one_in(8):
            place, promised = draw.number(0, 255), draw.pick((count, draw.number(0, 255)))
        # Some are too short for a number.
        listed.append(None if draw.one_in(12) else (place, promised, part))
    order = list(range(len(listed)))
    if draw.one_in(2):
        order.sort(key=lambda _: draw.number(0, 255))
    wanted = _model([listed[each] for each in order])
    head = segment(0xE0, JFIF)
    for each in order:
        head += _written(listed[each])
        head += draw.pick((b"", comment(b"between"), segment(_APP2, b"MPF"), b"\xff\xff"))
    data = picture(head=head, ids=draw.pick(((1, 2, 3), (1,)))) + draw.rest()
    source = parse(data)
    try:
        found = read_profile(source.segments, data)
    except ProfileIgnored as error:
        require_refusal(error)
        require(wanted is None, "parts that are all there are refused")
    else:
        require(wanted is not None, "parts that make no profile are taken")
        require(found == (wanted if listed else None), "parts put together otherwise")
    require_view(view_of(source), len(source.frame.components))
    bare = without_profile(data)
    require(read_profile(parse(bare).segments, bare) is None, "a profile is still there")
    removed = sum(len(_written(each)) for each in listed)
    require(len(bare) == len(data) - removed, "more than the profile is gone")


_Part = tuple[int, int, bytes] | None


def _written(part: _Part) -> bytes:
    if part is None:
        return segment(_APP2, _NAME)
    number, count, data = part
    return segment(_APP2, _NAME + bytes([number, count]) + data)


def _model(parts: list[_Part]) -> bytes | None:
    """Return the profile that these parts make, b"" for no parts, None where they make none."""
    known = sorted(part for part in parts if part is not None)
    numbers = [number for number, _, _ in known]
    counts = {count for _, count, _ in known}
    if len(known) < len(parts) or counts - {len(known)} or numbers != [*range(1, len(known) + 1)]:
        return None
    return b"".join(data for _, _, data in known)
