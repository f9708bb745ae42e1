"""A CSV table: a row a file as it finishes, no totals (a spreadsheet adds them up)."""

import csv
import io
from collections.abc import Iterable

from jpegslim.reports.records import file_record
from jpegslim.reports.reporter import RunStart
from jpegslim.reports.sink import Sink
from jpegslim.results import FileResult, Totals

COLUMNS = (
    "schema",
    "path",
    "output",
    "status",
    "reason",
    "message",
    "bytes_in",
    "bytes_out",
    "score",
    "worst_tile_x",
    "worst_tile_y",
    "worst_tile_width",
    "worst_tile_height",
    "worst_tile_score",
    "target",
    "encoder",
    "chroma_subsampling",
    "megapixels",
    "metadata_dropped",
    "metadata_left",
    "gain_map",
    "notes",
    "seconds",
)

# What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Table:
    """Writes RFC 4180 rows in UTF-8 to a sink.

    Text that a spreadsheet would run as a formula gets an apostrophe in front, file names
    included; JSON lines carry names as they are.
    """

    def __init__(self, sink: Sink) -> None:
        """Write to `sink`, which is closed with the run where it is owned."""
        self._sink = sink

    def started(self, run: RunStart) -> None:  # noqa: ARG002 - the protocol's signature
        """Empty the file of an earlier run and write the header."""
        self._sink.clear()
        self._write(COLUMNS)

    def found(self, files: int, size: int, *, complete: bool) -> None:
        """Say nothing: only finished files are reported."""

    def finished(self, result: FileResult) -> None:
        """Write the file's row; raises RunError where the stream can't take it."""
        record = file_record(result)
        tile = record.pop("worst_tile")
        if isinstance(tile, dict):
            record |= {f"worst_tile_{key}": value for key, value in tile.items()}
        self._write([_cell(record.get(column)) for column in COLUMNS])

    def closed(self, totals: Totals) -> None:  # noqa: ARG002 - the protocol's signature
        """Close the file."""
        self._sink.close()

    def _write(self, cells: Iterable[object]) -> None:
        line = io.StringIO(newline="")
        csv.writer(line).writerow(cells)
        self._sink.write(line.getvalue().encode())


def _cell(value: object) -> object:
    if isinstance(value, list):
        value = "; ".join(value)
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
