"""A baked orientation: the pixels stand as a viewer showed them, and the tag is gone."""

import io
from itertools import product

import numpy as np
import pytest
from metadata_samples import exif_payload
from PIL import Image, ImageOps

from jpegslim import Settings, Status, optimize
from jpegslim import compare as api_compare
from jpegslim.engine import codecs
from jpegslim.engine.codecs import turbo
from jpegslim.engine.container.segments import parse
from jpegslim.engine.container.upright import orientation_of
from jpegslim.engine.metric import compare
from jpegslim.engine.turning import turn_layout, turn_pixels

BAKED = Settings(metadata="strip", bake_orientation=True)


@pytest.fixture
def turned_photo(jpeg, inserted):
    """Return a function that writes a photo with an orientation."""
    return lambda number, **options: inserted(
        jpeg(**options), (0xE1, exif_payload(orientation=number))
    )


def as_shown(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_turn_as_pillow_turns_them(orientation):
    pixels = np.random.default_rng(5).integers(0, 256, (5, 7, 3), np.uint8)
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(turn_pixels(pixels, orientation), expected)
    assert np.array_equal(turn_pixels(pixels[..., 0], orientation), expected[..., 0])


@pytest.mark.parametrize(("orientation", "gray"), [*product(range(1, 9), (False, True))])
def test_every_orientation_is_baked_within_the_target(turned_photo, photo, orientation, gray):
    data = turned_photo(orientation, picture=photo.convert("L") if gray else photo)
    result = optimize(data, BAKED)
    assert result.status is Status.OPTIMIZED
    assert orientation_of(result.data) == 1
    assert b"Exif" not in result.data
    shown = as_shown(data)
    assert (result.height, result.width) == shown.shape[:2]
    assert compare(shown, as_shown(result.data)).score >= 84.9
    assert compare(shown, as_shown(result.data)).score == pytest.approx(result.score, abs=0.3)
    assert optimize(result.data, BAKED).status is Status.SKIPPED


@pytest.mark.skipif(
    "4:4:0" not in codecs.encoder(gray=False).chroma_subsamplings, reason="needs ajpegli"
)
@pytest.mark.parametrize(
    ("orientation", "layout", "turned"),
    [(6, "4:2:2", {"4:2:0", "4:4:0"}), (6, "4:4:0", {"4:2:0", "4:2:2"}), (3, "4:2:2", None)],
)
def test_subsampling_turns_with_the_picture(turned_photo, photo, orientation, layout, turned):
    if layout == "4:2:2":
        data = turned_photo(orientation, subsampling="4:2:2")
    else:
        coded = codecs.encoder(gray=False).encode(
            np.asarray(photo), distance=0.3, chroma_subsampling=layout, progressive=False
        )
        payload = exif_payload(orientation=orientation)
        data = coded[:2] + b"\xff\xe1" + (len(payload) + 2).to_bytes(2) + payload + coded[2:]
    source = parse(data)
    assert source.frame.chroma_subsampling == layout
    result = optimize(data, BAKED)
    assert result.status is Status.OPTIMIZED
    assert result.chroma_subsampling in (turned or {"4:2:0", "4:2:2"})
    swapped = {"4:2:2": "4:4:0", "4:4:0": "4:2:2"}[layout]
    expected = swapped if turned else layout
    assert turn_layout(source, orientation).frame.chroma_subsampling == expected


def test_quantization_tables_turn_with_the_frequencies(jpeg):
    tables = [[1 + row * 8 + column for row in range(8) for column in range(8)]] * 2
    source = parse(jpeg(quality=50, qtables=tables))
    turned = turn_layout(source, 6)
    with Image.open(io.BytesIO(jpeg(quality=50, qtables=tables))) as image:
        transposed = np.reshape(image.quantization[0], (8, 8)).T.ravel().tolist()
    again = parse(jpeg(quality=50, qtables=[transposed] * 2))
    assert turned.tables[0] == again.tables[0]
    assert turn_layout(turned, 6).tables == source.tables
    assert turn_layout(source, 3) is source


def test_the_lossless_rung_keeps_the_tag(turned_photo):
    data = turned_photo(6, quality=60)
    result = optimize(data, Settings(target=None, metadata="strip", bake_orientation=True))
    assert result.status is Status.LOSSLESS
    assert orientation_of(result.data) == 6
    assert np.array_equal(turbo.decode(result.data, components=3), turbo.decode(data, components=3))


def test_a_picture_with_others_behind_it_keeps_the_tag(turned_photo, jpeg):
    data = turned_photo(6) + jpeg(quality=50)
    result = optimize(data, BAKED)
    assert result.status is Status.OPTIMIZED
    assert orientation_of(result.data) == 6


def test_without_being_asked_for_the_tag_stays(turned_photo):
    result = optimize(turned_photo(6), Settings(metadata="strip"))
    assert orientation_of(result.data) == 6
    assert (result.width, result.height) == (320, 256)


@pytest.mark.parametrize("number", range(2, 9))
def test_a_baked_result_is_compared_as_both_are_shown(turned_photo, number):
    source = turned_photo(number, size=(320, 240))
    result = optimize(source, BAKED)
    assert result.status is Status.OPTIMIZED
    assert api_compare(source, result.data).score == pytest.approx(result.score, abs=0.005)
    assert api_compare(result.data, result.data).score == 100
