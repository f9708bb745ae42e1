"""Whatever bytes stand in a colour profile, a view comes of it."""

import icc_profiles as made
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegslim.engine.colour import view_of_profile
from jpegslim.engine.container.icc import ProfileIgnored, read_profile, without_profile
from jpegslim.engine.container.walk import Segment

PIXELS = np.random.default_rng(9).integers(0, 256, (16, 16, 3), np.uint8)
GREY_TABLES = made.profile({b"A2B0": made.grey_tables(1.8)}, space=b"GRAY", kind=b"scnr")
FUNCTIONS = (
    made.para(1, 2.2, 0.9, 0.1),
    made.para(2, 2.2, 0.9, 0.1, 0.1),
    made.para(4, 2.2, 0.9, 0.1, 0.1, 0.1, 0, 0),
)
SEEDS = [
    made.DISPLAY_P3_PROFILE,
    made.rgb(made.ADOBE, made.gamma(2.2), version=2),
    made.rgb(made.SRGB, *FUNCTIONS),
    made.rgb(made.PROPHOTO, made.curv(*range(0, 65536, 257))),
    made.grey(made.curv(0, 20000, 65535)),
    made.profile({b"A2B0": made.tables(made.ADOBE, 2.2)}, kind=b"scnr", version=2),
    GREY_TABLES,
]


def check(data, components):
    """Look at a picture through bytes of unknown origin; nothing may be raised."""
    view = view_of_profile(data, components=components)
    if components == 4:
        return
    pixels = PIXELS if components == 3 else PIXELS[:, :, 0]
    assert np.isfinite(view.colour.curves).all()
    assert np.isfinite(view.colour.matrix).all()
    assert view.compare(pixels, pixels).score == 100
    assert view.as_srgb(pixels).shape[:2] == (16, 16)
    if view.note is not None:
        assert view.note.endswith("measured as sRGB")
        assert view.note.isprintable()


@given(st.binary(max_size=300), st.sampled_from([1, 3, 4]))
def test_random_bytes_are_passed_over(data, components):
    check(data, components)
    check(made.DISPLAY_P3_PROFILE[:128] + data, components)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_changed_profiles_are_read_or_passed_over(seed, changes):
    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    check(bytes(data), 1 if seed[16:20] == b"GRAY" else 3)


@settings(deadline=None)
@given(st.sampled_from(SEEDS), st.integers(0, 5000), st.integers(0, 60), st.binary(max_size=60))
def test_cut_and_filled_profiles_are_read_or_passed_over(seed, at, cut, filling):
    at %= len(seed)
    check(seed[:at] + filling + seed[at + cut :], 1 if seed[16:20] == b"GRAY" else 3)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.binary(max_size=4))))
def test_any_parts_make_a_profile_or_a_complaint(parts):
    payloads = [b"ICC_PROFILE\0" + bytes(each[:2]) + each[2] for each in parts]
    data = made.segments(*payloads)
    at, listed = 0, []
    for payload in payloads:
        listed.append(Segment(0xE2, at, at + 4 + len(payload)))
        at = listed[-1].end
    try:
        profile = read_profile(listed, data)
    except ProfileIgnored:
        return
    if not parts:
        assert profile is None
        return
    numbers = [number for number, _, _ in parts]
    assert sorted(numbers) == list(range(1, len(parts) + 1))
    assert profile == b"".join(part for _, _, part in sorted(parts))
    assert without_profile(b"\xff\xd8" + data + b"\xff\xd9") == b"\xff\xd8\xff\xd9"
