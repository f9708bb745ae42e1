"""The kernel against its oracle, on every path this processor has."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegslim.engine.metric import (
    SRGB,
    Colour,
    compare,
    implementation,
    pixel_counts,
    score_from_sums,
    ssimulacra2,
)
from jpegslim.engine.metric.reference import tile_sums

if not ssimulacra2.HAS_KERNEL:
    pytest.skip(
        "the C kernel is not built: python setup.py build_ext --inplace", allow_module_level=True
    )

from jpegslim.engine.metric import _kernel

PATHS = ssimulacra2.kernel_paths()
# Display P3 has another matrix.
WIDE = Colour(
    curves=SRGB.curves,
    matrix=np.array(
        [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]], np.float32
    ),
)
# Pure red has less than no light for the cones here: no real space, but a profile may say so.
BEYOND = Colour(
    curves=SRGB.curves,
    matrix=np.array([[1.8, -0.8, 0.0], [-1.2, 2.2, 0.0], [0.0, -0.2, 1.2]], np.float32),
)
# A curve for each channel: equal samples are not grey.
UNEVEN = Colour(
    curves=np.stack([(np.arange(256) / 255.0) ** p for p in (1.8, 2.2, 2.6)]).astype(np.float32),
    matrix=WIDE.matrix,
)


def assert_same(pair, colour=SRGB, tile_size=512, path=""):
    height, width = pair[0].shape[:2]
    got = ssimulacra2.kernel_sums(*pair, colour, tile_size, path)
    wanted = tile_sums(*pair, colour, tile_size)
    counts = pixel_counts(width, height, tile_size)
    # float32 against float64: 3e-7 apart at most, as measured, where values of about 1 cancel.
    means = np.maximum(counts, 1)[..., None, None]
    np.testing.assert_allclose(got / means, wanted / means, rtol=2e-4, atol=2e-6)
    assert score_from_sums(got, counts) == pytest.approx(score_from_sums(wanted, counts), abs=0.01)


@pytest.mark.parametrize("path", PATHS)
@given(
    shape=st.tuples(st.integers(8, 70), st.integers(8, 70))
    | st.tuples(st.integers(8, 70), st.integers(8, 70), st.just(3)),
    colour=st.sampled_from([SRGB, WIDE, UNEVEN, BEYOND]),
    seed=st.integers(0, 2**32 - 1),
    amount=st.sampled_from([0.0, 1.0, 12.0, 90.0]),
)
@settings(deadline=None, max_examples=40)
def test_any_small_picture_gives_the_oracles_sums(path, shape, colour, seed, amount):
    random = np.random.default_rng(seed)
    reference = random.integers(0, 256, shape, dtype=np.uint8)
    noise = np.rint(random.normal(0, amount, shape))
    distorted = np.clip(reference + noise, 0, 255).astype(np.uint8)
    assert_same((reference, distorted), colour, 64, path)


# The kernel works in blocks of 128, 256 or 512 pixels and in groups of eight rows.
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("height", "width"),
    [(9, 127), (12, 129), (13, 255), (16, 257), (31, 511), (33, 512), (67, 513), (130, 1029)],
)
def test_sizes_around_the_kernels_blocks_give_the_oracles_sums(
    path, height, width, picture, damage
):
    reference = picture(height, width)
    assert_same((reference, damage(reference, 6.0)), SRGB, 64, path)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("tile_size", [64, 128, 512, 1024])
def test_every_tile_has_the_oracles_sums(path, tile_size, picture, damage):
    reference = picture(333, 777)
    assert_same((reference, damage(reference, 6.0)), SRGB, tile_size, path)


@pytest.mark.parametrize("path", PATHS)
def test_a_dark_picture_gives_the_oracles_sums(path, picture, damage):
    reference = picture(80, 120) // 24
    assert_same((reference, damage(reference, 2.0)), path=path)


@pytest.mark.parametrize("path", PATHS)
def test_every_path_scores_alike(path, picture, damage):
    reference = picture(300, 700)
    pair = reference, damage(reference, 4.0)
    counts = pixel_counts(700, 300)
    best = score_from_sums(ssimulacra2.kernel_sums(*pair, SRGB, 512), counts)
    assert score_from_sums(
        ssimulacra2.kernel_sums(*pair, SRGB, 512, path), counts
    ) == pytest.approx(best, abs=0.01)


def test_a_small_difference_is_measured_as_finely_as_a_large_one(picture):
    reference = picture(64, 64)
    distorted = reference.copy()
    distorted[30, 30, 1] += 1
    assert_same((reference, distorted))
    assert compare(reference, distorted).score < 100.0


def test_the_plain_path_is_always_there():
    assert PATHS[-1] == "plain"
    assert implementation().startswith("C kernel")


def test_threads_at_once_get_the_same_score(picture, damage):
    reference = picture(400, 600)
    copies = [damage(reference, amount) for amount in (1.0, 5.0, 20.0)] * 4
    alone = [compare(reference, copy) for copy in copies]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda copy: compare(reference, copy), copies)) == alone


def test_an_unknown_path_is_refused(picture):
    with pytest.raises(ValueError, match="no such path"):
        ssimulacra2.kernel_sums(picture(16, 16), picture(16, 16), SRGB, 512, "abacus")


def test_buffers_of_the_wrong_size_are_refused(picture):
    sums = np.zeros((1, 1, 6, 3, 6))
    cones = np.zeros((3, 3), np.float32)
    whole, part = picture(16, 16), picture(16, 15)
    for reference, distorted, curves, out in (
        (whole, part, SRGB.curves, sums),
        (part, whole, SRGB.curves, sums),
        (whole, whole, SRGB.curves[:2], sums),
        (whole, whole, SRGB.curves, sums[:, :, :5].copy()),
    ):
        with pytest.raises(ValueError, match="sizes"):
            _kernel.tile_sums(reference, distorted, 16, 16, 3, 2, curves, cones, 512, 1, 1, out, "")
