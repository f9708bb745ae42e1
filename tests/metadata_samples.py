"""Metadata as cameras, phones and photo programs write it, with secrets to search for."""

import struct

SECRET_PLACE = b"N52 31 SECRET"
SECRET_NOTE = b"SERIAL-OF-THE-OWNER"
SECRET_THUMBNAIL = b"\xff\xd8\xff\xdbTHUMBNAIL\xff\xd9"
ARTIST, COPYRIGHT, DATE = b"Ada Lovelace\0", b"(c) Ada 2026\0", b"2026:01:02 03:04:05\0"
SECRETS = (SECRET_PLACE, SECRET_NOTE, SECRET_THUMBNAIL)

XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"


def directory(order, fields, at, following=0):
    """Lay out a directory of (tag, type, count, bytes) at an offset, its values behind it."""
    head = struct.pack(f"{order}H", len(fields))
    start = at + 2 + 12 * len(fields) + 4
    values = b""
    for tag, kind, count, data in fields:
        head += struct.pack(f"{order}HHI", tag, kind, count)
        if len(data) <= 4:
            head += data.ljust(4, b"\0")
        else:
            head += struct.pack(f"{order}I", start + len(values))
            values += data + bytes(len(data) % 2)
    return head + struct.pack(f"{order}I", following) + values


def exif_block(*, orientation=6, order=">", adobe_rgb=False):
    """Build a TIFF block of two directories, EXIF, GPS and interoperability, with all secrets."""
    number = lambda value: struct.pack(f"{order}I", value)  # noqa: E731
    short = lambda value: struct.pack(f"{order}H", value)  # noqa: E731
    places = dict.fromkeys(("photo", "gps", "interop", "second", "thumbnail"), 0)
    for _ in range(2):
        first = directory(
            order,
            [
                (0x010F, 2, 6, b"Maker\0"),
                (0x0112, 3, 1, short(orientation)),
                (0x013B, 2, len(ARTIST), ARTIST),
                (0x8298, 2, len(COPYRIGHT), COPYRIGHT),
                (0x8769, 4, 1, number(places["photo"])),
                (0x8825, 4, 1, number(places["gps"])),
                (0xC4A5, 7, len(SECRET_NOTE), SECRET_NOTE),
            ],
            8,
            places["second"],
        )
        places["photo"] = 8 + len(first)
        photo = directory(
            order,
            [
                (0x829A, 5, 1, number(1) + number(125)),
                (0x9003, 2, len(DATE), DATE),
                (0x927C, 7, len(SECRET_NOTE), SECRET_NOTE),
                (0xA001, 3, 1, short(0xFFFF if adobe_rgb else 1)),
                (0xA005, 4, 1, number(places["interop"])),
            ],
            places["photo"],
        )
        places["gps"] = places["photo"] + len(photo)
        gps = directory(
            order,
            [(1, 2, 2, b"N\0"), (0x1C, 7, len(SECRET_PLACE), SECRET_PLACE)],
            places["gps"],
        )
        places["interop"] = places["gps"] + len(gps)
        interop = directory(
            order, [(1, 2, 4, b"R03\0" if adobe_rgb else b"R98\0")], places["interop"]
        )
        places["second"] = places["interop"] + len(interop)
        second = directory(
            order,
            [
                (0x0103, 3, 1, short(6)),
                (0x0201, 4, 1, number(places["thumbnail"])),
                (0x0202, 4, 1, number(len(SECRET_THUMBNAIL))),
            ],
            places["second"],
        )
        places["thumbnail"] = places["second"] + len(second)
    head = (b"II*\0" if order == "<" else b"MM\0*") + number(8)
    return head + first + photo + gps + interop + second + SECRET_THUMBNAIL


def exif_payload(**options):
    """Build the payload of an EXIF segment."""
    return b"Exif\0\0" + exif_block(**options)


def packet(attributes="", body="", namespaces=""):
    """Build an XMP packet of one description."""
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {namespaces} {attributes}>{body}</rdf:Description>'
        f'</rdf:RDF></x:xmpmeta>{" " * 200}<?xpacket end="w"?>'
    ).encode()


NAMESPACES = (
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
    ' xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/"'
    ' xmlns:drone="http://www.dji.com/drone-dji/1.0/"'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"'
    ' xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'
)


def extension_parts(extension, digits, *, size=1000):
    """Cut an extended packet into the payloads of its segments."""
    return [
        EXTENSION + digits + len(extension).to_bytes(4) + at.to_bytes(4) + extension[at : at + size]
        for at in range(0, len(extension), size)
    ]


def resource(number, data):
    """Build one of Photoshop's resources, without a name."""
    padding = bytes(len(data) % 2)
    return b"8BIM" + number.to_bytes(2) + b"\0\0" + len(data).to_bytes(4) + data + padding


def dataset(record, number, data):
    """Build one of IPTC's data sets."""
    return bytes((0x1C, record, number)) + len(data).to_bytes(2) + data


APPLE_HEADER = b"Apple iOS\0\0\1MM"


def apple_note():
    """Build Apple's maker note: the two numbers of its gain maps, and a secret."""
    ratio = struct.pack(">ii", 3, 2)
    return APPLE_HEADER + directory(
        ">",
        [
            (0x0021, 10, 1, ratio),
            (0x002B, 2, len(SECRET_NOTE) + 1, SECRET_NOTE + b"\0"),
            (0x0030, 10, 1, struct.pack(">ii", 1, 4)),
        ],
        len(APPLE_HEADER),
    )
