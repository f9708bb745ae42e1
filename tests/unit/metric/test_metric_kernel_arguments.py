"""The kernel's door: whatever it is called with, it answers or refuses, and stays in its memory.

`python -m fuzz.sanitize` does much more of this, with the sanitizers watching.
"""

import numpy as np
import pytest

from jpegslim.engine.metric import SRGB, ssimulacra2

if not ssimulacra2.HAS_KERNEL:
    pytest.skip(
        "the C kernel is not built: python setup.py build_ext --inplace", allow_module_level=True
    )

from jpegslim.engine.metric import _kernel

PATHS = ssimulacra2.kernel_paths()
CONES = np.eye(3, dtype=np.float32)


def at_an_odd_byte(values):
    """Return the same array, one byte past where its numbers would have to begin."""
    room = np.zeros(values.nbytes + 1, np.uint8)
    room[1:] = values.view(np.uint8).ravel()
    moved = room[1:].view(values.dtype).reshape(values.shape)
    assert moved.ctypes.data % values.itemsize
    return moved


def test_more_tiles_than_64_bits_can_count_the_bytes_of_are_refused():
    # 2^59 tiles of 864 bytes are 0 bytes modulo 2^64: an empty buffer had the size stated.
    picture = np.zeros((72, 80), np.uint8)
    arguments = (picture, picture, 80, 72, 1, 5, SRGB.curves, CONES, 64)
    with pytest.raises(ValueError, match="sizes"):
        _kernel.tile_sums(*arguments, 1 << 30, 1 << 29, np.zeros(0), "plain")


@pytest.mark.parametrize("path", PATHS)
def test_curves_that_begin_at_an_odd_byte_give_the_same_sums(path, picture, damage):
    reference = picture(72, 80)
    copy = damage(reference, 4.0)
    sums = [np.zeros((1, 1, 6, 3, 6)) for _ in range(2)]
    for curves, cones, out in (
        (SRGB.curves, CONES, sums[0]),
        (at_an_odd_byte(SRGB.curves), at_an_odd_byte(CONES), sums[1]),
    ):
        _kernel.tile_sums(reference, copy, 80, 72, 3, 5, curves, cones, 512, 1, 1, out, path)
    assert sums[0].any()
    assert np.array_equal(*sums)


def test_sums_that_begin_at_an_odd_byte_are_refused():
    picture = np.zeros((8, 8), np.uint8)
    sums = at_an_odd_byte(np.zeros((1, 1, 6, 3, 6)))
    with pytest.raises(ValueError, match="sizes"):
        _kernel.tile_sums(picture, picture, 8, 8, 1, 2, SRGB.curves, CONES, 64, 1, 1, sums, "")
