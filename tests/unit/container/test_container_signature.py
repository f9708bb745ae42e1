"""Signed photos are kept: any rewrite breaks what their signature says."""

import io

import pytest
from container_samples import app, inserted, saved
from PIL import Image

from jpegslim.engine.container.segments import parse
from jpegslim.engine.container.signature import refuse_signed
from jpegslim.errors import UnsupportedJpeg

_BOX = b"JP\x00\x01\x00\x00\x00\x01\x00\x00\x00\x40jumb\x00\x00\x00\x1ejumd"
_UUID_TAIL = bytes.fromhex("00110010800000aa00389b71")


def _with_app11(content: bytes) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "JPEG")
    plain = out.getvalue()
    payload = _BOX + content
    segment = b"\xff\xeb" + (len(payload) + 2).to_bytes(2, "big") + payload
    return plain[:2] + segment + plain[2:]


def test_a_photo_with_content_credentials_is_not_rewritten() -> None:
    source = parse(_with_app11(b"c2pa" + _UUID_TAIL + b"\x03c2pa\x00"))
    with pytest.raises(UnsupportedJpeg, match="content credentials") as caught:
        refuse_signed(source)
    assert caught.value.reason == "c2pa_signed"


def test_other_data_in_app11_is_carried() -> None:
    refuse_signed(parse(_with_app11(b"json" + _UUID_TAIL + b"\x03note\x00")))


@pytest.mark.parametrize("key", ["dcterms:provenance", "dc:source"])
def test_credentials_kept_elsewhere_keep_the_photo_as_it_is(key: str) -> None:
    packet = f'<rdf:Description {key}="https://example.org/manifest.c2pa"/>'.encode()
    source = parse(inserted(saved(), app(1, b"http://ns.adobe.com/xap/1.0/\0" + packet)))
    if key == "dc:source":
        refuse_signed(source)
        return
    with pytest.raises(UnsupportedJpeg, match="content credentials"):
        refuse_signed(source)
