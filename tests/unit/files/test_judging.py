"""Comparing in a worker: whatever a file does to a decoder, it costs only its own pair."""

import io
import struct
import zlib

import pytest
from PIL import Image

from jpegslim.engine.comparing import compare
from jpegslim.errors import FileError
from jpegslim.files import judging
from jpegslim.files.judging import Judge


@pytest.fixture(scope="module")
def worker():
    with Judge() as judge:
        yield judge


def encoded(kind="JPEG", size=(160, 120), **options):
    written = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(written, kind, **options)
    return written.getvalue()


def huge_png(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(header))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I", 0)
        + b"IDAT"
        + struct.pack(">I", zlib.crc32(b"IDAT"))
    )


def test_the_score_is_that_of_the_library(worker):
    a, b = encoded("PNG"), encoded(quality=50)
    assert worker.compare(("a", a), ("b", b)) == compare(a, b)


def test_errors_name_the_file_they_are_about(worker):
    good = encoded()
    with pytest.raises(FileError, match=r"^left: the picture data is damaged"):
        worker.compare(("left", good[:-200]), ("right", good))
    with pytest.raises(FileError, match=r"^right: no decoder here"):
        worker.compare(("left", good), ("right", b"no picture"))


def test_pictures_beyond_the_limit_are_refused_from_their_header(worker):
    good = encoded()
    at = good.index(b"\xff\xc0") + 5
    jpeg = good[:at] + b"\xff\xff\xff\xff" + good[at + 4 :]
    with pytest.raises(
        FileError, match=r"^big: 4295 megapixels, over the limit of 300$"
    ) as refused:
        worker.compare(("big", jpeg), ("b", good))
    assert refused.value.reason == "too_big"
    with pytest.raises(FileError, match=r"^big: .*too large") as refused:
        worker.compare(("a", good), ("big", huge_png(60_000, 60_000)))
    assert refused.value.reason == "too_big"


def test_a_pair_that_takes_too_long_is_given_up_and_the_next_one_fares_well(monkeypatch):
    good = encoded()
    with Judge() as judge:
        monkeypatch.setattr(judging, "TIMEOUT_SECONDS", 1e-6)
        with pytest.raises(FileError, match=r"^one, two: took longer") as late:
            judge.compare(("one", good), ("two", good))
        assert late.value.reason == "timeout"
        monkeypatch.undo()
        assert judge.compare(("one", good), ("two", good)).score == 100
