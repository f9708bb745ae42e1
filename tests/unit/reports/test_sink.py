"""Streams may take less than they are given; nothing may be lost for it."""

import io

import pytest

from jpegslim.reports.sink import write_all


class Sipping(io.RawIOBase):
    """Takes at most three bytes at a time, as a nearly full disk or pipe does."""

    def __init__(self, room=1 << 20):
        self.taken = b""
        self.room = room

    def writable(self):
        return True

    def write(self, data):
        part = bytes(data[: min(3, self.room)])
        self.room -= len(part)
        self.taken += part
        return len(part)


def test_everything_is_written_in_as_many_steps_as_it_takes():
    stream = Sipping()
    write_all(stream, b"a photo of some bytes")
    assert stream.taken == b"a photo of some bytes"


def test_a_stream_that_takes_no_more_is_an_error():
    with pytest.raises(OSError, match="takes no more"):
        write_all(Sipping(room=5), b"a photo of some bytes")
