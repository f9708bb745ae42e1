import io

import numpy as np
import pytest
from PIL import Image

from jpegslim.engine.codecs import decode_any
from jpegslim.engine.container.upright import orientation_of, turned
from jpegslim.pictures.views import view_of
from jpegslim.results import Tile


def opened(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def exif(turn):
    tags = Image.Exif()
    tags[0x0112] = turn
    return tags.tobytes()


@pytest.fixture
def pair(textured, jpeg):
    pixels = textured(1400, 1000)
    return jpeg(pixels, quality=95), jpeg(pixels, quality=60)


def test_a_view_shows_the_worst_tile_without_loss(pair):
    source, result = pair
    view = view_of(source, result, Tile(512, 0, 512, 512, 70.0))
    before, after = opened(view.before), opened(view.after)
    assert before.shape == after.shape == (480, 640, 3)
    # The middle of the tile is the middle of the view, as far as the picture goes.
    left, top = 512 + 256 - 320, 256 - 240
    assert (before == decode_any(source)[top : top + 480, left : left + 640]).all()
    assert (after == decode_any(result)[top : top + 480, left : left + 640]).all()
    assert (view.tile.x, view.tile.y) == (64, 0)
    assert (view.tile.width, view.tile.height, view.tile.score) == (512, 480, 70.0)
    assert view.size == len(view.before) + len(view.after) + len(view.thumbnail)


def test_a_small_picture_is_shown_whole(textured, jpeg):
    data = jpeg(textured(90, 60))
    view = view_of(data, data, Tile(0, 0, 90, 60, 100.0))
    assert opened(view.before).shape == (60, 90, 3)
    assert view.tile == Tile(0, 0, 90, 60, 100.0)
    assert Image.open(io.BytesIO(view.thumbnail)).size == (90, 60)


def test_grey_pictures_have_views(textured, jpeg):
    data = jpeg(textured(200, 100)[:, :, 0].copy())
    view = view_of(data, data, Tile(0, 0, 200, 100, 100.0))
    assert (opened(view.before)[:, :, 0] == decode_any(data)).all()


@pytest.mark.parametrize("turn", range(1, 9))
def test_views_are_upright_and_the_tile_turns_along(textured, jpeg, turn):
    pixels = textured(300, 200)
    pixels[20:60, 200:280] = (255, 0, 0)
    data = jpeg(pixels, quality=95, exif=exif(turn))
    assert orientation_of(data) == turn
    view = view_of(data, data, Tile(200, 20, 80, 40, 50.0))
    shown = opened(view.after)
    assert shown.shape[:2] == ((300, 200) if turn >= 5 else (200, 300))
    tile = view.tile
    inside = shown[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width].astype(int)
    assert (inside[4:-4, 4:-4] - [254, 0, 0]).__abs__().mean() < 4


@pytest.mark.parametrize("turn", range(1, 9))
def test_turning_a_tile_is_what_viewers_do_to_the_picture(turn):
    from jpegslim.pictures import canvas

    stored = np.zeros((30, 50), np.uint8)
    stored[4:9, 10:30] = 255
    shown = canvas.upright(Image.fromarray(stored), turn)
    tile = turned(Tile(10, 4, 20, 5, 80.0), turn, shown.size)
    box = (tile.x, tile.y, tile.x + tile.width, tile.y + tile.height)
    assert shown.getbbox() == box


def test_a_colour_profile_comes_along(textured, jpeg):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = jpeg(textured(200, 100), icc_profile=profile)
    view = view_of(data, data, Tile(0, 0, 200, 100, 100.0))
    for picture in (view.before, view.after, view.thumbnail):
        assert Image.open(io.BytesIO(picture)).info["icc_profile"] == profile


def test_without_webp_views_are_png(pair, monkeypatch):
    monkeypatch.setattr("PIL.features.check", lambda _: False)
    view = view_of(*pair, Tile(0, 0, 512, 512, 70.0))
    assert view.media_type == "image/png"
    assert Image.open(io.BytesIO(view.after)).format == "PNG"
