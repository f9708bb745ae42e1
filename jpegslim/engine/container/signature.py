"""Content credentials (C2PA): signatures over the file's bytes, kept in APP11 JUMBF boxes."""

from jpegslim.engine.container.segments import Container
from jpegslim.errors import UnsupportedJpeg

_APP11 = 0xEB
# ISO 19566-5: "JP", box instance and sequence numbers, then a JUMBF superbox whose description
# names its content; C2PA's is a UUID that begins with these letters, within the first 40 bytes.
_JUMBF = b"JP"
_C2PA = b"c2pa"
_DESCRIPTION_BYTES = 64


def refuse_signed(source: Container) -> None:
    """Raise UnsupportedJpeg where the file is signed: a rewrite would break the signature."""
    for segment in source.segments:
        if segment.marker != _APP11:
            continue
        payload = segment.payload(source.data)
        if payload.startswith(_JUMBF) and _C2PA in payload[:_DESCRIPTION_BYTES]:
            raise UnsupportedJpeg(
                "it carries content credentials (C2PA), which a rewrite would break",
                reason="c2pa_signed",
            )
