"""One JSON object a line: a file each as it finishes, the totals last."""

import json
import re
from collections.abc import Mapping

from jpegslim.reports.records import file_record, totals_record
from jpegslim.reports.reporter import RunStart
from jpegslim.reports.sink import Sink
from jpegslim.results import FileResult, Totals

# JSON itself escapes only what is below a space. These command terminals too (C1), or turn the
# order of what follows; they stand in strings alone, where an escape means the same.
_COMMANDS = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class JsonLines:
    """Writes UTF-8 JSON lines to a sink."""

    def __init__(self, sink: Sink) -> None:
        """Write to `sink`, which is closed with the run where it is owned."""
        self._sink = sink
        self._dry_run = False

    def started(self, run: RunStart) -> None:
        """Empty the file of an earlier run."""
        self._dry_run = run.dry_run
        self._sink.clear()

    def found(self, files: int, size: int, *, complete: bool) -> None:
        """Say nothing: only finished files are reported."""

    def finished(self, result: FileResult) -> None:
        """Write the file's line; raises RunError where the stream can't take it."""
        self._sink.write(encode_line(file_record(result)))

    def closed(self, totals: Totals) -> None:
        """Write the totals and close the stream."""
        try:
            self._sink.write(encode_line(totals_record(totals, dry_run=self._dry_run)))
        finally:
            self._sink.close()


def encode_line(record: Mapping[str, object]) -> bytes:
    """Return one JSON object as a UTF-8 line; ValueError where a number is not finite."""
    text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode() + b"\n"
