"""Where report lines go: each is written whole and flushed at once."""

import errno
from typing import BinaryIO

from jpegslim.errors import RunError


def write_all(stream: BinaryIO, data: bytes) -> None:
    """Write and flush everything; OSError where the stream takes no more.

    An unbuffered stream (PYTHONUNBUFFERED) may take a part of what it is given and say so.
    """
    rest = memoryview(data)
    while rest:
        taken = stream.write(rest)
        if not taken:
            raise BlockingIOError(errno.EAGAIN, "the stream takes no more bytes")
        rest = rest[taken:]
    stream.flush()


class Sink:
    """A binary stream with one fate.

    When its reader leaves (`| head`), further lines are dropped and the run goes on: the
    pictures are what was asked for. When writing fails otherwise, that is told once, as a
    RunError; later lines are dropped.
    """

    def __init__(self, stream: BinaryIO, *, name: str, owned: bool) -> None:
        """Take the stream; `name` is for messages, an `owned` one is emptied and closed here."""
        self._stream = stream
        self._name = name
        self._owned = owned
        self._open = True

    def clear(self) -> None:
        """Drop what an earlier run left in an owned file."""
        if self._open and self._owned and self._stream.seekable():
            try:
                self._stream.truncate(0)
            except OSError as error:
                raise self._failure(error) from error

    def write(self, line: bytes) -> None:
        """Write and flush one line.

        Raises RunError where that fails, unless the reader merely left.
        """
        if not self._open:
            return
        try:
            write_all(self._stream, line)
        except BrokenPipeError:
            self._open = False
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Close an owned stream; calling it again does nothing."""
        if not self._owned:
            return
        try:
            self._stream.close()
        except OSError as error:
            # A line that failed before is still in the buffer and fails again: told already.
            if self._open and not isinstance(error, BrokenPipeError):
                raise self._failure(error) from error
        finally:
            self._open = False

    def _failure(self, error: OSError) -> RunError:
        self._open = False
        return RunError(f"can't write {self._name}: {error.strerror or error}")
