"""Photos as cameras and phones write them, built from a plain JPEG by what the formats say.

Every maker takes whole JPEGs and gives a whole file. The picture inside is the caller's.
"""

import hashlib
import struct

SOI = b"\xff\xd8"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
ISO_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0"
ICC = b"ICC_PROFILE\0"
FLIR = b"FLIR\0"
# CIPA DC-007 table 4: what kind of picture an entry of the index points at.
BASELINE, PANORAMA, DISPARITY = 0x030000, 0x020001, 0x020002


def segment(marker, payload):
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


def inserted(jpeg, *segments):
    """Put segments right behind SOI."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def xmp(body, attributes="", namespaces=""):
    """Build an XMP segment of one description."""
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {namespaces} {attributes}>{body}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    )
    return segment(0xE1, XMP + packet.encode())


def mpf(first, others, *, kinds=None, order=">"):
    """Put an index of several pictures behind SOI and append the others where it says."""
    kinds = kinds or (BASELINE, *(0 for _ in others))
    entries_at = 8 + 2 + 3 * 12 + 4
    block = len(b"MPF\0") + entries_at + 16 * len(kinds)
    size = len(first) + 4 + block
    base = len(SOI) + 4 + len(b"MPF\0")
    written = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    written += struct.pack(f"{order}HHHI4s", 3, 0xB000, 7, 4, b"0100")
    written += struct.pack(f"{order}HHII", 0xB001, 4, 1, len(kinds))
    written += struct.pack(f"{order}HHIII", 0xB002, 7, 16 * len(kinds), entries_at, 0)
    written += struct.pack(f"{order}IIIHH", kinds[0], size, 0, 0, 0)
    at = size
    for kind, other in zip(kinds[1:], others, strict=True):
        written += struct.pack(f"{order}IIIHH", kind, len(other), at - base, 0, 0)
        at += len(other)
    return inserted(first, segment(0xE2, b"MPF\0" + written)) + b"".join(others)


def numbered(jpeg, number, *, order=">"):
    """Give one picture of a pair its own number (CIPA DC-007 5.2.4)."""
    written = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    written += struct.pack(f"{order}HHHI4s", 2, 0xB000, 7, 4, b"0100")
    written += struct.pack(f"{order}HHIII", 0xB101, 4, 1, number, 0)
    return inserted(jpeg, segment(0xE2, b"MPF\0" + written))


def pair(left, right, kind):
    """A stereo or panorama pair: two pictures of one kind that know their numbers."""
    return mpf(left, [numbered(right, 2)], kinds=(kind, kind), order="<")


def container_items(*items, primary=""):
    """Build the list of items that Google's formats keep: semantic, media type, size."""
    listed = "".join(
        f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="{mime}"'
        f' Item:Semantic="{semantic}" Item:Length="{size}"/></rdf:li>'
        for semantic, mime, size in items
    )
    return (
        '<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource">'
        f'<Container:Item Item:Mime="image/jpeg" Item:Semantic="Primary" {primary}/></rdf:li>'
        f"{listed}</rdf:Seq></Container:Directory>"
    )


ITEMS = (
    'xmlns:Container="http://ns.google.com/photos/1.0/container/"'
    ' xmlns:Item="http://ns.google.com/photos/1.0/container/item/"'
)
HDRGM = 'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"'
CAMERA = 'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'


def gain_map_numbers(stops=2.0):
    """Build ISO 21496-1's metadata: one channel, from 0 to `stops` doublings, gamma 1."""
    one = (1, 1)
    offset = (1, 64)
    fractions = ((0, 1), (round(stops * 1000), 1000), (0, 1), (round(stops * 1000), 1000), one)
    numbers = [number for pair in (*fractions, offset, offset) for number in pair]
    # Versions 0; flag 0x40: the base picture's own colour space.
    return struct.pack(">HHB", 0, 0, 0x40) + struct.pack(">14I", *numbers)


def gain_map_image(gain_map, stops=2.0):
    """Give a grey JPEG the metadata of a gain map, Google's and ISO's."""
    attributes = (
        f'hdrgm:Version="1.0" hdrgm:GainMapMin="0" hdrgm:GainMapMax="{stops}" hdrgm:Gamma="1"'
        ' hdrgm:OffsetSDR="0.015625" hdrgm:OffsetHDR="0.015625" hdrgm:HDRCapacityMin="0"'
        f' hdrgm:HDRCapacityMax="{stops}" hdrgm:BaseRenditionIsHDR="False"'
    )
    iso = segment(0xE2, ISO_GAIN_MAP + gain_map_numbers(stops))
    return inserted(gain_map, xmp("", attributes, HDRGM), iso)


def ultra_hdr(picture, gain_map, video=b""):
    """An Ultra HDR photo, a motion photo as well where a video is given."""
    image = gain_map_image(gain_map)
    items = [("GainMap", "image/jpeg", len(image))]
    motion = ""
    if video:
        items.append(("MotionPhoto", "video/mp4", len(video)))
        motion = 'GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"'
    description = xmp(
        container_items(*items),
        f'hdrgm:Version="1.0" {motion}',
        f"{ITEMS} {HDRGM} {CAMERA}",
    )
    # The base picture's ISO segment holds the two versions alone.
    iso = segment(0xE2, ISO_GAIN_MAP + bytes(4))
    return mpf(inserted(picture, description, iso), [image]) + video


def apple_gain_map(picture, gain_map):
    """A photo of an iPhone: a gain map behind the index, told by its own XMP."""
    auxiliary = xmp(
        "<apdi:AuxiliaryImageType>urn:com:apple:photo:2020:aux:hdrgainmap"
        "</apdi:AuxiliaryImageType>"
        "<HDRGainMap:HDRGainMapVersion>131072</HDRGainMap:HDRGainMapVersion>",
        namespaces='xmlns:apdi="http://ns.apple.com/pixeldatainfo/1.0/"'
        ' xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/"',
    )
    return mpf(picture, [inserted(gain_map, auxiliary)], kinds=(BASELINE, 0))


def box(kind, payload):
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def mp4(size=5000):
    """A video without frames: the boxes a reader knows one by, and `size` bytes of data."""
    media = bytes(at * 131 & 255 for at in range(size))
    header = struct.pack(">IIIII", 0, 0, 0, 1000, 1500) + bytes(80)
    return (
        box(b"ftyp", b"mp42\0\0\0\0isommp42")
        + box(b"moov", box(b"mvhd", header))
        + box(b"mdat", media)
    )


def micro_video(picture, video):
    """Google's motion photo before 2020: the video's distance from the end."""
    attributes = (
        'GCamera:MicroVideo="1" GCamera:MicroVideoVersion="1"'
        f' GCamera:MicroVideoOffset="{len(video)}"'
    )
    return inserted(picture, xmp("", attributes, CAMERA)) + video


def motion_photo(picture, video, *, padding=b""):
    """Google's motion photo since: a list of items, and padding in front of the second."""
    primary = f'Item:Length="0" Item:Padding="{len(padding)}"'
    items = container_items(("MotionPhoto", "video/mp4", len(video)), primary=primary)
    attributes = 'GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"'
    return inserted(picture, xmp(items, attributes, f"{ITEMS} {CAMERA}")) + padding + video


def samsung_trailer(blocks):
    """Samsung's trailer: named blocks, and a directory that counts back from itself.

    blocks: (type, name, data) each.
    """
    bodies = [struct.pack("<HHI", 0, kind, len(name)) + name + data for kind, name, data in blocks]
    directory = b"SEFH" + struct.pack("<II", 106, len(blocks))
    for number, (kind, _name, _data) in enumerate(blocks):
        back = sum(map(len, bodies[number:]))
        directory += struct.pack("<HHII", 0, kind, back, len(bodies[number]))
    return b"".join(bodies) + directory + struct.pack("<I", len(directory)) + b"SEFT"


def samsung_motion_photo(picture, video):
    return picture + samsung_trailer(
        [
            (0x0A01, b"Image_UTC_Data", b"1689918357365"),
            (0x0A30, b"MotionPhoto_Data", video),
        ]
    )


def icc_in_pieces(picture, profile, *, order):
    """The profile in as many segments as `order` has numbers, written in that order."""
    count = len(order)
    size = -(-len(profile) // count)
    pieces = [
        segment(0xE2, ICC + bytes((number, count)) + profile[(number - 1) * size : number * size])
        for number in order
    ]
    return inserted(picture, *pieces)


def extended_xmp(picture, body, namespaces, *, order=None, chunk=65_400):
    """A packet too long for one segment: a digest names it, chunks carry it."""
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {namespaces}>{body}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()
    digest = hashlib.md5(packet, usedforsecurity=False).hexdigest().upper()
    main = xmp(
        "",
        f'xmpNote:HasExtendedXMP="{digest}"',
        'xmlns:xmpNote="http://ns.adobe.com/xmp/note/"',
    )
    starts = range(0, len(packet), chunk)
    chunks = [
        segment(
            0xE1,
            EXTENDED_XMP
            + digest.encode()
            + struct.pack(">II", len(packet), at)
            + packet[at : at + chunk],
        )
        for at in starts
    ]
    return inserted(picture, main, *(chunks[at] for at in order or range(len(chunks))))


def flir(picture, width=160, height=120, *, chunk=30_000):
    """A thermal camera's raw frame, split over APP1 segments; several to each record."""
    values = struct.pack(f"<{width * height}H", *(at & 0xFFFF for at in range(width * height)))
    raw = struct.pack("<HHH", 2, width, height) + bytes(26) + values
    head = b"FFF\0" + b"MADE".ljust(16, b"\0") + struct.pack(">IIII", 100, 64, 1, 2) + bytes(28)
    entry = struct.pack(">HHIIII", 1, 1, 100, 1, 64 + 32, len(raw)) + bytes(12)
    record = head + entry + raw
    parts = [record[at : at + chunk] for at in range(0, len(record), chunk)]
    return inserted(
        picture,
        *(
            segment(0xE1, FLIR + bytes((1, number, len(parts) - 1)) + part)
            for number, part in enumerate(parts)
        ),
    )


def exif(*directories, data=b""):
    """Build an EXIF segment of chained directories of (tag, type, count, value) fields.

    Where a value is None, it is the place of `data`, which stands behind the directories.
    """
    sizes = [2 + 12 * len(directory) + 4 for directory in directories]
    data_at = 8 + sum(sizes)
    written = b"II*\0" + struct.pack("<I", 8)
    at = 8
    for directory, size in zip(directories, sizes, strict=True):
        at += size
        written += struct.pack("<H", len(directory))
        for tag, kind, count, value in directory:
            written += struct.pack("<HHII", tag, kind, count, data_at if value is None else value)
        written += struct.pack("<I", at if at < data_at else 0)
    return segment(0xE1, b"Exif\0\0" + written + data)


def thumbnails(picture, small):
    """A thumbnail in EXIF's second directory and another in a JFIF extension."""
    first = [(0x0112, 3, 1, 1)]
    second = [(0x0103, 3, 1, 6), (0x0201, 4, 1, None), (0x0202, 4, 1, len(small))]
    jfxx = segment(0xE0, b"JFXX\0\x10" + small)
    after_jfif = 4 + int.from_bytes(picture[4:6])
    assert picture[2:4] == b"\xff\xe0"
    head, rest = picture[:after_jfif], picture[after_jfif:]
    return head + jfxx + exif(first, second, data=small) + rest


def preview_behind(picture, preview):
    """An old camera's photo: the maker note of an Olympus points at a preview behind the picture.

    The note's offsets count from the EXIF's TIFF header, like the directories' own.
    """

    def written(at):
        note_fields = [(0x0088, 4, 1, at), (0x0089, 4, 1, len(preview))]
        note = b"OLYMP\0\x01\0" + struct.pack("<H", len(note_fields))
        note += b"".join(struct.pack("<HHII", *field) for field in note_fields) + bytes(4)
        # IFD0: maker, and EXIF's own directory right behind; that one: the note alone.
        maker = b"OLYMPUS OPTICAL CO.,LTD\0"
        own_at = 8 + 2 + 2 * 12 + 4
        behind = own_at + 2 + 12 + 4
        block = b"II*\0" + struct.pack("<IH", 8, 2)
        block += struct.pack("<HHII", 0x010F, 2, len(maker), behind)
        block += struct.pack("<HHIII", 0x8769, 4, 1, own_at, 0)
        block += struct.pack("<HHHIII", 1, 0x927C, 7, len(note), behind + len(maker), 0)
        return inserted(picture, segment(0xE1, b"Exif\0\0" + block + maker + note))

    # EXIF's offsets count from 12 bytes into the file.
    return written(len(written(0)) - 12) + preview


def afcp(picture, text=b"caption", *, order=">"):
    """AFCP, an archive's trailer whose directory counts from the start of the file."""
    sign = b"AXS!" if order == ">" else b"AXS*"
    start = len(picture)
    directory = sign + struct.pack(f"{order}HHI", 1, 1, 0)
    directory += b"TEXT" + struct.pack(f"{order}II", len(text), start + len(directory) + 12)
    return picture + directory + text + sign + struct.pack(f"{order}II", start, 0)
