"""What heatmaps and side-by-sides show."""

import io

import numpy as np
import pytest
from PIL import Image

from jpegslim.engine.colour import PLAIN
from jpegslim.engine.comparing import Pair
from jpegslim.pictures import canvas
from jpegslim.pictures.heatmap import heatmap
from jpegslim.pictures.side_by_side import side_by_side

# Of a heatmap, above the picture: margin and head.
TOP = canvas.MARGIN + canvas.LARGE + canvas.MEDIUM + 26


def opened(data):
    image = Image.open(io.BytesIO(data))
    assert image.format == "PNG"
    assert image.info["Software"] == "jpegslim"
    return image


def colourfulness(pixels):
    """How far from grey, on average."""
    pixels = pixels.astype(float)
    return (pixels.max(axis=2) - pixels.min(axis=2)).mean()


def test_the_spoilt_place_alone_is_coloured(spoilt):
    shown = np.asarray(opened(heatmap(spoilt(800, 600, 500, 300))))
    picture = shown[TOP : TOP + 600, canvas.MARGIN : canvas.MARGIN + 800]
    assert colourfulness(picture[310:340, 510:540]) > 25
    assert colourfulness(picture[20:200, 20:200]) < 1


def test_equal_pictures_have_no_marks_and_no_colour(textured):
    pixels = textured(1100, 700)
    shown = np.asarray(opened(heatmap(Pair(PLAIN, pixels, pixels.copy()))))
    picture = shown[TOP : TOP + 700, canvas.MARGIN : canvas.MARGIN + 1100]
    assert colourfulness(picture) == 0
    assert picture.max() < 160  # dimmed, and no white frame


def test_the_worst_tile_is_outlined(spoilt):
    shown = np.asarray(opened(heatmap(spoilt(1100, 700, 900, 300))))
    picture = shown[TOP : TOP + 700, canvas.MARGIN : canvas.MARGIN + 1100]
    # Two tiles beside each other; the right one begins at 512.
    assert (picture[400:600, 512:515] == 255).all()
    assert not (picture[400:600, :3] == 255).all()


@pytest.mark.parametrize(
    ("size", "shown"),
    [((24, 16), (744, 496)), ((600, 400), (600, 400)), ((3200, 800), (1600, 400))],
)
def test_every_size_fits_a_screen(spoilt, size, shown):
    image = opened(heatmap(spoilt(*size, 4, 4, side=8)))
    narrowest = max(760, shown[0])
    assert image.width == narrowest + 2 * canvas.MARGIN
    assert image.height - shown[1] == opened(heatmap(spoilt(600, 400, 4, 4))).height - 400


@pytest.mark.parametrize("turn", range(1, 9))
def test_pictures_are_shown_upright(spoilt, turn):
    pair = spoilt(800, 600, 600, 400)
    shown = np.asarray(opened(heatmap(pair, turn=turn)))
    wide, tall = (600, 800) if turn >= 5 else (800, 600)
    left = canvas.MARGIN + (max(wide, 760) - wide) // 2
    picture = shown[TOP : TOP + tall, left : left + wide].astype(float)
    rows, columns = np.nonzero(picture[:, :, 0] - picture[:, :, 1] > 60)
    stored = np.zeros((600, 800), np.uint8)
    stored[400:448, 600:648] = 255
    upright = np.asarray(canvas.upright(Image.fromarray(stored), turn))
    seen = np.nonzero(upright)
    assert abs(np.median(rows) - seen[0].mean()) < 24
    assert abs(np.median(columns) - seen[1].mean()) < 24


def test_the_worst_place_stands_beside_itself_pixel_for_pixel(spoilt):
    pair = spoilt(1600, 1200, 1000, 700)
    shown = np.asarray(opened(side_by_side(pair)))
    # A patch in the spoilt square and the texture beside it: found whole on both sides.
    half = canvas.MARGIN + 600
    before, after = pair.original[690:760, 990:1060], pair.copy[690:760, 990:1060]
    for patch, region in ((before, shown[:, :half]), (after, shown[:, half:])):
        assert holds(region, patch)
    assert not holds(shown[:, :half], after)


def test_a_small_picture_has_one_row(spoilt):
    image = opened(side_by_side(spoilt(200, 100, 20, 20)))
    assert image.width == 460 + 2 * canvas.MARGIN
    assert image.height < 300


@pytest.mark.parametrize(("side", "known"), [(112, False), (160, True)])
@pytest.mark.parametrize("draw", [heatmap, side_by_side])
def test_of_a_picture_too_small_for_the_metric_both_say_so(spoilt, monkeypatch, draw, side, known):
    written = []
    monkeypatch.setattr(canvas, "write", lambda _, at, text, **__: written.append(text) or at[0])
    draw(spoilt(side, side, 20, 20))
    assert any("says little" in text for text in written) is not known


@pytest.mark.parametrize("turn", [1, 6])
def test_three_rows_for_a_large_one(spoilt, turn):
    image = opened(side_by_side(spoilt(2400, 1800, 700, 900), turn=turn))
    assert image.width == 2 * canvas.MARGIN + 1200 + 12
    assert image.height > 3 * 340


def test_labels_keep_clear_of_each_other():
    paper = Image.new("RGB", (400, 300))
    box = (0, 0, 200, 150)
    first = canvas.label(paper, box, "worst tile 70.0", taken=[(10, 150, 60, 180)])
    assert first[0] == 200
    crowded = canvas.label(Image.new("RGB", (100, 60)), (0, 0, 100, 60), "worst tile 70.0")
    assert crowded[:2] == (0, 0)


def holds(region, patch):
    """Tell whether a picture holds another somewhere, pixel for pixel."""
    windows = np.lib.stride_tricks.sliding_window_view(region[:, :, 1], patch.shape[:2])
    corner = (windows[:, :, 0, 0] == patch[0, 0, 1]) & (windows[:, :, -1, -1] == patch[-1, -1, 1])
    return any(
        (region[y : y + patch.shape[0], x : x + patch.shape[1]] == patch).all()
        for y, x in zip(*np.nonzero(corner), strict=True)
    )
