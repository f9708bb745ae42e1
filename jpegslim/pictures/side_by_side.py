"""The worst places of a copy beside their originals, pixel for pixel."""

import numpy as np
from PIL import Image, ImageDraw

from jpegslim.engine import metric
from jpegslim.engine.comparing import Pair
from jpegslim.engine.container.upright import UPRIGHT, turned
from jpegslim.engine.metric import Tile
from jpegslim.pictures import canvas
from jpegslim.pictures.places import local_scores, worst_places
from jpegslim.reports import wording

_PLACES = 3
# Two of them and their margins fit a screen of 1366 pixels at 1:1, three rows into a scroll.
_WIDTH, _HEIGHT = 600, 340
_SMALLEST = 256
_GAP = 12
_HEAD = canvas.LARGE + canvas.MEDIUM + canvas.SMALL + 34
_CAPTION = canvas.MEDIUM + 18
# The narrowest that the words above fit into.
_NARROWEST = 460


def side_by_side(pair: Pair, *, turn: int = UPRIGHT) -> bytes:
    """Return a PNG: up to three of the worst places at 1:1, the original left, the copy right.

    Colours are turned into sRGB. turn: the EXIF orientation that the pictures are to be shown in;
    places are told in pixels of what is shown.
    """
    judged = pair.view.compare(pair.original, pair.copy)
    height, width = pair.original.shape[:2]
    whole = canvas.turned_size((width, height), turn)
    window = (_side(whole[0], _WIDTH), _side(whole[1], _HEIGHT))
    places = worst_places(
        local_scores(pair),
        count=_PLACES,
        size=(width, height),
        window=canvas.turned_size(window, turn),
    )
    margin = canvas.MARGIN
    inner = max(2 * window[0] + _GAP, _NARROWEST)
    paper = Image.new(
        "RGB",
        (inner + 2 * margin, 2 * margin + _HEAD + len(places) * (_CAPTION + window[1] + _GAP)),
        canvas.PAPER,
    )
    draw = ImageDraw.Draw(paper)
    _write_head(draw, judged, known=metric.is_meaningful(width, height))
    top = margin + _HEAD
    for number, place in enumerate(places, 1):
        _write_caption(draw, top, number, turned(place, turn, whole))
        top += _CAPTION
        for pixels, left in ((pair.original, margin), (pair.copy, margin + window[0] + _GAP)):
            cut = pixels[place.y : place.y + place.height, place.x : place.x + place.width]
            seen = canvas.picture(pair.view.as_srgb(np.ascontiguousarray(cut)))
            paper.paste(canvas.upright(seen, turn), (left, top))
        top += window[1] + _GAP
    return canvas.encode(paper)


def _side(whole: int, most: int) -> int:
    """Return a window's side: small enough that several find room beside each other."""
    return min(whole, most, max(_SMALLEST, whole * 2 // 5))


def _write_head(draw: ImageDraw.ImageDraw, judged: metric.Comparison, *, known: bool) -> None:
    margin = canvas.MARGIN
    canvas.write(draw, (margin, margin - 4), f"Score {judged.score:.2f}", size=canvas.LARGE)
    canvas.write(
        draw,
        (margin, margin + canvas.LARGE + 6),
        wording.meaning(judged.score, is_known=known),
        size=canvas.MEDIUM,
        ink=canvas.FAINT,
    )
    canvas.write(
        draw,
        (margin, margin + canvas.LARGE + canvas.MEDIUM + 16),
        "Its worst places, pixel for pixel: the original left, the copy right",
        size=canvas.SMALL,
    )


def _write_caption(draw: ImageDraw.ImageDraw, top: int, number: int, place: Tile) -> None:
    at = (canvas.MARGIN, top + _CAPTION // 2 + 2)
    end = canvas.write(draw, at, f"{number}", size=canvas.MEDIUM, anchor="lm")
    text = f"{place.score:.1f} at its centre"
    end = canvas.write(draw, (end + 14, at[1]), text, size=canvas.MEDIUM, anchor="lm")
    canvas.write(
        draw,
        (end + 14, at[1]),
        f"{place.width} x {place.height} pixels from {canvas.place_words(place)}",
        size=canvas.SMALL,
        ink=canvas.FAINT,
        anchor="lm",
    )
