"""The look that our pictures share: dark paper, few letters, PNG."""

import io
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from jpegslim.engine.container.upright import is_sideways

if TYPE_CHECKING:
    from jpegslim.engine.metric import Tile

PAPER = (20, 22, 26)
INK = (240, 242, 245)
FAINT = (154, 161, 172)
FRAME = (255, 255, 255)

SOFTWARE = "jpegslim"

# How EXIF's orientations 2 to 8 are undone.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

MARGIN = 24
LARGE, MEDIUM, SMALL = 30, 17, 14

Box = tuple[int, int, int, int]


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font, which has ASCII letters and little more."""
    return ImageFont.load_default(size)


def picture(pixels: NDArray[np.uint8]) -> Image.Image:
    """Take (H, W) or (H, W, 3) pixels as an RGB image."""
    return Image.fromarray(pixels).convert("RGB")


def width_of(text: str, size: int) -> int:
    """Return how many pixels a line of text takes."""
    return round(font(size).getlength(text))


def write(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    *,
    size: int,
    ink: tuple[int, int, int] = INK,
    anchor: str = "la",
) -> int:
    """Write one line, and return where it ends to the right."""
    draw.text(at, text, font=font(size), fill=ink, anchor=anchor)
    return at[0] + width_of(text, size)


def outline(draw: ImageDraw.ImageDraw, box: Box, *, width: int = 3) -> None:
    """Draw a white frame with dark edges on both sides: seen on any picture."""
    left, top, right, bottom = box
    for inset, colour, thickness in ((-1, PAPER, width + 2), (0, FRAME, width)):
        draw.rectangle(
            (left + inset, top + inset, right - inset - 1, bottom - inset - 1),
            outline=colour,
            width=thickness,
        )


def label(canvas: Image.Image, box: Box, text: str, *, taken: Sequence[Box] = ()) -> Box:
    """Write a label at a rectangle, and return where.

    It stands above, below or beside it where there is room that nothing in `taken` has, else
    inside.
    """
    height, width = SMALL + 12, width_of(text, SMALL) + 16
    left = max(0, min(box[0], canvas.width - width))
    corners = (
        (left, box[1] - height),
        (left, box[3]),
        (box[2], max(0, box[1])),
        (box[0] - width, max(0, box[1])),
    )
    for x, y in corners:
        place = (x, y, x + width, y + height)
        inside = 0 <= x <= canvas.width - width and 0 <= y <= canvas.height - height
        if inside and not any(_overlap(place, other) for other in taken):
            break
    else:
        place = (left, box[1], left + width, box[1] + height)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((place[0], place[1], place[2] - 1, place[3] - 1), fill=FRAME)
    at = (place[0] + 8, place[1] + height // 2)
    write(draw, at, text, size=SMALL, ink=PAPER, anchor="lm")
    return place


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def place_words(tile: "Tile") -> str:
    """Say where a tile is."""
    return f"x {tile.x}, y {tile.y}"


def upright(image: Image.Image, turn: int) -> Image.Image:
    """Turn a picture by its EXIF orientation, 1 to 8."""
    return image.transpose(_TURNS[turn]) if turn in _TURNS else image


def turned_size(size: tuple[int, int], turn: int) -> tuple[int, int]:
    """Return a width and height after, or before, such a turn."""
    return (size[1], size[0]) if is_sideways(turn) else size


def encode(canvas: Image.Image) -> bytes:
    """Return the canvas as a PNG that says who made it."""
    said = PngInfo()
    said.add_text("Software", SOFTWARE)
    out = io.BytesIO()
    # Level 6 halves what level 1 leaves of photos and takes under a second at 2 megapixels.
    canvas.save(out, "PNG", pnginfo=said, compress_level=6)
    return out.getvalue()
