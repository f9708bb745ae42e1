"""Name the segments of a JPEG for a person, whoever wrote them."""

import re

from jpegslim.engine.container.frame import SOF_MARKERS
from jpegslim.engine.container.marker import is_marker
from jpegslim.engine.container.walk import (
    APP0,
    APP15,
    COM,
    DHP,
    DNL,
    DQT,
    DRI,
    EOI,
    EXP,
    JPEG_LS,
    SOS,
    STRAY,
    Segment,
)

_DHT, _DAC = 0xC4, 0xCC
_APP1, _APP2, _APP11, _APP14 = 0xE1, 0xE2, 0xEB, 0xEE
# Extended XMP: 32 hex digits, then size and place of the part (XMP part 3, 1.1.3.1).
_XMP_EXTENSION, _XMP_EXTENSION_HEAD = b"http://ns.adobe.com/xmp/extension/\0", 40
_ICC = b"ICC_PROFILE\0"
_JUMBF = b"JP"
# JUMBF's superbox names its content within the first bytes (ISO 19566-5).
_JUMBF_HEAD = 64

# T.81 table B.1.
_CODINGS = {
    0xC0: "baseline",
    0xC1: "extended sequential",
    0xC2: "progressive",
    0xC3: "lossless",
    0xC5: "differential sequential",
    0xC6: "differential progressive",
    0xC7: "differential lossless",
    0xC9: "extended sequential, arithmetic coding",
    0xCA: "progressive, arithmetic coding",
    0xCB: "lossless, arithmetic coding",
    0xCD: "differential sequential, arithmetic coding",
    0xCE: "differential progressive, arithmetic coding",
    0xCF: "differential lossless, arithmetic coding",
    JPEG_LS: "JPEG-LS",
}
_PLAIN = {
    STRAY: "bytes of no segment",
    EOI: "end of the image",
    SOS: "scan",
    DQT: "quantization tables",
    DRI: "restart interval",
    DNL: "number of lines",
    DHP: "hierarchical progression",
    EXP: "expansion of reference",
    _DHT: "Huffman tables",
    _DAC: "arithmetic coding conditions",
}
# How the payload begins, by APPn.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"JFIF\0", "JFIF"),
    (0, b"JFXX\0", "JFIF extension"),
    (0, b"AVI1", "AVI frame"),
    (0, b"CIFF", "CIFF"),
    (1, b"Exif\0", "Exif"),
    (1, b"http://ns.adobe.com/xap/1.0/\0", "XMP"),
    (1, _XMP_EXTENSION, "extended XMP"),
    (1, b"FLIR\0", "FLIR thermal data"),
    (2, _ICC, "ICC profile"),
    (2, b"MPF\0", "MPF index"),
    (2, b"FPXR\0", "FlashPix"),
    (2, b"urn:iso:std:iso:ts:21496:-1\0", "ISO 21496-1 gain map"),
    (3, b"Meta\0", "Kodak Meta"),
    (3, b"_JPSJPS_", "JPS stereo"),
    (4, b"SCALADO\0", "Scalado"),
    (4, b"FPXR\0", "FlashPix"),
    (5, b"RMETA\0", "Ricoh RMETA"),
    (5, b"ssuniqueid\0", "Samsung unique id"),
    (6, b"EPPIM\0", "Toshiba EPPIM"),
    (6, b"GoPro\0", "GoPro"),
    (6, b"NITF\0", "NITF"),
    (7, b"PENTAX \0", "Pentax"),
    (7, b"\x1aQualcomm Camera Attributes", "Qualcomm camera attributes"),
    (8, b"SPIFF\0", "SPIFF"),
    (9, b"Media Jukebox\0", "Media Jukebox"),
    (10, b"UNICODE\0", "PhotoStudio comment"),
    (11, b"HDR_RI", "JPEG-HDR"),
    (12, b"Ducky", "Ducky (Save for Web)"),
    (12, b"[picture info]", "picture info"),
    (12, b"PictureInfo", "picture info"),
    (13, b"Photoshop 3.0\0", "Photoshop"),
    (13, b"Adobe_CM", "Adobe colour management"),
    (14, b"Adobe", "Adobe"),
)
# Unknown makers' data mostly begins with a word for itself.
_WORD = re.compile(rb"[A-Za-z][\w .:/+-]{2,31}")
_COMMENT_SHOWN = 200


def coding_name(marker: int) -> str:
    """Name the coding a frame header's marker stands for."""
    return _CODINGS[marker]


def marker_name(marker: int) -> str:
    """Return T.81's own name of a marker: "APP1", "DQT", "SOF0"; "" for stray bytes."""
    if APP0 <= marker <= APP15:
        return f"APP{marker - APP0}"
    if marker in SOF_MARKERS:
        return f"SOF{marker - 0xC0}"
    known = {
        STRAY: "",
        EOI: "EOI",
        SOS: "SOS",
        DQT: "DQT",
        DRI: "DRI",
        DNL: "DNL",
        DHP: "DHP",
        EXP: "EXP",
        COM: "COM",
        _DHT: "DHT",
        _DAC: "DAC",
        JPEG_LS: "SOF55",
    }
    return known.get(marker, f"FF{marker:02X}")


def segment_name(segment: Segment, data: bytes) -> str:
    """Say in a few words what a segment is; text of the file's own is not cleaned."""
    marker = segment.marker
    if marker in _CODINGS:
        return f"frame header, {_CODINGS[marker]}"
    if marker in _PLAIN:
        return _PLAIN[marker]
    if marker == COM:
        payload = data[segment.payload_start : min(segment.end, segment.payload_start + 256)]
        return "jpegslim's marker" if is_marker(payload) else "comment"
    if APP0 <= marker <= APP15:
        return _application_name(segment, data)
    return "reserved"


def segment_detail(segment: Segment, data: bytes) -> str | None:
    """Say what a segment's first bytes tell: a part's number, a comment's text; None for nothing.

    Text of the file's own is not cleaned.
    """
    payload = data[segment.payload_start : min(segment.end, segment.payload_start + 1024)]
    if segment.marker == COM:
        return payload[:_COMMENT_SHOWN].decode("utf-8", "replace").rstrip("\0 \r\n") or None
    detail = None
    if segment.marker == APP0 and payload.startswith(b"JFIF\0") and len(payload) >= 14:  # noqa: PLR2004
        detail = f"version {payload[5]}.{payload[6]:02d}"
    elif segment.marker == _APP2 and payload.startswith(_ICC) and len(payload) > len(_ICC) + 1:
        number, count = payload[len(_ICC) :][:2]
        detail = f"part {number} of {count}"
    elif segment.marker == _APP1 and payload.startswith(_XMP_EXTENSION):
        head = payload[len(_XMP_EXTENSION) :]
        if len(head) >= _XMP_EXTENSION_HEAD:
            size, at = int.from_bytes(head[32:36]), int.from_bytes(head[36:40])
            detail = f"from byte {at:,} of {size:,}"
    elif segment.marker == _APP11 and payload.startswith(_JUMBF) and len(payload) >= 8:  # noqa: PLR2004
        detail = f"part {int.from_bytes(payload[4:8])} of box {int.from_bytes(payload[2:4])}"
    elif segment.marker == _APP14 and payload.startswith(b"Adobe") and len(payload) >= 12:  # noqa: PLR2004
        names = {0: "RGB or CMYK", 1: "YCbCr", 2: "YCCK"}
        detail = f"transform {payload[11]} ({names.get(payload[11], 'unknown')})"
    elif segment.marker == DRI and len(payload) == 2:  # noqa: PLR2004
        detail = f"every {int.from_bytes(payload)} blocks" if any(payload) else "none"
    return detail


def _application_name(segment: Segment, data: bytes) -> str:
    number = segment.marker - APP0
    for which, signature, name in _SIGNATURES:
        if which == number and data.startswith(signature, segment.payload_start):
            return name if segment.payload_start + len(signature) <= segment.end else "unknown"
    head = data[segment.payload_start : min(segment.end, segment.payload_start + _JUMBF_HEAD)]
    if segment.marker == _APP11 and head.startswith(_JUMBF):
        return "C2PA content credentials" if b"c2pa" in head else "JUMBF"
    word = _WORD.match(head)
    if word is None:
        return "unknown"
    return f"unknown ({word[0].decode('ascii', 'replace').strip()})"
