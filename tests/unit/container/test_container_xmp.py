"""XMP loses what a policy names; what stays is not touched."""

import pytest
from metadata_samples import NAMESPACES, SECRET_NOTE, SECRET_PLACE, SECRETS, packet

from jpegslim.engine.container.xmp import (
    extension_digits,
    extension_named,
    may_be_missing,
    properties,
    reduce_packet,
)
from jpegslim.settings import Metadata

SAFE, STRIP = Metadata.SAFE, Metadata.STRIP
PLACE, NOTE = SECRET_PLACE.decode(), SECRET_NOTE.decode()
FULL = packet(
    f'exif:GPSLatitude="{PLACE}" dc:format="image/jpeg" hdrgm:Version="1.0"'
    f' GCamera:HdrPlusMakernote=\'{NOTE} a > b\' GCamera:MotionPhoto="1" drone:Yaw="{NOTE}"',
    body=(
        f"<exif:GPSLongitude>{PLACE}</exif:GPSLongitude>"
        "<dc:rights><rdf:Alt><rdf:li xml:lang='x-default'>Ada &amp; Co</rdf:li></rdf:Alt>"
        "</dc:rights><exif:FNumber>28/10</exif:FNumber>"
        f"<xmp:Thumbnails><rdf:Alt><rdf:li xmpGImg:image='{NOTE}'/></rdf:Alt></xmp:Thumbnails>"
        "<Iptc4xmpExt:LocationCreated rdf:parseType='Resource'>"
        f"<Iptc4xmpExt:City>Paris</Iptc4xmpExt:City><exif:GPSLatitude>{PLACE}</exif:GPSLatitude>"
        "</Iptc4xmpExt:LocationCreated>"
        f"<drone:Place drone:Longitude='{PLACE}'/><xmp:Rating/>"
    ),
    namespaces=NAMESPACES,
)


def names(data):
    return {path[-1][1] for path, _ in properties(data)}


def test_safe_drops_positions_thumbnails_and_makers_notes_at_any_depth():
    reduced = reduce_packet(FULL, SAFE)
    assert not [secret for secret in SECRETS if secret in reduced]
    assert names(reduced) == {"format", "Version", "MotionPhoto", "li", "FNumber", "City"}
    before, after = properties(FULL), properties(reduced)
    assert not after - before
    assert all(may_be_missing(path, SAFE) for path, _ in before - after)
    assert not any(may_be_missing(path, SAFE) for path, _ in after)
    assert b"Ada &amp; Co" in reduced
    assert b"xpacket end" in reduced


OUTSIDE = {
    "an XML comment": (b"<rdf:RDF ", f"<!-- {PLACE} --><rdf:RDF ".encode()),
    "an instruction": (b"<x:xmpmeta", f"<?gps {PLACE}?><x:xmpmeta".encode()),
    "an element beside RDF": (
        b"<rdf:RDF ",
        f"<g:GPSLatitude xmlns:g='http://ns.adobe.com/exif/1.0/'>{PLACE}</g:GPSLatitude>"
        "<rdf:RDF ".encode(),
    ),
    "an element behind RDF": (b"</rdf:RDF>", f"</rdf:RDF><x:more>{PLACE}</x:more>".encode()),
    "an attribute of the frame": (b"<x:xmpmeta ", f"<x:xmpmeta x:GPS='{PLACE}' ".encode()),
    "a node of another type": (
        b"</rdf:RDF>",
        f"<x:Photo><x:GPSLatitude>{PLACE}</x:GPSLatitude></x:Photo></rdf:RDF>".encode(),
    ),
    "an attribute of no namespace": (b'rdf:about=""', f"GPSLatitude='{PLACE}'".encode()),
}


@pytest.mark.parametrize("metadata", [SAFE, STRIP])
@pytest.mark.parametrize("what", OUTSIDE)
def test_nothing_outside_of_known_properties_comes_along(what, metadata):
    plain = packet('hdrgm:Version="1.0"', "", NAMESPACES)
    mark, put = OUTSIDE[what]
    data = plain.replace(mark, put, 1)
    assert PLACE.encode() in data
    reduced = reduce_packet(data, metadata)
    assert PLACE.encode() not in reduced
    assert names(reduced) == {"Version"}
    assert reduce_packet(reduced, metadata) == reduced


@pytest.mark.parametrize("metadata", [SAFE, STRIP])
def test_text_that_is_no_property_s_value_takes_the_packet_with_it(metadata):
    data = packet('hdrgm:Version="1.0"', PLACE, NAMESPACES)
    assert reduce_packet(data, metadata) is None
    assert properties(data) is None


def test_old_programs_name_the_picture_without_a_prefix():
    data = packet('dc:format="x"', "", NAMESPACES).replace(b"rdf:about", b"about")
    assert reduce_packet(data, SAFE) == data


def test_strip_leaves_what_gain_map_and_motion_video_need():
    reduced = reduce_packet(FULL, STRIP)
    assert names(reduced) == {"Version", "MotionPhoto"}
    assert reduce_packet(packet('dc:format="x"', namespaces=NAMESPACES), STRIP) is None


@pytest.mark.parametrize("metadata", [SAFE, STRIP])
def test_reducing_twice_is_reducing_once(metadata):
    once = reduce_packet(FULL, metadata)
    assert reduce_packet(once, metadata) == once
    assert reduce_packet(reduce_packet(FULL, STRIP), SAFE) == reduce_packet(FULL, STRIP)


def test_a_packet_with_nothing_to_drop_is_not_touched():
    plain = packet('dc:format="image/jpeg"', namespaces=NAMESPACES)
    assert reduce_packet(plain, SAFE) is plain


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no xml",
        b"<a><b></a>",
        b"\xff\xfe<\0",
        packet("a:b='c'"),
        b'<!DOCTYPE x [<!ENTITY e "boom">]>' + packet(),
        FULL.replace(b"</rdf:RDF>", b""),
        b"<a>" * 500 + b"</a>" * 500,
    ],
)
def test_what_can_not_be_read_for_certain_is_dropped(data):
    assert reduce_packet(data, SAFE) is None
    assert properties(data) is None


def test_an_extension_is_named_by_attribute_or_element():
    digits = extension_digits(b"extension")
    assert len(digits) == 32
    attribute = packet(f'xmpNote:HasExtendedXMP="{digits.decode()}"', namespaces=NAMESPACES)
    element = packet(
        body=f"<xmpNote:HasExtendedXMP>{digits.decode()}</xmpNote:HasExtendedXMP>",
        namespaces=NAMESPACES,
    )
    for each in (attribute, element):
        assert extension_named(each) == digits
        assert reduce_packet(each, STRIP) is each
        assert reduce_packet(each, STRIP, extended=False) is None
    assert extension_named(packet()) is None


def test_a_packet_that_ends_in_a_nul_is_read():
    assert properties(FULL + b"\0") == properties(FULL)
