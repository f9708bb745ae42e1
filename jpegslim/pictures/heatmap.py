"""The error map of a copy, laid over the picture: where the difference is, and how much."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from jpegslim.engine import metric
from jpegslim.engine.comparing import Pair
from jpegslim.engine.container.upright import UPRIGHT, turned
from jpegslim.engine.metric import Tile
from jpegslim.pictures import canvas
from jpegslim.pictures.places import LocalScores, local_scores, worst_places
from jpegslim.reports import wording

# The longest side that fits a screen, and the narrowest in which the legend can be read.
_LARGEST = 1600
_NARROWEST = 760

# From the best to the worst lightness rises all the way, so that the order holds on grey paper and
# for the colour-blind. The anchors are scores, the same in every map, and closest together where
# presets lie.
_SCALE = (
    (100.0, (24, 20, 60)),
    (92.0, (50, 30, 110)),
    (85.0, (104, 34, 128)),
    (80.0, (158, 42, 114)),
    (75.0, (206, 62, 84)),
    (70.0, (236, 98, 52)),
    (62.0, (250, 150, 36)),
    (52.0, (252, 206, 84)),
    (40.0, (253, 250, 200)),
)
_TICKS = (100, 90, 85, 80, 70, 60, 50, 40)
_BEST, _WORST = _SCALE[0][0], _SCALE[-1][0]
# What scores this and better is left as the picture is; from the other on the colours are full.
_CLEAR, _FULL = 97.0, 78.0
_STRONGEST = 0.88
_DIMMED = 0.42
# How much of a colour's light depends on the picture below it, so that shapes show through.
_SHADE = 0.4

_BAR = 14
_SPOT = 64
_SMALLEST_MARK = 24


def heatmap(pair: Pair, *, turn: int = UPRIGHT) -> bytes:
    """Return a PNG: the dimmed picture under its error map, the worst tile outlined, a legend.

    The colours stand for local scores, on the same scale in every map. Large pictures are scaled
    down to 1600 pixels. turn: the EXIF orientation that the picture is to be shown in.
    """
    judged = pair.view.compare(pair.original, pair.copy)
    local = local_scores(pair)
    height, width = pair.original.shape[:2]
    scale = _scale(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = _grey(canvas.picture(pair.original), size)
    tinted = _tinted(grey, _enlarged(local, (width, height), size))
    shown = canvas.upright(tinted, turn)
    spot = worst_places(
        local, count=1, size=(width, height), window=(min(_SPOT, width), min(_SPOT, height))
    )[0]
    whole = canvas.turned_size((width, height), turn)
    _mark(
        shown,
        turned(judged.worst_tile, turn, whole) if len(judged.tiles) > 1 else None,
        turned(spot, turn, whole),
        scale,
    )
    return canvas.encode(_framed(shown, judged, known=metric.is_meaningful(width, height)))


def _scale(width: int, height: int) -> float:
    longest = max(width, height)
    if longest > _LARGEST:
        return _LARGEST / longest
    # Small pictures grow by whole factors, so that their pixels stay squares.
    return max(1, _NARROWEST // longest)


def _grey(shown: Image.Image, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the picture without colour in the size shown, (H, W) float32 from 0 to 255."""
    method = Image.Resampling.NEAREST if size[0] >= shown.width else Image.Resampling.LANCZOS
    return np.asarray(shown.convert("L").resize(size, method, reducing_gap=3.0), dtype=np.float32)


def _enlarged(
    local: LocalScores, whole: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Return a score for every pixel shown, (H, W) float32, without steps between the cells."""
    cells = Image.fromarray(local.scores.astype(np.float32))
    # The last cells may be cut by the edge: only their inner part is shown.
    box = (0.0, 0.0, whole[0] / local.step, whole[1] / local.step)
    return np.asarray(cells.resize(size, Image.Resampling.BICUBIC, box=box))


def _tinted(grey: NDArray[np.float32], scores: NDArray[np.float32]) -> Image.Image:
    """Dim a grey picture, and colour it by the scores of its places."""
    alpha = np.clip((_CLEAR - scores) / (_CLEAR - _FULL), 0.0, 1.0)[:, :, None] * _STRONGEST
    light = (1.0 - _SHADE + _SHADE * grey / 160.0)[:, :, None]
    dimmed = (grey * _DIMMED + 16.0)[:, :, None]
    mixed = dimmed * (1.0 - alpha) + _colours(scores) * light * alpha
    return Image.fromarray(mixed.clip(0.0, 255.0).round().astype(np.uint8))


def _colours(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (..., 3) sRGB values for scores."""
    anchors = [-score for score, _ in _SCALE]
    channels = [
        np.interp(-scores, anchors, [rgb[channel] for _, rgb in _SCALE]) for channel in range(3)
    ]
    return np.stack(channels, axis=-1).astype(np.float32)


def _framed(shown: Image.Image, judged: metric.Comparison, *, known: bool) -> Image.Image:
    margin = canvas.MARGIN
    inner = max(shown.width, _NARROWEST)
    head, foot = canvas.LARGE + canvas.MEDIUM + 26, _BAR + 2 * canvas.SMALL + 34
    paper = Image.new(
        "RGB", (inner + 2 * margin, margin + head + shown.height + foot + margin), canvas.PAPER
    )
    _write_head(ImageDraw.Draw(paper), judged, known=known)
    paper.paste(shown, (margin + (inner - shown.width) // 2, margin + head))
    _write_legend(paper, margin + head + shown.height + 22, inner)
    return paper


def _write_head(draw: ImageDraw.ImageDraw, judged: metric.Comparison, *, known: bool) -> None:
    meaning = wording.meaning(judged.score, is_known=known)
    margin = canvas.MARGIN
    canvas.write(draw, (margin, margin - 4), f"Score {judged.score:.2f}", size=canvas.LARGE)
    below = margin + canvas.LARGE + 6
    canvas.write(draw, (margin, below), meaning, size=canvas.MEDIUM, ink=canvas.FAINT)


def _mark(shown: Image.Image, tile: Tile | None, spot: Tile, scale: float) -> None:
    """Outline the worst tile, where there is more than one, and the worst spot."""
    draw = ImageDraw.Draw(shown)
    marks = [(spot, 2, "worst spot")]
    if tile is not None:
        marks.insert(0, (tile, 3, "worst tile"))
    marks = [mark for mark in marks if mark[0].score < _BEST]
    boxes = [_box(tile, scale, shown) for tile, _, _ in marks]
    for box, (_, width, _) in zip(boxes, marks, strict=True):
        canvas.outline(draw, box, width=width)
    taken = boxes[-1:]
    for box, (place, _, words) in reversed([*zip(boxes, marks, strict=True)]):
        taken.append(canvas.label(shown, box, f"{words} {place.score:.1f}", taken=taken))


def _box(tile: Tile, scale: float, shown: Image.Image) -> canvas.Box:
    right, bottom = round((tile.x + tile.width) * scale), round((tile.y + tile.height) * scale)
    # Of a large picture scaled down a spot would be a dot.
    left = min(round(tile.x * scale), right - _SMALLEST_MARK)
    top = min(round(tile.y * scale), bottom - _SMALLEST_MARK)
    return max(0, left), max(0, top), min(shown.width, right), min(shown.height, bottom)


def _write_legend(paper: Image.Image, top: int, width: int) -> None:
    """Draw the colours as they look over a light grey, and what their numbers mean."""
    margin, draw = canvas.MARGIN, ImageDraw.Draw(paper)
    across = np.linspace(_BEST, _WORST, width, dtype=np.float32)
    bar = np.full((_BAR, width), 160.0, dtype=np.float32)
    paper.paste(_tinted(bar, np.tile(across, (_BAR, 1))), (margin, top))
    line = top + _BAR
    for tick in _TICKS:
        x = margin + round((_BEST - tick) / (_BEST - _WORST) * (width - 1))
        draw.line((x, line, x, line + 5), fill=canvas.FAINT)
        anchor = {_BEST: "la", _WORST: "ra"}.get(tick, "ma")
        canvas.write(draw, (x, line + 8), str(tick), size=canvas.SMALL, anchor=anchor)
    words = line + canvas.SMALL + 16
    for x, text, anchor in (
        (margin, "identical here", "la"),
        (margin + width // 2, "score of each place", "ma"),
        (margin + width - 1, "plainly different", "ra"),
    ):
        canvas.write(draw, (x, words), text, size=canvas.SMALL, ink=canvas.FAINT, anchor=anchor)
