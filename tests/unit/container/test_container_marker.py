import io
from dataclasses import replace

import pytest
from container_samples import com, inserted, noise, saved, segment
from PIL import Image

from jpegslim.engine.container.marker import (
    Marker,
    encode_marker,
    is_marker,
    marker_segments,
    read_marker,
    source_digest,
    tables_digest,
)
from jpegslim.engine.container.segments import parse

JPEG = saved()
MARKER = Marker(
    version="0.1.0",
    target=85.0,
    score=85.23,
    tables=tables_digest(parse(JPEG)),
    source=source_digest(b"the source"),
)
LINE = (
    f"jpegslim/1 v=0.1.0 target=85 score=85.23 tables={MARKER.tables} source={MARKER.source}"
).encode()


def marked(marker=MARKER):
    return inserted(JPEG, encode_marker(marker))


def test_a_marker_is_one_readable_line_in_a_comment():
    assert encode_marker(MARKER) == com(LINE)


@pytest.mark.parametrize(
    "marker",
    [
        MARKER,
        replace(MARKER, target=None, score=None),
        replace(MARKER, target=72.123456789, score=100.0),
        replace(MARKER, target=1.0, score=0.0),
        replace(MARKER, version="10.2.0rc1.dev3+g1234567"),
    ],
)
def test_a_marker_is_read_as_it_was_written(marker):
    assert read_marker(parse(marked(marker))) == marker


def test_a_marker_without_a_score_is_read():
    line = LINE.replace(b"target=85 score=85.23", b"target=lossless")
    marker = read_marker(parse(inserted(JPEG, com(line))))
    assert marker == replace(MARKER, target=None, score=None)


def test_the_last_marker_that_holds_counts():
    stale = replace(MARKER, tables="00000000", target=90.0)
    older = replace(MARKER, target=70.0)
    jpeg = inserted(
        JPEG, encode_marker(older) + encode_marker(MARKER) + encode_marker(stale) + com(b"note")
    )
    assert read_marker(parse(jpeg)) == MARKER
    assert len(marker_segments(parse(jpeg))) == 3


def test_a_photo_edited_and_saved_since_counts_as_new():
    edited = io.BytesIO()
    with Image.open(io.BytesIO(marked())) as image:
        image.save(edited, "JPEG", quality=93, comment=image.info["comment"])
    assert marker_segments(parse(edited.getvalue()))
    assert read_marker(parse(edited.getvalue())) is None


def test_no_marker_is_none():
    assert read_marker(parse(JPEG)) is None
    assert read_marker(parse(inserted(JPEG, com(b"jpegslim/1 is a fine tool")))) is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"jpegslim/1",
        LINE + b"\n",
        LINE + b" more",
        b" " + LINE,
        LINE * 900,
        LINE.replace(b"jpegslim/1", b"jpegslim/2"),
        LINE.replace(b"=85.23", b"=nan"),
        LINE.replace(b"=85.23", b"=inf"),
        LINE.replace(b"=85.23", b"=1e9"),
        LINE.replace(b"=85.23", b"=" + b"9" * 120),
        LINE.replace(b"=85.23", b"=-3"),
        LINE.replace(b"=85.23", b"=100.01"),
        LINE.replace(b"=85 ", b"=0 "),
        LINE.replace(b"=85 ", b"=100.5 "),
        LINE.replace(b"=85 ", "=८५ ".encode()),
        LINE.replace(b"0.1.0", "0.1.0é".encode()),
        LINE.replace(b"0.1.0", b"\xff\xfe\x00"),
        LINE.replace(b"0.1.0", b"1" * 65),
        LINE.replace(MARKER.tables.encode(), b"0000000g"),
        LINE.replace(MARKER.source.encode(), b""),
    ],
)
def test_a_hostile_marker_is_somebody_elses_comment(line):
    assert not is_marker(line)
    assert read_marker(parse(inserted(JPEG, com(line[:65000])))) is None


@pytest.mark.parametrize(
    "marker",
    [
        replace(MARKER, score=float("nan")),
        replace(MARKER, target=float("inf")),
        replace(MARKER, version="0.1 0"),
        replace(MARKER, tables=""),
    ],
)
def test_a_marker_that_could_not_be_read_again_is_not_written(marker):
    with pytest.raises(ValueError, match="read again"):
        encode_marker(marker)


def test_the_tables_digest_covers_every_table_in_order():
    container = parse(JPEG)
    tables = [part.payload(JPEG) for part in container.segments if part.marker == 0xDB]
    assert len(tables) == 2
    start = next(part.start for part in container.segments if part.marker == 0xDB)
    bare = JPEG[:start] + JPEG[start + sum(len(table) + 4 for table in tables) :]
    merged = bare[:start] + segment(0xDB, b"".join(tables)) + bare[start:]
    swapped = bare[:start] + segment(0xDB, b"".join(reversed(tables))) + bare[start:]
    assert tables_digest(parse(merged)) == tables_digest(container)
    assert tables_digest(parse(swapped)) != tables_digest(container)
    assert tables_digest(parse(saved(noise(), quality=60))) != tables_digest(container)
