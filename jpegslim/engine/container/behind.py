"""Decide what a policy makes of what stands behind the first image."""

import struct
from collections.abc import Iterator

from jpegslim.engine.container import exif_reduced, mpf, xmp
from jpegslim.engine.container.exif_reduced import Needs
from jpegslim.engine.container.roles import Role, role_of
from jpegslim.engine.container.segments import Container
from jpegslim.engine.container.trailer import Kind, Part, parts
from jpegslim.engine.container.walk import Segment, walk
from jpegslim.errors import FileError
from jpegslim.settings import Metadata

_THUMBNAIL = "thumbnail"
# CIPA DC-007 5.2.3.3.1: the upper byte of 24 bits says that an entry is a large thumbnail.
_MP_CLASS, _MP_THUMBNAILS = 0x00FF_0000, 0x0001_0000
# Samsung writes the time, the country of the network and the mode; pictures and depth data that
# it puts there are larger.
_SMALL = 4096
# What Google's camera leaves of its exposure control.
_DEBUG = b"aecDebug"
_UNTOLD = (Kind.UNKNOWN, Kind.SAMSUNG, Kind.NAMED)
# A second end marker, a line's end.
_STRAY = 4
_IMAGES = (Kind.GAIN_MAP, Kind.DEPTH_MAP, Kind.MPF_IMAGE, Kind.JPEG)
# What shows the picture, and nothing else.
_OF_DISPLAY = (Role.CODING, Role.PROFILE, Role.DISPLAY, Role.PICTURES)


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


def notes(container: Container, metadata: Metadata) -> Iterator[str]:
    """Yield what a person who drops metadata should know of what is carried behind the image."""
    found = parts(container)
    data = container.data
    if any(part.kind is Kind.VIDEO for part in found):
        yield "the motion video is carried with metadata of its own"
    if any(
        part.kind in _IMAGES and holds_metadata(data[part.start : part.end], metadata)
        for part in found
    ):
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


def holds_metadata(picture: bytes, metadata: Metadata) -> bool:
    """Tell whether a JPEG holds what the policy drops; True as well where that can't be told."""
    try:
        return any(
            segment.is_metadata and _would_go(segment, picture, metadata)
            for segment in walk(picture)
        )
    except FileError:
        return True


def _would_go(segment: Segment, data: bytes, metadata: Metadata) -> bool:
    role = role_of(segment, data)
    payload = segment.payload(data)
    if role is Role.EXIF:
        return exif_reduced.reduce_exif(payload, metadata, Needs()) != payload
    if role is Role.XMP:
        packet = payload[len(xmp.PACKET) :]
        return xmp.reduce_packet(packet, metadata) != packet
    return role not in _OF_DISPLAY
