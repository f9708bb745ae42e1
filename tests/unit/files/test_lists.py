"""A list of names is read as it comes, whatever the names."""

import io
import os
import sys
import tracemalloc
from itertools import chain

import pytest

from jpegslim.errors import RunError, UsageError
from jpegslim.files.lists import read_list


class Trickle(io.BufferedIOBase):
    """A stream that gives what it has in the pieces it was given."""

    def __init__(self, *pieces):
        self.left = list(pieces)

    def read1(self, _=-1):
        return self.left.pop(0) if self.left else b""


def names_in(stream, *, nul=False):
    return chain.from_iterable(read_list(stream, nul=nul))


def read(data, *, nul=False):
    return list(names_in(io.BytesIO(data), nul=nul))


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"", []),
        (b"\n\n", []),
        (b"a.jpg\nb c.jpg\n", ["a.jpg", "b c.jpg"]),
        (b"a.jpg\n\nb.jpg", ["a.jpg", "b.jpg"]),
        (b" a.jpg \n-rf.jpg\n", [" a.jpg ", "-rf.jpg"]),
        ("é.jpg\n".encode(), ["é.jpg"]),
    ],
)
def test_lines(data, names):
    assert read(data) == names
    assert read(data.replace(b"\n", b"\0"), nul=True) == names


def test_between_nul_characters_anything_is_a_name():
    assert read(b"new\nline.jpg\0\0cr\r\0", nul=True) == ["new\nline.jpg", "cr\r"]


def test_bytes_that_are_not_utf_8_come_through():
    (name,) = read(b"\xff\xfe.jpg\n")
    assert os.fsencode(name) == b"\xff\xfe.jpg"


@pytest.mark.parametrize(("platform", "name"), [("linux", "a.jpg\r"), ("win32", "a.jpg")])
def test_a_carriage_return_is_part_of_a_name_except_on_windows(platform, name, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    assert read(b"a.jpg\r\n") == [name]
    assert read(b"a.jpg\r\0", nul=True) == ["a.jpg\r"]


def test_names_may_come_in_any_pieces():
    stream = Trickle(b"a", b".jp", b"g\nb.jpg\nc", b".jpg", b"\n", b"d.jpg")
    assert list(read_list(stream, nul=False)) == [["a.jpg", "b.jpg"], ["c.jpg"], ["d.jpg"]]


def test_a_name_is_there_as_soon_as_it_is_written():
    stream = Trickle(b"a.jpg\n", b"b.jpg\n")
    names = read_list(stream, nul=False)
    assert next(names) == ["a.jpg"]
    assert stream.left == [b"b.jpg\n"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't tell of a pipe")
def test_who_writes_slowly_holds_up_nothing(monkeypatch):
    monkeypatch.setattr("jpegslim.files.lists._IDLE_MILLISECONDS", 1)
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as out, open(reading, "rb") as stream:  # noqa: PTH123
        out.write(b"a.jpg\nb.j")
        names = read_list(stream, nul=False)
        assert [next(names) for _ in range(3)] == [["a.jpg"], [], []]
        out.write(b"pg\n")
        assert [next(names) for _ in range(2)] == [["b.jpg"], []]
        out.close()
        assert list(names) == []


def test_a_list_longer_than_memory():
    class Endless(io.BufferedIOBase):
        def read1(self, _=-1):
            return b"photos/2024/IMG_0001.jpg\n" * 2000

    names = names_in(Endless())
    tracemalloc.start()
    for _ in range(100_000):
        next(names)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 100,000 names take 18 MB; Python's table of interned strings may double meanwhile, at once.
    assert peak < 12e6


def test_a_list_with_nul_characters_read_as_lines_is_wrong_usage():
    with pytest.raises(UsageError, match="add -0"):
        read_list(io.BytesIO(b"a.jpg\0b.jpg\0"), nul=False)


def test_what_is_no_list_does_not_fill_the_memory():
    class Zeros(io.BufferedIOBase):
        def read1(self, size=-1):
            return b"x" * size

    with pytest.raises(RunError, match="longer than"):
        next(read_list(Zeros(), nul=True))


def test_a_list_that_breaks_off_ends_the_run():
    class Broken(Trickle):
        def read1(self, size=-1):
            if not self.left:
                raise OSError(5, "Input/output error")
            return super().read1(size)

    names = names_in(Broken(b"a.jpg\nb"))
    assert next(names) == "a.jpg"
    with pytest.raises(RunError, match="the list can't be read: input/output error"):
        next(names)
