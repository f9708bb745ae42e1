"""Decide what a policy makes of what stands behind the first image."""

import struct
from collections.abc import Iterator

from jpegslim.engine.container import mpf
from jpegslim.engine.container.segments import Container
from jpegslim.engine.container.trailer import Kind, Part, parts
from jpegslim.engine.container.walk import Segment
from jpegslim.settings import Metadata

_THUMBNAIL = "thumbnail"
# CIPA DC-007 5.2.3.3.1: the upper byte of 24 bits says that an entry is a large thumbnail.
_MP_CLASS, _MP_THUMBNAILS = 0x00FF_0000, 0x0001_0000
# Samsung writes the time, the country of the network and the mode; pictures and depth data that
# it puts there are larger.
_SMALL = 4096
# What Google's camera leaves of its exposure control.
_DEBUG = b"aecDebug"
_EXIF = b"Exif\0"
_UNTOLD = (Kind.UNKNOWN, Kind.SAMSUNG, Kind.NAMED)
# A second end marker, a line's end.
_STRAY = 4
_HEAD = 64 << 10


def goes(container: Container, metadata: Metadata) -> bool:
    """Tell whether a policy drops all that is behind the image: thumbnails and makers' notes.

    Anything else among it, or anything unknown, and all of it stays.
    """
    if metadata is Metadata.KEEP or not container.trailer:
        return False
    found = parts(container)
    return any(part.kind is not Kind.ZEROS for part in found) and all(
        _is_droppable(part, container.data) for part in found
    )


def lists_thumbnails_only(segment: Segment, data: bytes) -> bool:
    """Tell whether an MPF segment lists large thumbnails besides the picture, and nothing else."""
    index = mpf.read_index(segment, data)
    if index is None or len(index.entries) == 1:
        return False
    for entry in index.entries[1:]:
        (attribute,) = struct.unpack_from(f"{index.order}I", data, segment.payload_start + entry.at)
        if attribute & _MP_CLASS != _MP_THUMBNAILS:
            return False
    return True


def notes(container: Container) -> Iterator[str]:
    """Yield what a person who drops metadata should know of what is carried behind the image."""
    found = parts(container)
    data = container.data
    if any(part.kind is Kind.VIDEO for part in found):
        yield "the motion video is carried with metadata of its own"
    if any(_holds_exif(part, data) for part in found):
        yield "pictures behind the first one are carried with metadata of their own"
    if any(part.kind in _UNTOLD and part.size > _STRAY for part in found):
        yield "bytes behind the picture that can't be told apart are carried"


def _is_droppable(part: Part, data: bytes) -> bool:
    if part.kind is Kind.MPF_IMAGE:
        return part.label.startswith(_THUMBNAIL)
    if part.kind is Kind.SAMSUNG:
        return part.size <= _SMALL
    if part.kind is Kind.UNKNOWN:
        return data.startswith(_DEBUG, part.start)
    return part.kind is Kind.ZEROS


def _holds_exif(part: Part, data: bytes) -> bool:
    images = (Kind.GAIN_MAP, Kind.DEPTH_MAP, Kind.MPF_IMAGE, Kind.JPEG)
    return (
        part.kind in images and data.find(_EXIF, part.start, min(part.end, part.start + _HEAD)) >= 0
    )
