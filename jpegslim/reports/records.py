r"""Results as plain dictionaries for JSON and CSV; the schema number covers every field here.

Text is always valid Unicode: a byte of a file name that is not UTF-8 is written `\xNN` (see
`wording.well_formed`). Numbers are always finite: a score that is not is null.
"""

import math

from jpegslim.reports.wording import well_formed
from jpegslim.results import SCHEMA_VERSION, FileResult, Status, Tile, Totals


def file_record(result: FileResult) -> dict[str, object]:
    """Return the outcome of one file; keys in the order that columns have."""
    return {
        "schema": SCHEMA_VERSION,
        "path": well_formed(str(result.path)),
        "output": None if result.output is None else well_formed(str(result.output)),
        "status": str(result.status),
        "reason": str(result.reason),
        "message": well_formed(result.message),
        "bytes_in": result.bytes_in,
        "bytes_out": result.bytes_out,
        "score": finite(result.score),
        "worst_tile": tile_record(result.worst_tile),
        "target": finite(result.target),
        "encoder": result.encoder,
        "chroma_subsampling": result.chroma_subsampling,
        "megapixels": finite(result.megapixels),
        "metadata_dropped": result.metadata_dropped,
        "metadata_left": result.metadata_left,
        "gain_map": result.gain_map,
        "notes": [well_formed(note) for note in result.notes],
        "seconds": finite(result.seconds),
    }


def totals_record(totals: Totals, *, dry_run: bool) -> dict[str, object]:
    """Return the sums of a run, under a key of their own so that no file is mistaken for them."""
    lowest = totals.lowest
    return {
        "schema": SCHEMA_VERSION,
        "totals": {
            "files": totals.files,
            **{str(status): totals.counts[status] for status in Status},
            "bytes_in": totals.bytes_in,
            "bytes_out": totals.bytes_out,
            "saved_fraction": finite(totals.saved_fraction),
            "metadata_dropped": totals.metadata_dropped,
            "metadata_left": len(totals.metadata_left),
            "gain_map": {"files": totals.gain_maps, "bytes": totals.gain_map},
            "notes": {well_formed(note): files for note, files in totals.notes.items()},
            "lowest": None
            if lowest is None
            else {"path": well_formed(str(lowest.path)), "score": finite(lowest.score)},
            "megapixels": finite(totals.megapixels),
            "seconds": finite(totals.seconds),
            "dry_run": dry_run,
            "interrupted": totals.interrupted,
            "stopped": None if totals.stopped is None else well_formed(totals.stopped),
            "cut_short": None if totals.cut_short is None else well_formed(totals.cut_short),
            "exit_code": int(totals.exit_code),
        },
    }


def tile_record(tile: Tile | None) -> dict[str, object] | None:
    """Return a tile's place in pixels and its score."""
    if tile is None:
        return None
    return {
        "x": int(tile.x),
        "y": int(tile.y),
        "width": int(tile.width),
        "height": int(tile.height),
        "score": finite(tile.score),
    }


def finite(number: float | None) -> float | None:
    """Return the number as a plain float; None where it is missing, infinite or no number."""
    return None if number is None or not math.isfinite(number) else float(number)
