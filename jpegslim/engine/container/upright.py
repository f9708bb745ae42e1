"""How viewers turn a picture, and where a place in its stored pixels is then."""

from jpegslim.engine.container.exif_reduced import is_exif, orientation
from jpegslim.engine.container.walk import APP1, SOS, walk
from jpegslim.results import Tile

UPRIGHT = 1
FIRST_SIDEWAYS = 5


def orientation_of(data: bytes) -> int:
    """Return the EXIF orientation of a JPEG, 1 to 8; 1 where it names none.

    Raises what walking the file raises.
    """
    for segment in walk(data):
        if segment.marker == SOS:
            break
        if segment.marker == APP1 and is_exif(segment.payload(data)):
            return orientation(segment.payload(data))
    return UPRIGHT


def is_sideways(turn: int) -> bool:
    """Tell whether an EXIF orientation swaps width and height."""
    return turn >= FIRST_SIDEWAYS


def turned(tile: Tile, turn: int, size: tuple[int, int]) -> Tile:
    """Return where a tile is once its picture is turned by an EXIF orientation.

    size: width and height of the picture as it is shown.
    """
    sideways = is_sideways(turn)
    wide, tall = (size[1], size[0]) if sideways else size
    right, below = wide - tile.x - tile.width, tall - tile.y - tile.height
    x, y = {
        2: (right, tile.y),
        3: (right, below),
        4: (tile.x, below),
        5: (tile.y, tile.x),
        6: (below, tile.x),
        7: (below, right),
        8: (tile.y, right),
    }.get(turn, (tile.x, tile.y))
    width, height = (tile.height, tile.width) if sideways else (tile.width, tile.height)
    return Tile(x=x, y=y, width=width, height=height, score=tile.score)
