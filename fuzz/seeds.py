"""Small valid files, written by hand byte for byte: what the fuzzers start from.

The pictures are flat grey, so that a scan is two zero bits a block, and decoders accept them.
"""

import struct
from collections.abc import Iterable

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
JFIF = b"JFIF\0\1\2\0\0\1\0\1\0\0"
ADOBE = b"Adobe\0\x64\0\0\0\0"
EXIF = b"Exif\0\0"
MPF = b"MPF\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
SIZE = (24, 20)
_COM, _DHT, _DQT, _DRI, _SOS = 0xFE, 0xC4, 0xDB, 0xDD, 0xDA

Fields = Iterable[tuple[int, int, int, bytes]]


def segment(marker: int, payload: bytes) -> bytes:
    """Return a marker segment: FF, marker, length, payload."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def comment(text: bytes) -> bytes:
    """Return a COM segment."""
    return segment(_COM, text)


def picture(
    size: tuple[int, int] = SIZE,
    *,
    ids: tuple[int, ...] = (1, 2, 3),
    head: bytes = b"",
    frame: int = 0xC0,
    step: int = 8,
    restarts: int = 0,
    excess: bytes = b"",
) -> bytes:
    """Return a JPEG of flat grey.

    head: whole segments behind SOI. frame: the SOFn marker. step: every quantization step, 16 bits
    wide above 255. restarts: MCUs between restart markers that the header speaks of; the scan has
    none of them. excess: bytes at the end of the scan.
    """
    width, height = size
    wide = step > 255
    table = bytes([wide << 4]) + (struct.pack(">H", step) if wide else bytes([step])) * 64
    parts = [SOI, head, segment(_DQT, table)]
    if restarts:
        parts.append(segment(_DRI, struct.pack(">H", restarts)))
    layout = b"".join(bytes([each, 0x11, 0]) for each in ids)
    parts.append(segment(frame, struct.pack(">BHHB", 8, height, width, len(ids)) + layout))
    # One code each, the single bit 0: no difference in DC, end of block in AC.
    parts += [segment(_DHT, bytes([kind, 1]) + bytes(15) + b"\0") for kind in (0x00, 0x10)]
    parts += [*_scans(ids, progressive=frame == 0xC2, blocks=_blocks(size)), excess, EOI]
    return b"".join(parts)


def _blocks(size: tuple[int, int]) -> int:
    # A scan of a 65,535 pixels wide picture would only be more of the same.
    return min(4096, -(-size[0] // 8) * -(-size[1] // 8))


def _scans(ids: tuple[int, ...], *, progressive: bool, blocks: int) -> Iterable[bytes]:
    if not progressive:
        yield _scan(ids, 0, 63) + _zeros(2 * blocks * len(ids))
        return
    yield _scan(ids, 0, 0) + _zeros(blocks * len(ids))
    for each in ids:
        yield _scan((each,), 1, 63) + _zeros(blocks)


def _scan(ids: tuple[int, ...], first: int, last: int) -> bytes:
    names = b"".join(bytes([each, 0]) for each in ids)
    return segment(_SOS, bytes([len(ids)]) + names + bytes([first, last, 0]))


def _zeros(bits: int) -> bytes:
    """Return that many zero bits, the last byte filled up with ones (T.81 F.1.2.3)."""
    whole, rest = divmod(bits, 8)
    return bytes(whole) + (bytes([0xFF >> rest]) if rest else b"")


def tiff(order: str, *directories: Fields, first: int = 8) -> bytes:
    """Return a TIFF block: directories of (tag, type, count, value bytes), each behind the last.

    Values of more than four bytes go behind their directory. first: where the first one stands.
    """
    block = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", first))
    block += bytes(first - len(block))
    for number, directory in enumerate(directories):
        fields = list(directory)
        values = bytearray()
        behind = len(block) + 2 + 12 * len(fields) + 4
        block += struct.pack(f"{order}H", len(fields))
        for tag, kind, count, value in fields:
            place = value
            if len(value) > 4:
                place = struct.pack(f"{order}I", behind + len(values))
                values += value
            block += struct.pack(f"{order}HHI", tag, kind, count) + place.ljust(4, b"\0")
        further = behind + len(values) if number + 1 < len(directories) else 0
        block += struct.pack(f"{order}I", further) + values
    return bytes(block)


def index(order: str, entries: Iterable[tuple[int, int]], *, first: int = 8) -> bytes:
    """Return the payload of an MPF segment that lists images by (size, offset)."""
    listed = b"".join(struct.pack(f"{order}IIIHH", 0x020002, *each, 0, 0) for each in entries)
    count = struct.pack(f"{order}I", len(listed) // 16)
    fields = [(0xB000, 7, 4, b"0100"), (0xB001, 4, 1, count), (0xB002, 7, len(listed), listed)]
    return MPF + tiff(order, fields, first=first)


def several(*others: bytes, order: str = ">", head: bytes = b"") -> bytes:
    """Return a multi-picture file: flat grey with an index of the other images behind it."""
    listed = [(0, 0)] * (1 + len(others))
    # The index is as long whatever it says: measure once, then fill in.
    for _ in range(2):
        before = len(SOI + head) + 4 + len(MPF)
        whole = picture(head=head + segment(0xE2, index(order, listed)))
        at = len(whole)
        listed = [(len(whole), 0)]
        for other in others:
            listed.append((len(other), at - before))
            at += len(other)
    return whole + b"".join(others)


def exif(order: str = "<", *, orientation: int = 6, thumbnail: bytes = b"") -> bytes:
    """Return the payload of an EXIF segment: maker, orientation, date, GPS, and a thumbnail."""
    short, long, text = f"{order}H", f"{order}I", b"2026:11:23 12:00:00\0"
    first = [
        (0x010F, 2, 6, b"Maker\0"),
        (0x0112, 3, 1, struct.pack(short, orientation)),
        (0x8298, 2, 8, b"by hand\0"),
        (0x9003, 2, len(text), text),
        (0x8769, 4, 1, struct.pack(long, 26)),
    ]
    second = [
        (0x0103, 3, 1, struct.pack(short, 6)),
        (0x0201, 4, 1, struct.pack(long, 0)),
        (0x0202, 4, 1, struct.pack(long, len(thumbnail))),
    ]
    block = bytearray(tiff(order, first, second))
    # Where the thumbnail stands is known once all else does.
    here = bytes(block).rfind(struct.pack(f"{order}HHI", 0x0201, 4, 1))
    struct.pack_into(long, block, here + 8, len(block))
    return EXIF + bytes(block) + thumbnail


def video() -> bytes:
    """Return an MP4 of a type box and an empty media box."""
    return struct.pack(">I8sII", 16, b"ftypisom", 0x200, 8) + b"mdat"


def motion(kind: str) -> bytes:
    """Return a motion photo by Google's first or second schema, or with Samsung's directory."""
    moving = video()
    if kind == "samsung":
        block = b"\0\0\x30\x0a" + struct.pack("<I", 16) + b"MotionPhoto_Data" + moving
        entry = b"\0\0\x30\x0a" + struct.pack("<II", len(block), len(block))
        directory = b"SEFH" + struct.pack("<II", 106, 1) + entry
        return picture() + block + directory + struct.pack("<I", len(directory)) + b"SEFT"
    item = '<rdf:li Item:Semantic="{}" Item:Mime="{}" Item:Length="{}"/>'
    packet = {
        "micro": f'GCamera:MicroVideoOffset="{len(moving)}"',
        "items": item.format("Primary", "image/jpeg", 0)
        + item.format("MotionPhoto", "video/mp4", len(moving)),
    }[kind]
    return picture(head=segment(0xE1, XMP + packet.encode("ascii"))) + moving


def containers() -> list[bytes]:
    """Return a file of every layout that the container code tells apart."""
    marker = b"jpegslim/1 v=0.1.0 target=85 score=85.00 tables=0123abcd source=0123456789abcdef"
    app0, app1 = segment(0xE0, JFIF), segment(0xE1, exif())
    return [
        picture(),
        picture(ids=(1,), head=app0, frame=0xC2),
        picture(ids=(0x52, 0x47, 0x42), head=segment(0xEE, ADOBE + b"\0")),
        picture(ids=(1, 2, 3, 4), head=segment(0xEE, ADOBE + b"\2"), step=300),
        picture(head=app0 + comment(marker) + comment(b"another"), restarts=9),
        picture(head=app1 + segment(0xE1, XMP + b"<x:xmpmeta/>"), frame=0xC2) + bytes(16),
        picture(head=segment(0xE1, exif(">", thumbnail=picture((8, 8))))) + b"behind the end",
        picture(head=segment(0xEB, b"JP\0\1\0\0\0\1\0\0\0\x20jumbc2pa")),
        several(picture((8, 8), ids=(1,)), picture()),
        several(picture((16, 8)), order="<", head=app0),
        *(motion(kind) for kind in ("samsung", "micro", "items")),
        several(picture((8, 8), head=segment(0xE1, b"hdrgm GainMapMax"))) + bytes(40) + video(),
        picture((1, 1), frame=0xC9),
        SOI + segment(0xC3, b"\x08\0\1\0\1\1\1\x11\0") + EOI,
    ]
