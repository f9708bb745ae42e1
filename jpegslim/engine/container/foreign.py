"""Name the kind of file that came where a JPEG was expected."""

from jpegslim.errors import NotAJpeg

JPEG_START = b"\xff\xd8\xff"
# Enough for a byte order mark or a short text header in front of a JPEG.
_HEAD = 64
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "a PNG"),
    (b"GIF87a", "a GIF"),
    (b"GIF89a", "a GIF"),
    (b"II*\x00", "a TIFF or a camera's raw file"),
    (b"MM\x00*", "a TIFF or a camera's raw file"),
    (b"BM", "a BMP"),
    (b"%PDF", "a PDF"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 codestream"),
    (b"8BPS", "a Photoshop document"),
    (b"PK\x03\x04", "a ZIP archive"),
)
# ISO 14496-12 4.3: the brand stands right after the `ftyp` box header.
_BRANDS = (
    (b"avif", "an AVIF"),
    (b"avis", "an AVIF"),
    (b"heic", "a HEIC"),
    (b"heix", "a HEIC"),
    (b"hevc", "a HEIC"),
    (b"mif1", "a HEIC"),
    (b"msf1", "a HEIC"),
)


def not_a_jpeg(data: bytes) -> NotAJpeg:
    """Return the error that says what `data` looks like instead of a JPEG."""
    if not data:
        return NotAJpeg("the file is empty")
    kind = _recognise(data[:_HEAD])
    if kind is not None:
        return NotAJpeg(f"not a JPEG: it looks like {kind}")
    at = data.find(JPEG_START, 0, _HEAD)
    if at > 0:
        return NotAJpeg(f"not a JPEG: {at} other bytes stand in front of a JPEG's start")
    return NotAJpeg("not a JPEG: it does not start with a JPEG's first bytes")


def _recognise(head: bytes) -> str | None:
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP"
    if head[4:8] == b"ftyp":
        brands = dict(_BRANDS)
        return brands.get(head[8:12], "a video or a HEIC-like file")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if text.startswith((b"<?xml", b"<svg")):
        return "XML or SVG"
    return None
