"""The list behind --from-file."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jpegslim.errors import UsageError

STDIN = "-"


@contextmanager
def open_list(name: str, *, nul: bool) -> Iterator[Iterator[Path]]:
    """Open a list of names for the length of a run; "-" is standard input.

    Raises UsageError where it can't be opened, or is separated otherwise than said.
    """
    from jpegslim.files.lists import read_list
    from jpegslim.files.store import plain_words

    if name == STDIN:
        if sys.stdin.isatty():
            raise UsageError(
                "--from-file - reads names from standard input, which is a terminal here:"
                " as in 'find … -print0 | jpegslim optimize -0 --from-file -'"
            )
        yield read_list(_buffered(sys.stdin.buffer), nul=nul)
        return
    try:
        stream = Path(name).open("rb")  # noqa: SIM115 - closed below, errors of the run are not ours
    except OSError as error:
        raise UsageError(f"--from-file {name} can't be read: {plain_words(error)}") from error
    with stream:
        yield read_list(stream, nul=nul)


def _buffered(stream: object) -> io.BufferedIOBase:
    if not isinstance(stream, io.BufferedIOBase):
        raise TypeError(f"standard input is a {type(stream).__name__}")
    return stream
