"""The container: read the layout of any bytes, rebuild what parses around other picture data."""

from dataclasses import replace

from fuzz import mpf
from fuzz.laws import in_time, require, require_refusal
from fuzz.seeds import ADOBE, EXIF, JFIF, containers, picture
from jpegslim.engine.container.assemble import admit, assemble, carried
from jpegslim.engine.container.foreign import not_a_jpeg
from jpegslim.engine.container.marker import (
    Marker,
    is_marker,
    marker_segments,
    read_marker,
    tables_digest,
)
from jpegslim.engine.container.scans import refuse_missing_scans
from jpegslim.engine.container.segments import Container, adobe_transform, parse, peek
from jpegslim.engine.container.signature import refuse_signed
from jpegslim.engine.container.trailer import gain_map_bytes, parts
from jpegslim.engine.container.walk import COM, SOS
from jpegslim.errors import FileError, UnsupportedJpeg

DICTIONARY = (
    *(bytes([0xFF, marker]) for marker in (*range(0xC0, 0xD0), *range(0xD8, 0xF0), COM)),
    *(JFIF, ADOBE, EXIF, b"MPF\0", b"II*\0", b"MM\0*", b"jpegslim/1 v=", b"http://ns.adobe.com/"),
    *(b"SEFH", b"SEFT", b"ftypisom", b"MicroVideoOffset=", b"<rdf:li", b"Item:Length="),
    *(b"\x02\xb0", b"\xb0\x02", b"\x11\x01", b"\x01\x4a", b"\x02\x01", b"c2pa", b"lossless"),
)
_MARKER = Marker(version="0.0.1", target=85.0, score=85.25, tables="", source="0123456789abcdef")
# A recoded picture carries one of grey or three of YCbCr, numbered as JFIF numbers them.
_RECODED_IDS = {1: (1,), 3: (1, 2, 3)}


def seeds() -> list[bytes]:
    """Return the files to start from."""
    return containers()


def check(data: bytes) -> None:
    """Do all that is done with a file of unknown origin, and hold what comes out to its laws."""
    require_refusal(not_a_jpeg(data))
    with in_time(data):
        try:
            frame = peek(data)
        except FileError as error:
            require_refusal(error)
            frame = None
        try:
            source = parse(data)
        except FileError as error:
            require_refusal(error)
            return
    require(frame is not None, "parse reads a file whose frame peek does not find")
    _require_layout(source)
    with in_time(data):
        _read_all(source)
    _rebuild(source)


def _require_layout(source: Container) -> None:
    data, end = source.data, 2
    require(source.frame.width > 0 and source.frame.height > 0, "a picture without pixels")
    require(data[source.image_end - 2 : source.image_end] == b"\xff\xd9", "no EOI at image_end")
    in_scan = False
    for segment in source.segments:
        require(end <= segment.start < segment.end <= source.image_end - 2, "segments overlap")
        require(data[segment.start] == 0xFF, "a segment does not begin with FF")
        require(data[segment.start + 1] == segment.marker, "a segment's marker is another")
        gap = data[end : segment.start]
        require(in_scan or not gap.strip(b"\xff"), "bytes between segments went unseen")
        end, in_scan = segment.end, segment.marker == SOS
    require(source.image_end + len(source.trailer) == len(data), "the trailer is not the rest")
    require(len(source.component_tables) == len(source.frame.components), "tables are missing")


def _read_all(source: Container) -> None:
    """Call what only looks; its answers are free, but it may refuse in no other way."""
    require(len(tables_digest(source)) == 8, "a digest of another length")
    require(bool(source.frame.chroma_subsampling), "no name for the sampling")
    read_marker(source)
    _require_covered(source)
    for looking in (admit, refuse_signed, refuse_missing_scans):
        try:
            looking(source)
        except FileError as error:
            require_refusal(error)


def _require_covered(source: Container) -> None:
    at = source.image_end
    found = parts(source)
    for part in found:
        require(part.start == at and part.size > 0, "the trailer's parts leave a gap or overlap")
        require(part.label.isprintable(), "a label that no terminal can show")
        at = part.end
    require(at == len(source.data), "the trailer's parts don't reach the end of the file")
    require(0 <= gain_map_bytes(found) <= len(source.trailer), "gain maps beyond the trailer")


def _rebuild(source: Container) -> None:
    first = source.data[: source.image_end]
    _replace(source, first, recoded=False)
    # A longer scan moves all that follows it.
    _replace(source, first[:-2] + bytes(37) + first[-2:], recoded=False)
    frame = source.frame
    ids = _RECODED_IDS.get(len(frame.components))
    if ids is not None:
        _replace(source, picture((frame.width, frame.height), ids=ids), recoded=True)


def _replace(source: Container, coded: bytes, *, recoded: bool) -> None:
    try:
        with in_time(source.data):
            written = assemble(source, coded, marker=_MARKER, recoded=recoded)
            delivered = parse(written)
            carried(source, delivered, recoded=recoded)
    except FileError as error:
        require_refusal(error)
        return
    require(
        _metadata(source, recoded=recoded) == _metadata(delivered, recoded=recoded),
        "a metadata segment was lost, changed or moved",
    )
    require(source.trailer == delivered.trailer, "what follows the picture changed")
    require(len(marker_segments(delivered)) == 1, "not one marker")
    marker = replace(_MARKER, tables=tables_digest(delivered))
    require(read_marker(delivered) == marker, "the marker does not read as written")
    mpf.require_same_images(source, delivered)
    try:
        again = assemble(delivered, coded, marker=_MARKER, recoded=recoded)
    except UnsupportedJpeg as error:
        # Moved, any four bytes of a maker note may come to be the distance to something.
        require(error.reason == "exif_points_beyond", "a rewrite of the rewrite is refused")
        return
    require(again == written, "a rewrite of the rewrite differs")


def _metadata(container: Container, *, recoded: bool) -> list[tuple[int, bytes]]:
    """List what must come across byte for byte."""
    listed = []
    for segment in container.segments:
        payload = segment.payload(container.data)
        ours = segment.marker == COM and is_marker(payload)
        untrue = recoded and adobe_transform(segment, container.data) is not None
        if segment.is_metadata and not (ours or untrue or mpf.is_index(segment, container.data)):
            listed.append((segment.marker, payload))
    return listed
