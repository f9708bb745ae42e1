"""MPF: put other picture data into files with an index of several images, and find them all again.

The fuzzer's bytes are decisions: an order of bytes, entries that are true or not, what stands in
front of the index and behind the picture, and last a few bytes changed anywhere in the file.
"""

import random
import struct

from fuzz.draw import Draw
from fuzz.laws import in_time, require, require_refusal
from fuzz.seeds import JFIF, MPF, SOI, comment, exif, index, picture, segment
from jpegslim.engine.container.assemble import assemble, carried
from jpegslim.engine.container.marker import Marker
from jpegslim.engine.container.segments import Container, parse
from jpegslim.engine.container.walk import APP2, Segment
from jpegslim.errors import FileError

DICTIONARY = (MPF, b"II*\0", b"MM\0*", b"\xff\xd8\xff", b"\xff\xd9", b"\x02\xb0", b"\xb0\x02")
_ENTRIES = 0xB002
_ENTRY_SIZE = 16
_MARKER = Marker(version="0.0.1", target=85.0, score=85.25, tables="", source="0123456789abcdef")
_HEADS = (
    segment(0xE0, JFIF),
    segment(0xE1, exif(thumbnail=picture((8, 8)))),
    segment(0xE2, b"ICC_PROFILE\0\1\1"),
    comment(b"a comment"),
    comment(b"jpegslim/1 v=0.1.0 target=85 score=- tables=0123abcd source=0123456789abcdef"),
    b"\xff" * 3,
)


def seeds() -> list[bytes]:
    """Return decisions to start from: none, then random ones of growing length."""
    generator = random.Random(4)
    return [b"", *(generator.randbytes(length) for length in range(8, 400, 8))]


def check(data: bytes) -> None:
    """Build a multi-picture file, rebuild it around another picture, and look for every image."""
    draw = Draw(data)
    coded = picture(frame=draw.pick((0xC0, 0xC2)), excess=bytes(draw.pick((0, 1, 300, 70_000))))
    marker = draw.pick((None, _MARKER))
    built = build(draw)
    with in_time(built):
        try:
            source = parse(built)
            delivered = parse(assemble(source, coded, marker=marker, recoded=True))
            carried(source, delivered, recoded=True)
        except FileError as error:
            require_refusal(error)
            return
    require(source.trailer == delivered.trailer, "what follows the picture changed")
    require_same_images(source, delivered)


def build(draw: Draw) -> bytes:
    """Return a file with an index, true or not, as the decisions say."""
    heads = [draw.pick(_HEADS) for _ in range(draw.number(0, 3))]
    at = draw.number(0, len(heads))
    others = [_other(draw) for _ in range(draw.number(0, 5))]
    claims = [_claim(draw) for _ in range(draw.number(0, 1 + len(others)))]
    order, first = draw.pick("<>"), draw.pick((8, 8, 8, 9, 26))
    twice, frame = draw.one_in(8), draw.pick((0xC0, 0xC2))
    size, image_end, base = 0, 0, 0
    for _ in range(2):
        # The index is as long whatever it says: measure once, then fill in.
        listed = _listed(claims, others, size=size, behind=image_end - base)
        payload = index(order, listed, first=first)
        before = b"".join(heads[:at])
        own = segment(APP2, payload) * (1 + twice)
        whole = picture(head=before + own + b"".join(heads[at:]), frame=frame)
        size = image_end = len(whole)
        base = len(SOI + before) + 4 + len(MPF)
    written = bytearray(whole + b"".join(others))
    for _ in range(draw.number(0, 3)):
        place = draw.number(0, 2 * len(SOI + before + own))
        if place < len(written):
            written[place] = draw.number(0, 255)
    return bytes(written)


def _other(draw: Draw) -> bytes:
    """Return an image for behind the first one, or something that is none."""
    if draw.one_in(6):
        return draw.take(draw.number(0, 40))
    return picture((8, 8), ids=draw.pick(((1,), (1, 2, 3))), excess=draw.take(draw.number(0, 9)))


def _claim(draw: Draw) -> tuple[int, int] | None:
    """Return what an entry says: None for the truth, or (size, offset) at will."""
    kind = draw.number(0, 9)
    if kind < 7:
        return None
    if kind == 7:
        return 0, 0
    return draw.number(0, 0xFFFF_FFFF), draw.number(0, draw.pick((900, 0xFFFF_FFFF)))


def _listed(
    claims: list[tuple[int, int] | None], others: list[bytes], *, size: int, behind: int
) -> list[tuple[int, int]]:
    listed = [(size, 0)]
    at = behind
    for other in others:
        listed.append((len(other), max(0, at)))
        at += len(other)
    return [true if claim is None else claim for claim, true in zip(claims, listed, strict=False)]


def is_index(part: Segment, data: bytes) -> bool:
    """Return whether it is an MPF segment."""
    return part.marker == APP2 and part.payload(data).startswith(MPF)


def require_same_images(source: Container, delivered: Container) -> None:
    """Hold every index to what it said of the source: the same images, at their new places."""
    before, after = (
        [part for part in file.segments if is_index(part, file.data)]
        for file in (source, delivered)
    )
    require(len(before) == len(after), "an index was lost")
    for old, new in zip(before, after, strict=True):
        listed, relisted = _entries(old, source.data), _entries(new, delivered.data)
        if listed is None:
            require(not source.trailer, "an index that can't be read was carried before a trailer")
            require(old.payload(source.data) == new.payload(delivered.data), "an index changed")
            continue
        require(relisted is not None, "the index can't be read any more")
        _require_entries(listed, relisted or [], source, delivered)
        require(
            _without_entries(old, listed, source.data)
            == _without_entries(new, relisted or [], delivered.data),
            "the index changed in more than sizes and offsets",
        )


def _require_entries(
    listed: list[tuple[int, int, int]],
    relisted: list[tuple[int, int, int]],
    source: Container,
    delivered: Container,
) -> None:
    """Compare entries of (place of the entry, size, place of the image; 0 where it has none)."""
    require(len(listed) == len(relisted), "the index lists another number of images")
    require(relisted[0][1:] == (delivered.image_end, 0), "the first image's entry is not true")
    for (_, size, place), (_, new_size, new_place) in zip(listed[1:], relisted[1:], strict=True):
        require(size == new_size, "an image changed its size")
        require((place == 0) == (new_place == 0), "an image came or went")
        if place == 0:
            continue
        require(
            place - source.image_end == new_place - delivered.image_end >= 0,
            "an image moved against the others",
        )
        image = source.data[place : place + size]
        require(image == delivered.data[new_place : new_place + size], "an image changed")
        if source.trailer:
            require(len(image) == size, "an image is cut off")
            require(image.startswith(SOI) or size < len(SOI), "an entry points at no image")


def _entries(part: Segment, data: bytes) -> list[tuple[int, int, int]] | None:
    """Read an index anew, straight from CIPA DC-007; None where it lists nothing."""
    payload = part.payload(data)
    block = payload[len(MPF) :]
    orders = {b"II*\0": "<", b"MM\0*": ">"}
    order = orders.get(block[:4])
    if order is None:
        return None
    try:
        (directory,) = struct.unpack_from(f"{order}I", block, 4)
        if directory < 8:
            return None
        (count,) = struct.unpack_from(f"{order}H", block, directory)
        for number in range(count):
            tag, _, length, start = struct.unpack_from(
                f"{order}HHII", block, directory + 2 + 12 * number
            )
            if tag == _ENTRIES:
                break
        else:
            return None
        if not length or length % _ENTRY_SIZE:
            return None
        base = part.payload_start + len(MPF)
        found = []
        for place in range(start, start + length, _ENTRY_SIZE):
            _, size, offset, _, _ = struct.unpack_from(f"{order}IIIHH", block, place)
            found.append((len(MPF) + place, size, base + offset if offset else 0))
    except struct.error:
        return None
    return found


def _without_entries(part: Segment, listed: list[tuple[int, int, int]], data: bytes) -> bytes:
    payload = bytearray(part.payload(data))
    for at, _, _ in listed:
        payload[at + 4 : at + 12] = bytes(8)
    return bytes(payload)
