"""Tell what each metadata segment is there for: what a policy keeps or drops follows from it."""

from enum import StrEnum

from jpegslim.engine.container import exif_reduced, irb, mpf, xmp
from jpegslim.engine.container.icc import is_profile
from jpegslim.engine.container.marker import marker_segments
from jpegslim.engine.container.segments import Container, adobe_transform, is_jfif
from jpegslim.engine.container.signature import signed_segments
from jpegslim.engine.container.walk import APP0, APP1, COM, STRAY, Segment, walk
from jpegslim.errors import FileError

_APP13 = 0xED


class Role(StrEnum):
    """What a segment is there for. DISPLAY: how the picture is shown, or picture itself."""

    MARKER = "marker"
    CODING = "coding"
    PROFILE = "profile"
    DISPLAY = "display"
    PICTURES = "pictures"
    EXIF = "exif"
    XMP = "xmp"
    EXTENDED_XMP = "extended_xmp"
    RESOURCES = "resources"
    CREDENTIALS = "credentials"
    MEASUREMENTS = "measurements"
    COMMENT = "comment"
    OTHER = "other"


# How the payload begins, by APPn: gain maps (ISO 21496-1, Apple's AROT curve, JPEG-HDR's ratio
# image), stereo pairs, SPIFF's directory of how the samples are meant.
_DISPLAYED = (
    (2, b"urn:iso:std:iso:ts:21496:-1\0"),
    (3, b"_JPSJPS_"),
    (8, b"SPIFF\0"),
    (10, b"AROT\0"),
    (11, b"HDR_RI"),
)
# Boxes in APP11 (ISO 18477-3): those of JPEG XT are the picture's own layers, JUMBF is anything.
_BOX, _BOX_NAME, _JUMBF = b"JP", slice(12, 16), b"jumb"
_FLIR = b"FLIR\0"


def roles(container: Container) -> list[tuple[Segment, Role]]:
    """Return every APPn and COM segment with its role, in order."""
    known = dict.fromkeys(marker_segments(container), Role.MARKER)
    known |= dict.fromkeys(signed_segments(container), Role.CREDENTIALS)
    return [
        (segment, known.get(segment) or role_of(segment, container.data))
        for segment in container.segments
        if segment.is_metadata
    ]


def may_hold_metadata(data: bytes) -> bool:
    """Tell whether a file that parse may refuse has anything a policy might drop.

    True as well where that can't be told.
    """
    end = 0
    try:
        for segment in walk(data):
            end = segment.end
            if segment.marker == STRAY or (
                segment.is_metadata and role_of(segment, data) not in (Role.CODING, Role.PROFILE)
            ):
                return True
    except FileError:
        return True
    return end < len(data)


def role_of(segment: Segment, data: bytes) -> Role:
    """Return what one APPn or COM segment is there for; our marker is a comment like any other."""
    if segment.marker == COM:
        return Role.COMMENT
    if is_jfif(segment, data) or adobe_transform(segment, data) is not None:
        return Role.CODING
    if is_profile(segment, data):
        return Role.PROFILE
    if mpf.is_mpf(segment, data):
        return Role.PICTURES
    for marker, start, role in (
        (APP1, exif_reduced.HEADER, Role.EXIF),
        (APP1, xmp.PACKET, Role.XMP),
        (APP1, xmp.EXTENSION, Role.EXTENDED_XMP),
        (APP1, _FLIR, Role.MEASUREMENTS),
        (_APP13, irb.HEADER, Role.RESOURCES),
        *((APP0 + number, start, Role.DISPLAY) for number, start in _DISPLAYED),
    ):
        if segment.marker == marker and data.startswith(start, segment.payload_start):
            return role
    return Role.DISPLAY if _is_layer(segment, data) else Role.OTHER


def _is_layer(segment: Segment, data: bytes) -> bool:
    """Tell whether it is a box of JPEG XT."""
    head = data[segment.payload_start : segment.end][: _BOX_NAME.stop]
    return (
        segment.marker == APP0 + 11
        and head.startswith(_BOX)
        and len(head) == _BOX_NAME.stop
        and head[_BOX_NAME] != _JUMBF
    )
