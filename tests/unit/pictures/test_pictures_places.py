import numpy as np
import pytest

from jpegslim.engine.colour import PLAIN
from jpegslim.engine.comparing import Pair
from jpegslim.pictures.places import local_scores, worst_places


@pytest.mark.parametrize(("size", "at"), [((400, 300), (250, 90)), ((3100, 1300), (1600, 640))])
def test_the_lowest_score_is_where_the_picture_was_spoilt(spoilt, size, at):
    local = local_scores(spoilt(*size, *at))
    row, column = np.unravel_index(np.argmin(local.scores), local.scores.shape)
    assert abs(column * local.step - at[0]) <= 64
    assert abs(row * local.step - at[1]) <= 64
    assert local.scores[0, 0] == pytest.approx(100.0)


def test_small_pictures_are_looked_at_more_closely(spoilt):
    assert local_scores(spoilt(400, 300, 0, 0)).step == 16
    assert local_scores(spoilt(3100, 1300, 0, 0)).step == 32


def test_the_grid_covers_the_picture(spoilt):
    local = local_scores(spoilt(401, 299, 0, 0))
    assert local.scores.shape == (19, 26)
    assert np.isfinite(local.scores).all()


@pytest.mark.parametrize("size", [(1, 1), (7, 200), (64, 64), (65, 63)])
def test_the_smallest_pictures_have_scores_too(textured, size):
    pixels = textured(*size)
    local = local_scores(Pair(PLAIN, pixels, pixels.copy()))
    assert (local.scores == 100.0).all()
    (place,) = worst_places(local, count=1, size=size, window=size)
    assert (place.x, place.y, place.width, place.height) == (0, 0, *size)


def test_grey_pictures_have_scores_too(spoilt):
    pair = spoilt(400, 300, 100, 100)
    grey = Pair(PLAIN, pair.original[:, :, 1].copy(), pair.copy[:, :, 1].copy())
    assert local_scores(grey).scores.min() < 80


def test_worst_places_lie_inside_apart_and_lowest_first(spoilt):
    size, window = (1200, 900), (300, 200)
    local = local_scores(spoilt(*size, 1150, 850))
    places = worst_places(local, count=5, size=size, window=window)
    assert len(places) == 5
    assert [place.score for place in places] == sorted(place.score for place in places)
    first = places[0]
    assert first.x <= 1150 < first.x + first.width
    assert first.y <= 850 < first.y + first.height
    for number, one in enumerate(places):
        assert 0 <= one.x <= size[0] - window[0]
        assert 0 <= one.y <= size[1] - window[1]
        for other in places[:number]:
            assert abs(one.x - other.x) >= window[0] or abs(one.y - other.y) >= window[1]


def test_there_are_no_more_places_than_there_is_room_for(spoilt):
    local = local_scores(spoilt(400, 300, 100, 100))
    assert len(worst_places(local, count=3, size=(400, 300), window=(390, 290))) == 1
