import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jpegslim.engine.metric import pixel_counts, score_from_sums
from jpegslim.engine.metric.tiles import scale_sizes, tile_count, tile_edges


@given(side=st.integers(1, 20_000), power=st.integers(6, 12))
def test_the_last_tile_is_neither_a_sliver_nor_double(side, power):
    size = 1 << power
    edges = tile_edges(side, size)
    assert edges[0] == 0
    assert edges[-1] == side
    assert len(edges) == tile_count(side, size) + 1
    last = edges[-1] - edges[-2]
    assert last < size * 1.5
    assert last >= size / 2 or len(edges) == 2


@given(width=st.integers(1, 3000), height=st.integers(1, 3000), power=st.integers(6, 10))
def test_tiles_hold_every_pixel_of_every_scale_once(width, height, power):
    counts = pixel_counts(width, height, 1 << power)
    sizes = scale_sizes(max(width, 8), max(height, 8))
    assert counts.sum(axis=(0, 1)).tolist() == [w * h for w, h in sizes] + [0] * (6 - len(sizes))
    assert (counts[:, :, : len(sizes)] > 0).all()


@pytest.mark.parametrize(
    ("size", "scales"), [((8, 8), 2), ((17, 15), 3), ((100, 40), 4), ((129, 129), 6)]
)
def test_a_scale_is_scored_when_the_one_above_has_8_pixels_each_way(size, scales):
    assert len(scale_sizes(*size)) == scales


def test_sums_and_counts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        score_from_sums(np.zeros((2, 6, 3, 6)), np.ones((3, 6)))
    with pytest.raises(ValueError, match="no pixels"):
        score_from_sums(np.zeros((6, 3, 6)), np.zeros(6))
