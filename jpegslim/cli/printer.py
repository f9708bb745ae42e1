"""Standard output for the commands whose answer it is."""

import sys
from collections.abc import Mapping

from jpegslim.reports.jsonlines import encode_line
from jpegslim.reports.sink import Sink


class Printer:
    """Writes lines as they come; a full disk ends the command, and `| head` does not."""

    def __init__(self) -> None:
        """Write to standard output."""
        self._sink = Sink(sys.stdout.buffer, name="standard output", owned=False)

    def line(self, text: str) -> None:
        """Write a line for a person."""
        self._sink.write(f"{text}\n".encode(sys.stdout.encoding, "backslashreplace"))

    def json(self, record: Mapping[str, object]) -> None:
        """Write a JSON object."""
        self._sink.write(encode_line(record))
