"""Content credentials (C2PA): signatures over the file's bytes, in APP11 JUMBF boxes or remote."""

from jpegslim.engine.container.segments import Container
from jpegslim.engine.container.walk import APP1, Segment
from jpegslim.errors import UnsupportedJpeg

_APP11 = 0xEB
# ISO 19566-5: "JP", box instance and sequence numbers, then a JUMBF superbox whose description
# names its content; C2PA's is a UUID that begins with these letters, within the first 40 bytes.
_JUMBF = b"JP"
_C2PA = b"c2pa"
_DESCRIPTION_BYTES = 64
# The box instance number: parts of one box share it, and only the first has the description.
_INSTANCE = slice(2, 4)
# Where the credentials are kept elsewhere, XMP names the place.
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_REMOTE = b"dcterms:provenance"


def signed_segments(source: Container) -> frozenset[Segment]:
    """Return the segments that hold content credentials."""
    parts = [
        (segment, source.data[segment.payload_start : segment.end][:_DESCRIPTION_BYTES])
        for segment in source.segments
        if segment.marker == _APP11 and source.data.startswith(_JUMBF, segment.payload_start)
    ]
    instances = {head[_INSTANCE] for _, head in parts if _C2PA in head}
    return frozenset(segment for segment, head in parts if head[_INSTANCE] in instances)


def refuse_signed(source: Container) -> None:
    """Raise UnsupportedJpeg where the file is signed: a rewrite would break the signature."""
    if signed_segments(source) or any(_is_remote(part, source.data) for part in source.segments):
        raise UnsupportedJpeg(
            "it carries content credentials (C2PA), which a rewrite would break",
            reason="c2pa_signed",
        )


def _is_remote(segment: Segment, data: bytes) -> bool:
    return (
        segment.marker == APP1
        and data.startswith(_XMP, segment.payload_start)
        and data.find(_REMOTE, segment.payload_start, segment.end) >= 0
    )
