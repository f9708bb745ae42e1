"""The comment that jpegslim leaves in a file, so that the next run knows it."""

import hashlib
import re
from dataclasses import dataclass

from jpegslim.engine.container.segments import Container
from jpegslim.engine.container.walk import COM, DQT, Segment

# The longest marker encode_marker can write is far shorter; a longer comment is somebody's.
_LONGEST = 256
_NUMBER = rb"\d{1,3}(?:\.\d{1,17})?"
_FORMAT = re.compile(
    rb"jpegslim/1 v=(?P<version>[0-9A-Za-z.+!_-]{1,64})"
    rb" target=(?P<target>lossless|" + _NUMBER + rb")"
    rb"(?: score=(?P<score>-|" + _NUMBER + rb"))?"
    rb" tables=(?P<tables>[0-9a-f]{8})"
    rb" source=(?P<source>[0-9a-f]{16})"
)
_TABLES_DIGITS, _SOURCE_DIGITS = 8, 16
_HIGHEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """What the comment says.

    target: None for lossless. score: None where no lossy coding happened. tables: 8 hex digits
    over the file's quantization tables. source: 16 hex digits over the whole file it was made
    from.
    """

    version: str
    target: float | None
    score: float | None
    tables: str
    source: str


def is_marker(payload: bytes) -> bool:
    """Return whether a COM payload is a well-formed marker, of this file or another."""
    return _decode(payload) is not None


def marker_segments(container: Container) -> tuple[Segment, ...]:
    """Return the COM segments that hold a well-formed marker, in order."""
    return tuple(
        segment
        for segment in container.segments
        if segment.marker == COM
        and segment.payload_size <= _LONGEST
        and is_marker(segment.payload(container.data))
    )


def read_marker(container: Container) -> Marker | None:
    """Return the file's marker, None without one or where it speaks of other tables.

    Somebody who edits and saves a photo writes other quantization tables: such a file is as
    new. The last marker that holds counts.
    """
    digest = None
    for segment in reversed(marker_segments(container)):
        marker = _decode(segment.payload(container.data))
        digest = digest or tables_digest(container)
        if marker is not None and marker.tables == digest:
            return marker
    return None


def encode_marker(marker: Marker) -> bytes:
    """Return the marker as a whole COM segment, one line of ASCII.

    Raises ValueError where a field can't be written so that read_marker reads it again.
    """
    target = "lossless" if marker.target is None else repr(marker.target).removesuffix(".0")
    score = "-" if marker.score is None else f"{marker.score:.2f}"
    payload = (
        f"jpegslim/1 v={marker.version} target={target} score={score} "
        f"tables={marker.tables} source={marker.source}"
    ).encode("ascii")
    if not is_marker(payload):
        raise ValueError(f"not a marker that can be read again: {marker}")
    return b"\xff\xfe" + (len(payload) + 2).to_bytes(2) + payload


def tables_digest(container: Container) -> str:
    """Return 8 hex digits over the payloads of the DQT segments, in order."""
    digest = hashlib.sha256()
    for segment in container.segments:
        if segment.marker == DQT:
            digest.update(segment.payload(container.data))
    return digest.hexdigest()[:_TABLES_DIGITS]


def source_digest(data: bytes) -> str:
    """Return 16 hex digits over a whole file."""
    return hashlib.sha256(data).hexdigest()[:_SOURCE_DIGITS]


def _decode(payload: bytes) -> Marker | None:
    if len(payload) > _LONGEST:
        return None
    found = _FORMAT.fullmatch(payload)
    if found is None:
        return None
    target = None if found["target"] == b"lossless" else float(found["target"])
    score = None if found["score"] in (None, b"-") else float(found["score"])
    if target is not None and not 1 <= target <= _HIGHEST:
        return None
    if score is not None and score > _HIGHEST:
        return None
    return Marker(
        version=found["version"].decode("ascii"),
        target=target,
        score=score,
        tables=found["tables"].decode("ascii"),
        source=found["source"].decode("ascii"),
    )
