"""The library's own door: compare two pictures, optimize one, as the README shows."""

import io

import numpy as np
import pytest

import jpegslim


def png(picture):
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def test_a_picture_equals_itself_in_any_format(photo):
    comparison = jpegslim.compare(png(photo), np.asarray(photo))
    assert comparison.score == 100
    assert comparison.worst_tile.score == 100
    assert isinstance(comparison, jpegslim.Comparison)


def test_the_score_falls_with_the_quality(photo, jpeg):
    scores = [jpegslim.compare(png(photo), jpeg(quality=quality)).score for quality in (95, 75, 40)]
    assert scores == sorted(scores, reverse=True)
    assert 90 < scores[0] < 100
    assert scores[2] < 75


def test_tiles_cover_the_picture_once(photo):
    large = photo.resize((1400, 1100))
    comparison = jpegslim.compare(png(large), np.asarray(large))
    covered = np.zeros((1100, 1400), int)
    for tile in comparison.tiles:
        covered[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width] += 1
    assert np.all(covered == 1)


def test_grey_beside_colour_counts_as_colour(photo):
    grey = photo.convert("L")
    assert jpegslim.compare(png(grey), png(grey.convert("RGB"))).score == 100


def test_pictures_of_different_sizes_are_refused_with_both(photo):
    with pytest.raises(jpegslim.FileError, match=r"320×256 and 319×256 pixels") as caught:
        jpegslim.compare(png(photo), png(photo.crop((0, 0, 319, 256))))
    assert caught.value.reason == "size_differs"


def test_what_can_not_be_read_is_refused(photo):
    with pytest.raises(jpegslim.NotAJpeg):
        jpegslim.compare(png(photo), b"not a picture at all")
    with pytest.raises(jpegslim.BrokenJpeg):
        jpegslim.compare(png(photo), png(photo)[:4000])


def test_the_five_lines_of_the_readme(jpeg):
    data = jpeg()
    settings = jpegslim.Settings(target=85)
    result = jpegslim.optimize(data, settings)
    assert result.status is jpegslim.Status.OPTIMIZED
    assert result.score >= 85
    assert jpegslim.compare(data, result.data).score == result.score
    assert jpegslim.optimize(data) == result


def test_presets_by_name_are_settings(jpeg):
    target = jpegslim.parse_quality("small")
    result = jpegslim.optimize(jpeg(), jpegslim.Settings(target=target))
    assert result.target == 70
    assert result.score >= 70
