"""What a score and a tile map say, whichever code computes them."""

import numpy as np
import pytest

from jpegslim.engine.metric import (
    SRGB,
    Colour,
    Comparison,
    Tile,
    compare,
    partial_sums,
    pixel_counts,
    score_from_sums,
)

pytestmark = pytest.mark.usefixtures("implementation")


@pytest.mark.parametrize("shape", [(8, 8), (1, 1), (3, 200), (61, 47), (130, 700)])
@pytest.mark.parametrize("grey", [False, True])
def test_an_identical_copy_scores_100(shape, grey, picture):
    original = picture(*shape, grey=grey)
    comparison = compare(original, original.copy(), tile_size=64)
    assert comparison.score == 100.0
    assert {tile.score for tile in comparison.tiles} == {100.0}


def test_more_noise_scores_lower(picture, damage):
    original = picture(120, 160)
    scores = [compare(original, damage(original, n)).score for n in (0.5, 2, 5, 10, 20, 40)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 95.0
    assert scores[-1] < 20.0


def test_tile_sums_add_up_to_those_of_the_whole(picture, damage):
    original = picture(200, 300)
    copy = damage(original, 8.0)
    tiled = partial_sums(original, copy, tile_size=64)
    whole = partial_sums(original, copy)
    assert tiled.shape == (3, 5, 6, 3, 6)
    np.testing.assert_allclose(tiled.sum(axis=(0, 1)), whole[0, 0], rtol=1e-5)


def test_the_score_does_not_depend_on_the_tiles(picture, damage):
    original = picture(200, 300)
    copy = damage(original, 8.0)
    scores = [compare(original, copy, tile_size=size).score for size in (64, 128, 512, 4096)]
    assert scores == pytest.approx([scores[0]] * 4, abs=1e-4)


def test_a_ruined_region_shows_in_its_tile_alone(picture, damage):
    original = picture(768, 768)
    copy = damage(original, 1.0)
    fine = compare(original, copy, tile_size=256)
    copy[365:405, 365:405] = 128
    ruined = compare(original, copy, tile_size=256)
    worst = ruined.worst_tile
    assert (worst.x, worst.y, worst.width, worst.height) == (256, 256, 256, 256)
    assert worst.score < fine.worst_tile.score - 30.0
    others = [
        (before.score, after.score)
        for before, after in zip(fine.tiles, ruined.tiles, strict=True)
        if after != worst
    ]
    assert all(after == pytest.approx(before, abs=1.0) for before, after in others)


def test_tiles_cover_the_picture_row_by_row_without_slivers(picture):
    original = picture(223, 100)
    tiles = compare(original, original, tile_size=64).tiles
    assert [(t.x, t.y, t.width, t.height) for t in tiles] == [
        (0, 0, 64, 64),
        (64, 0, 36, 64),
        (0, 64, 64, 64),
        (64, 64, 36, 64),
        (0, 128, 64, 95),
        (64, 128, 36, 95),
    ]


def test_equal_weights_on_all_tiles_do_not_change_the_score(picture, damage):
    original = picture(200, 300)
    copy = damage(original, 8.0)
    sums, counts = partial_sums(original, copy, tile_size=64), pixel_counts(300, 200, 64)
    assert score_from_sums(7 * sums, 7 * counts) == pytest.approx(score_from_sums(sums, counts))


def test_grey_scores_as_the_same_picture_in_three_channels(picture, damage):
    original = picture(90, 140, grey=True)
    copy = damage(original, 5.0)
    in_colour = [np.repeat(p[:, :, None], 3, axis=2) for p in (original, copy)]
    assert compare(original, copy).score == pytest.approx(compare(*in_colour).score, abs=0.005)


def test_a_picture_under_8_pixels_scores_as_one_extended_to_8(picture, damage):
    original = picture(5, 30)
    copy = damage(original, 5.0)
    extended = [np.pad(p, ((0, 3), (0, 0), (0, 0)), mode="edge") for p in (original, copy)]
    comparison = compare(original, copy)
    assert comparison.score == compare(*extended).score
    assert comparison.tiles == (Tile(0, 0, 30, 5, comparison.score),)


def test_a_view_that_is_not_contiguous_scores_as_its_copy(picture, damage):
    original = picture(120, 160)
    copy = damage(original, 5.0)
    turned = np.rot90(original), np.rot90(copy)
    assert compare(*turned) == compare(*(np.ascontiguousarray(p) for p in turned))


def test_the_same_samples_in_a_wider_gamut_differ_more(picture, damage):
    display_p3 = Colour(
        curves=SRGB.curves,
        matrix=np.array(
            [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]],
            np.float32,
        ),
    )
    original = picture(120, 160)
    copy = damage(original, 5.0)
    assert compare(original, copy, colour=display_p3).score < compare(original, copy).score - 0.2


@pytest.mark.parametrize(
    ("reference", "distorted", "tile_size", "complaint"),
    [
        (np.zeros((9, 9, 3), np.uint8), np.zeros((9, 10, 3), np.uint8), 512, "differ in shape"),
        (np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.uint8), 512, "differ in shape"),
        (np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 4), np.uint8), 512, "shape"),
        (np.zeros(9, np.uint8), np.zeros(9, np.uint8), 512, "shape"),
        (np.zeros((9, 9), np.uint16), np.zeros((9, 9), np.uint16), 512, "uint8"),
        (np.zeros((0, 9, 3), np.uint8), np.zeros((0, 9, 3), np.uint8), 512, "without pixels"),
        (np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.uint8), 100, "power of two"),
        (np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.uint8), 32, "power of two"),
        (np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.uint8), 0, "power of two"),
    ],
)
def test_what_cannot_be_compared_is_refused(reference, distorted, tile_size, complaint):
    with pytest.raises(ValueError, match=complaint):
        compare(reference, distorted, tile_size=tile_size)


def test_a_colour_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="curves of shape"):
        Colour(curves=SRGB.curves[:2], matrix=SRGB.matrix)


def test_the_worst_tile_is_the_first_of_the_lowest():
    tiles = tuple(Tile(x, 0, 1, 1, score) for x, score in enumerate([90.0, 70.0, 70.0]))
    assert Comparison(80.0, tiles).worst_tile.x == 1
