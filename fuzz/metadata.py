"""Metadata policies: EXIF, XMP and Photoshop resources of any bytes, and whole files, reduced.

The first byte says which of the four, and what is asked.
"""

from itertools import product

from fuzz.laws import in_time, require, require_refusal
from fuzz.seeds import EXIF, XMP, containers, exif, picture, segment
from jpegslim.engine.container import exif_reduced, irb, xmp
from jpegslim.engine.container.assemble import carried
from jpegslim.engine.container.exif_reduced import Needs
from jpegslim.engine.container.policy import Policy
from jpegslim.engine.container.retain import retain
from jpegslim.engine.container.segments import Container, parse
from jpegslim.engine.container.upright import orientation_of
from jpegslim.errors import FileError
from jpegslim.settings import Metadata

DICTIONARY = (
    *(EXIF, XMP, irb.HEADER, b"8BIM", b"\x1c\x02", b"II*\0", b"MM\0*", b"Apple iOS\0\0\1MM"),
    *(b"\x69\x87", b"\x87\x69", b"\x25\x88", b"\x88\x25", b"\x7c\x92", b"\x92\x7c", b"\x05\xa0"),
    *(b"\x12\x01", b"\x01\x12", b"\x01\x02", b"\x02\x01", b"\x04\x04", b"\x04\x0c"),
    *(b"<rdf:Description", b"</rdf:Description>", b"<rdf:RDF>", b"</rdf:RDF>", b"<rdf:li>"),
    *(
        b' xmlns:dc="http://purl.org/dc/elements/1.1/"',
        b' dc:title="',
        b"<dc:title>",
        b"</dc:title>",
    ),
    *(b' xmlns:z="', b' z:a="', b"GPSLatitude", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"&#10;"),
    *(b"<?xpacket end", b"<!DOCTYPE", b"&lt;", b"/>", b'"', b"  ", b"\0"),
)
_POLICIES = (Metadata.SAFE, Metadata.STRIP)
_NEEDS = tuple(
    Needs(has_profile=profile, baked=baked, apple_gain_map=gain)
    for profile, baked, gain in product((False, True), repeat=3)
)
_GPS, _SECOND = 0x8825, -1
_PACKET = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    b' xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:z="http://maker.example/1.0/"'
    b' xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:note="http://ns.adobe.com/xmp/note/"'
    b' hdrgm:Version="1.0" exif:GPSLatitude="1,2N" z:Secret="1"'
    b' note:HasExtendedXMP="0123456789ABCDEF0123456789ABCDEF">'
    b"<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>A &amp; B</rdf:li></rdf:Alt></dc:title>"
    b"<z:List><rdf:Seq><rdf:li>one</rdf:li></rdf:Seq></z:List></rdf:Description></rdf:RDF>"
    b"</x:xmpmeta>" + b" " * 64 + b'<?xpacket end="w"?>'
)
_RESOURCES = b"".join(
    b"8BIM" + number.to_bytes(2) + b"\0\0" + len(data).to_bytes(4) + data + bytes(len(data) % 2)
    for number, data in (
        (0x0404, b"\x1c\x02\x78\0\x05hello\x1c\x02\xca\0\x02ab"),
        (0x040C, picture((8, 8))),
        (0x0425, bytes(16)),
        (0x03ED, bytes(16)),
    )
)


def seeds() -> list[bytes]:
    """Return the inputs to start from."""
    thumbnail = picture((8, 8))
    heads = (
        segment(0xE1, exif(thumbnail=thumbnail)),
        segment(0xE1, XMP + _PACKET),
        segment(0xED, irb.HEADER + _RESOURCES),
        segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\1\1" + bytes(3)),
    )
    raw = (
        *((0, exif(order, thumbnail=thumbnail)[len(EXIF) :]) for order in "<>"),
        *((1, each) for each in (_PACKET, _PACKET.replace(b"?>", b"?>\n", 1))),
        (2, _RESOURCES),
        *((3, picture(head=head)) for head in (*heads, b"".join(heads))),
        *((3, each) for each in containers()),
    )
    return [bytes([kind]) + data for kind, data in raw]


def check(data: bytes) -> None:
    """Reduce whatever it is by every policy, and hold what is left to its laws."""
    kind, rest = data[:1] or b"\0", data[1:]
    reducing = (_check_exif, _check_packet, _check_resources, _check_file)[kind[0] % 4]
    reducing(rest)


def _check_exif(block: bytes) -> None:
    payload = EXIF + block
    before = exif_reduced.fields(payload)
    for metadata, needs in product(_POLICIES, _NEEDS):
        with in_time(payload):
            reduced = exif_reduced.reduce_exif(payload, metadata, needs)
        if reduced is None:
            continue
        require(len(reduced) <= len(payload), "reducing EXIF made it larger")
        after = exif_reduced.fields(reduced)
        for path, value in after.items():
            require(_GPS not in path and path[0] != _SECOND, f"EXIF kept what goes: {path}")
            if path[-1] == exif_reduced.MAKER_NOTE:
                require(needs.apple_gain_map, "EXIF kept a maker note")
                continue
            require(before.get(path) == value, f"EXIF changed {path}")
            require(
                not exif_reduced.may_be_missing(path, Metadata.SAFE), f"EXIF kept what goes: {path}"
            )
        require(
            not (needs.baked and exif_reduced.orientation(reduced) != 1)
            or metadata is Metadata.SAFE,
            "the orientation of turned pixels is still told",
        )
        again = exif_reduced.reduce_exif(reduced, metadata, needs)
        require(again == reduced, "EXIF reduced twice is less than once")


def _check_packet(packet: bytes) -> None:
    before = xmp.properties(packet)
    for metadata, extended in product(_POLICIES, (False, True)):
        with in_time(packet):
            reduced = xmp.reduce_packet(packet, metadata, extended=extended)
        if reduced is None:
            continue
        require(before is not None, "XMP that can't be read was kept")
        require(len(reduced) <= len(packet), "reducing XMP made it larger")
        after = xmp.properties(reduced)
        require(after is not None, "XMP can't be read any more")
        if before is None or after is None:
            return
        require(after <= before, "XMP has a property that it had not")
        for path, _ in before - after:
            require(xmp.may_be_missing(path, metadata), f"XMP lost {path}")
        again = xmp.reduce_packet(reduced, metadata, extended=extended)
        require(again == reduced, "XMP reduced twice is less than once")


def _check_resources(data: bytes) -> None:
    middle = len(data) // 2
    for parts in ([data], [data[:middle], data[middle:]]):
        payloads = [irb.HEADER + part for part in parts]
        before = irb.resources(payloads)
        with in_time(data):
            reduced = irb.reduce_resources(payloads)
        if before is None:
            require(not reduced, "resources that can't be read were kept")
            continue
        require(sum(map(len, reduced)) <= sum(map(len, payloads)), "resources grew")
        after = irb.resources(reduced)
        require(after is not None, "resources can't be read any more")
        kept = [each.number for each in after or ()]
        for each in before:
            require(each.number in kept or irb.may_be_missing(each), f"resource {each.number} lost")
        require(irb.reduce_resources(reduced) == reduced, "resources reduced twice are fewer")


def _check_file(data: bytes) -> None:
    try:
        source = parse(data)
    except FileError as error:
        require_refusal(error)
        return
    for metadata, breaking in product(Metadata, (False, True)):
        _check_policy(source, Policy(metadata, break_signatures=breaking))


def _check_policy(source: Container, policy: Policy) -> None:
    try:
        with in_time(source.data):
            retained = retain(source, policy)
    except FileError as error:
        require_refusal(error)
        return
    left = retained.container
    require(
        retained.dropped == len(source.data) - len(left.data), "the bytes dropped are miscounted"
    )
    require(all(note.isprintable() for note in retained.notes), "a note of more than one line")
    require(_coded(left) == _coded(source), "dropping metadata changed the picture's data")
    require(left.trailer in (source.trailer, b""), "dropping metadata cut what follows the picture")
    require(retain(left, policy).container.data == left.data, "a policy twice is more than once")
    try:
        with in_time(source.data):
            carried(source, left, recoded=False, policy=policy)
    except FileError as error:
        require_refusal(error)
        return
    turned = orientation_of(left.data) == orientation_of(source.data)
    require(turned, "the orientation was lost")


def _coded(container: Container) -> list[bytes]:
    """Return everything that is the picture: segments that are no metadata, and scans."""
    ends = [*(part.start for part in container.segments[1:]), container.image_end - 2]
    return [
        container.data[part.start : end if part.marker == 0xDA else part.end]
        for part, end in zip(container.segments, ends, strict=True)
        if not part.is_metadata
    ]
