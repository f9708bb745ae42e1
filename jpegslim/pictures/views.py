"""The worst place of one result, before and after, for a page that shows many."""

import io

from PIL import Image, ImageDraw, features

from jpegslim.engine.codecs import turbo
from jpegslim.engine.container.icc import ProfileIgnored, read_profile
from jpegslim.engine.container.segments import parse
from jpegslim.engine.container.upright import orientation_of, turned
from jpegslim.pictures import canvas
from jpegslim.results import Tile, View

# What a desktop shows of a picture at 1:1; a pair of them without loss takes some 500 kB.
_WIDTH, _HEIGHT = 640, 480
_THUMBNAIL = 320


def view_of(source: bytes, result: bytes, worst: Tile) -> View:
    """Cut the surroundings of the worst tile out of both, and make a thumbnail of the result.

    source, result: whole JPEG files with one or three components, which decode. worst: in pixels
    as the result stores them.
    """
    before, icc = _upright(source)
    after, _ = _upright(result)
    tile = turned(worst, orientation_of(result), after.size)
    left, right = _around(tile.x, tile.width, _WIDTH, after.width)
    top, bottom = _around(tile.y, tile.height, _HEIGHT, after.height)
    box = (left, top, right, bottom)
    media_type, options = _lossless()
    encoded = [_encoded(each.crop(box), icc_profile=icc, **options) for each in (before, after)]
    x, y = max(tile.x, left), max(tile.y, top)
    shown = Tile(
        x=x - left,
        y=y - top,
        width=min(tile.x + tile.width, right) - x,
        height=min(tile.y + tile.height, bottom) - y,
        score=tile.score,
    )
    return View(
        before=encoded[0],
        after=encoded[1],
        media_type=media_type,
        tile=shown,
        thumbnail=_thumbnail(after, tile, icc),
    )


def _thumbnail(image: Image.Image, tile: Tile, icc: bytes | None) -> bytes:
    wide = image.width
    small = image.convert("RGB")
    small.thumbnail((_THUMBNAIL, _THUMBNAIL), reducing_gap=3.0)
    scale = small.width / wide
    edges = (tile.x, tile.y, tile.x + tile.width, tile.y + tile.height)
    left, top, right, bottom = (round(edge * scale) for edge in edges)
    canvas.outline(ImageDraw.Draw(small), (left, top, right, bottom), width=2)
    return _encoded(small, format="JPEG", quality=80, icc_profile=icc)


def _upright(data: bytes) -> tuple[Image.Image, bytes | None]:
    container = parse(data)
    pixels = turbo.decode(data, components=len(container.frame.components))
    image = canvas.upright(Image.fromarray(pixels), orientation_of(data))
    try:
        icc = read_profile(container.segments, data)
    except ProfileIgnored:
        # Browsers ignore it too.
        icc = None
    # A profile of inks or of colours means nothing to grey samples, and Pillow refuses none.
    return image, icc if image.mode == "RGB" else None


def _around(start: int, side: int, window: int, whole: int) -> tuple[int, int]:
    """Return begin and end of a window around the middle of what is to be seen."""
    window = min(window, whole)
    begin = max(0, min(start + side // 2 - window // 2, whole - window))
    return begin, begin + window


def _lossless() -> tuple[str, dict[str, object]]:
    # On crops of 15 photos 254 kB in 15 ms; PNG takes 337 kB and 82 ms, better WebP 225 and 84.
    if features.check("webp"):
        return "image/webp", {"format": "WEBP", "lossless": True, "quality": 0, "method": 0}
    return "image/png", {"format": "PNG"}


def _encoded(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, **options)  # type: ignore[arg-type]
    return out.getvalue()
