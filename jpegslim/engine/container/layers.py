"""Layers that refine the coded picture itself, as JPEG XT and JPEG-HDR keep them in APP11."""

from jpegslim.engine.container.segments import Container
from jpegslim.errors import UnsupportedJpeg

_APP11 = 0xEB
# ISO 18477-3 annex B: "JP", box instance and sequence numbers, the box's length and its type.
_COMMON = b"JP"
_TYPE_AT = 12
_TYPE_SIZE = 4
# The brand that says so, then residuals, refining scans and how they are merged with the picture.
_LAYERS = frozenset({b"ftyp", b"RESI", b"FINE", b"RFIN", b"SPEC"})
# JPEG-HDR: a picture of ratios, each that of a bright pixel to the one coded here.
_RATIOS = b"HDR_RI "


def refuse_layered(source: Container) -> None:
    """Raise UnsupportedJpeg where hidden layers add to exactly these coefficients.

    A residual of another coding of the picture would be noise.
    """
    for segment in source.segments:
        if segment.marker != _APP11:
            continue
        payload = segment.payload(source.data)
        if payload.startswith(_RATIOS):
            raise UnsupportedJpeg(
                "a JPEG-HDR: its brightness layer is made for exactly this coding of the picture",
                reason="jpeg_hdr",
            )
        kind = payload[_TYPE_AT : _TYPE_AT + _TYPE_SIZE]
        if payload.startswith(_COMMON) and kind in _LAYERS:
            raise UnsupportedJpeg(
                "a JPEG XT: its hidden layers refine exactly this coding of the picture",
                reason="jpeg_xt",
            )
