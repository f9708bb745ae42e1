"""A file's row in the HTML report, as JSON that can stand inside a script element."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from jpegslim.reports import wording
from jpegslim.reports.records import finite
from jpegslim.results import FileResult, Reason, Status, Tile

# The order of a row's values; the page is told.
FIELDS = (
    "name",
    "status",
    "why",
    "in",
    "out",
    "score",
    "tile",
    "target",
    "encoder",
    "sampling",
    "megapixels",
    "seconds",
    "orientation",
    "before",
    "after",
    "place",
    "dropped",
    "gain_map",
    "notes",
)
_CHANGED = (Status.OPTIMIZED, Status.LOSSLESS)
# As many as are shown: rounded twice, 80.0149 would be 80.02 here and 80.01 in the totals.
_SCORE_DIGITS = 2


def file_row(result: FileResult, *, page: Path, folder: Path | None = None) -> list[object]:
    """Return the values of FIELDS, without the empty ones at the end.

    page: where the report is. folder: what relative names count from, None for the current one.
    Text is safe to show: nothing in it turns the direction of writing or hides.
    """
    before, after = _addresses(result, page, folder or Path())
    place = result.output if result.output not in (None, result.path) else None
    values: list[object] = [
        wording.printable(str(result.path)),
        str(result.status),
        _why(result),
        result.bytes_in,
        result.bytes_out,
        _rounded(result.score, _SCORE_DIGITS),
        _tile(result.worst_tile),
        _rounded(result.target, 3),
        result.encoder,
        result.chroma_subsampling,
        _rounded(result.megapixels, 2),
        _rounded(result.seconds, 2) or None,
        result.orientation if result.orientation != 1 and result.worst_tile is not None else None,
        before,
        after,
        None if place is None else wording.printable(str(place)),
        result.metadata_dropped or None,
        result.gain_map or None,
        [wording.printable(note) for note in result.notes] or None,
    ]
    while values[-1] is None:
        values.pop()
    return values


def script_json(value: Mapping[str, object] | Sequence[object]) -> str:
    """Return JSON in one line of ASCII that no HTML parser can take for the end of a script.

    ValueError where a number is not finite.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    # Only text holds these, where JSON knows them by their numbers too.
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def address(path: Path, page: Path) -> str:
    """Return a URL for a file as seen from the page: relative, so that both may move together."""
    start = page.absolute().parent
    try:
        relative = os.path.relpath(path, start)
    except ValueError:  # another drive
        return path.absolute().as_uri()
    # Bytes, because a name need not be UTF-8.
    return quote(os.fsencode(relative).replace(os.fsencode(os.sep), b"/"))


def _addresses(result: FileResult, page: Path, folder: Path) -> tuple[str | None, str | None]:
    """Return where both versions are, None for both where one is gone or they look the same."""
    if result.original is None or result.output is None or result.status is not Status.OPTIMIZED:
        return None, None
    return address(folder / result.original, page), address(folder / str(result.output), page)


def _why(result: FileResult) -> str | None:
    """Return why a file stands where it does, None where the target was met and that is all."""
    if result.reason == Reason.TARGET_MET:
        return None
    if result.message and (result.status is Status.FAILED or result.status in _CHANGED):
        return wording.printable(result.message)
    words = wording.reason(result.reason)
    detail = wording.printable(result.message)
    if detail.startswith(words):
        return detail
    return f"{words} ({detail})" if detail else words


def _tile(tile: Tile | None) -> list[object] | None:
    if tile is None:
        return None
    return [tile.x, tile.y, tile.width, tile.height, _rounded(tile.score, _SCORE_DIGITS)]


def _rounded(number: float | None, digits: int) -> float | None:
    plain = finite(number)
    if plain is None:
        return None
    rounded = round(plain, digits)
    return int(rounded) if rounded.is_integer() else rounded
