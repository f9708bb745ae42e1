"""The mosaic: pieces of the picture on the picture's own grid, the same each time."""

import numpy as np
import pytest

from jpegslim.engine.sample import TILE, Sample, take

HEIGHT, WIDTH = 1700, 2300
MEETING = 3
INSIDE = slice(MEETING, -MEETING)


def painting(*, grey=False, seed=5):
    """Draw waves of changing fineness, no two tiles alike, nothing near black or white."""
    generator = np.random.default_rng(seed)
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    waves = 40 * np.sin(down * across / 30_000) + 20 * np.sin(across / 40)
    pixels = 128 + waves[..., np.newaxis] + generator.integers(-8, 9, (HEIGHT, WIDTH, 3))
    pixels = np.clip(pixels, 60, 195).astype(np.uint8)
    return np.ascontiguousarray(pixels[..., 0]) if grey else pixels


@pytest.fixture(scope="module", params=[False, True], ids=["colour", "grey"])
def picture(request):
    return painting(grey=request.param)


def tiles(mosaic):
    return [
        mosaic[top : top + TILE, left : left + TILE]
        for top in range(0, mosaic.shape[0], TILE)
        for left in range(0, mosaic.shape[1], TILE)
    ]


def places(picture):
    """Index the tiles of the picture's grid by their middle, which no border touches."""
    return {
        picture[top : top + TILE, left : left + TILE][INSIDE, INSIDE].tobytes(): (top, left)
        for top in range(0, HEIGHT - TILE + 1, TILE)
        for left in range(0, WIDTH - TILE + 1, TILE)
    }


def test_the_mosaic_is_made_of_whole_tiles(picture):
    mosaic = take(picture)
    assert isinstance(mosaic, Sample)
    assert mosaic.pixels.dtype == np.uint8
    assert mosaic.pixels.ndim == picture.ndim
    assert mosaic.pixels.flags.c_contiguous
    assert [side % TILE for side in mosaic.pixels.shape[:2]] == [0, 0]
    assert TILE % 16 == 0
    area = mosaic.pixels.shape[0] * mosaic.pixels.shape[1]
    assert mosaic.share == pytest.approx(area / (WIDTH * HEIGHT))
    assert 0.08 <= mosaic.share < 0.5


def test_every_tile_comes_from_the_pictures_own_grid_and_none_twice(picture):
    # Blocks of 16 pixels stay where they were: the source's own quantization shows again.
    known = places(picture)
    found = [known[tile[INSIDE, INSIDE].tobytes()] for tile in tiles(take(picture).pixels)]
    assert len(set(found)) == len(found)


def test_the_tiles_span_calm_and_busy_parts(picture):
    def spread(pieces):
        busy = [np.abs(np.diff(piece.astype(int), axis=1)).mean() for piece in pieces]
        return min(busy), float(np.median(busy)), max(busy)

    whole = [
        picture[top : top + TILE, left : left + TILE] for top, left in places(picture).values()
    ]
    for ours, all_of_it in zip(spread(tiles(take(picture).pixels)), spread(whole), strict=True):
        assert ours == pytest.approx(all_of_it, rel=0.25)


def test_the_same_picture_gives_the_same_mosaic(picture):
    assert np.array_equal(take(picture).pixels, take(picture.copy()).pixels)


def test_the_picture_itself_is_not_touched(picture):
    before = picture.copy()
    take(picture)
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("shape", [(1, 1), (100, 3), (1000, 1000, 3), (16, 90_000, 3)])
def test_a_small_or_thin_picture_stands_for_itself(shape):
    pixels = np.zeros(shape, np.uint8)
    mosaic = take(pixels)
    assert mosaic.pixels is pixels
    assert mosaic.share == 1.0


def test_colours_meet_at_the_borders_and_brightness_does_not_change():
    pixels = painting()
    pixels[:, :, 0] = np.where(np.arange(WIDTH) // TILE % 2, 70, 180)[np.newaxis, :]
    known = places(pixels)
    luma = np.array([0.299, 0.587, 0.114])
    changed = 0
    for tile in tiles(take(pixels).pixels):
        top, left = known[tile[INSIDE, INSIDE].tobytes()]
        original = pixels[top : top + TILE, left : left + TILE].astype(float)
        # Each of two passes, down and across, rounds three channels.
        assert np.abs((tile - original) @ luma).max() <= 1.0 + 1e-6
        changed += np.any(tile != original)
    assert changed


def test_hard_borders_between_colours_are_softened():
    pixels = painting()
    pixels[:, :, 2] = np.where(np.arange(HEIGHT) // TILE % 2, 70, 180)[:, np.newaxis]
    known = places(pixels)
    mosaic = take(pixels).pixels
    plain = np.empty_like(mosaic)
    for ours, theirs in zip(tiles(mosaic), tiles(plain), strict=True):
        top, left = known[ours[INSIDE, INSIDE].tobytes()]
        theirs[:] = pixels[top : top + TILE, left : left + TILE]

    def jump(picture):
        rows = np.arange(TILE, picture.shape[0], TILE)
        colour = picture[..., 2].astype(float) - picture[..., 1]
        return np.abs(colour[rows] - colour[rows - 1]).mean()

    assert jump(mosaic) < 0.6 * jump(plain)
