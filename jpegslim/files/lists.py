"""Lists of names: read as they come, never held whole."""

import io
import select
import sys
from collections.abc import Iterator, Sequence

from jpegslim.errors import RunError, UsageError
from jpegslim.files.store import plain_words

_CHUNK = 1 << 16
# Linux and macOS take paths of 4096 and 1024 bytes, Windows of 32767 UTF-16 units.
_LONGEST_NAME = 1 << 17
# What is finished meanwhile waits so long for its name, at the most.
_IDLE_MILLISECONDS = 500


def read_list(stream: io.BufferedIOBase, *, nul: bool) -> Iterator[Sequence[str]]:
    """Return the names in a list, separated by newlines or, with `nul`, by NUL characters.

    They come in the pieces that could be read at once; an empty one says that whoever writes the
    list has nothing just now. The beginning is read at once, the rest as it is asked for. Empty
    names are passed over and the last separator may be missing. Bytes that are not UTF-8 stay as
    they are; a carriage return before a newline is dropped on Windows only, since names elsewhere
    may end in one.

    Raises UsageError where a list of lines turns out to be separated by NUL characters; while it
    is read on, RunError where it can't be, or where a name is longer than any system takes.
    """
    start = _read(stream)
    if not nul and b"\0" in start:
        raise UsageError("the list is separated by NUL characters, not by lines: add -0")
    return _names(stream, start, b"\0" if nul else b"\n")


def _names(stream: io.BufferedIOBase, start: bytes, separator: bytes) -> Iterator[Sequence[str]]:
    rest, chunk = b"", start
    while chunk:
        *whole, rest = (rest + chunk).split(separator)
        if names := [name for each in whole if (name := _name(each, separator))]:
            yield names
        if len(rest) > _LONGEST_NAME:
            raise RunError(
                f"the list has a name longer than {_LONGEST_NAME} bytes: is it a list of names?"
            )
        while _is_idle(stream):
            yield []
        chunk = _read(stream)
    if last := _name(rest, separator):
        yield [last]


def _name(name: bytes, separator: bytes) -> str:
    if sys.platform == "win32" and separator == b"\n":
        name = name.removesuffix(b"\r")
    # As os.fsdecode, which refuses bytes that are not UTF-8 on Windows.
    return name.decode(sys.getfilesystemencoding(), "surrogateescape")


def _is_idle(stream: io.BufferedIOBase) -> bool:
    """Wait a moment for more of a pipe; tell whether nothing came. Windows can't tell of a pipe."""
    if sys.platform == "win32":
        return False
    try:
        number = stream.fileno()
    except OSError:
        # In memory.
        return False
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return not poll.poll(_IDLE_MILLISECONDS)


def _read(stream: io.BufferedIOBase) -> bytes:
    """Return what is there, at least a byte; nothing at the end."""
    try:
        return stream.read1(_CHUNK)
    except OSError as error:
        raise RunError(f"the list can't be read: {plain_words(error)}") from error
