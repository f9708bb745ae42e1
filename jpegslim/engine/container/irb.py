"""Photoshop's image resources with less in them: captions and rights stay, thumbnails go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HEADER = b"Photoshop 3.0\0"
# A segment's length field counts itself; the rest is for the header and the resources.
_ROOM = 0xFFFF - 2 - len(HEADER)

_SIGNATURE = b"8BIM"
_IPTC, _CAPTION_DIGEST = 0x0404, 0x0425
# Thumbnails as raw pixels and as JPEG; whole EXIF and XMP blocks, which may hold another
# thumbnail and a position.
_DROPPED = frozenset({0x0409, 0x040C, 0x0422, 0x0423, 0x0424})
# Photoshop's own, paths included; from 4000 on, plug-ins put what they like.
_PRINT_FLAGS = 10_000
_OWN = frozenset({*range(1000, 3000), _PRINT_FLAGS})

_IPTC_MARKER = 0x1C
_IPTC_HEAD = 5
_EXTENDED = 0x8000
# IIM 4.2: the preview and its two descriptions (2:200 to 2:202), and records of object data.
_PREVIEWS = frozenset({(2, 200), (2, 201), (2, 202)})
_OBJECT_RECORDS = frozenset({7, 8, 9})


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource: its number, and its data; head: everything in front of the data."""

    number: int
    head: bytes
    data: bytes

    @property
    def whole(self) -> bytes:
        """Its bytes with a true length and padding."""
        return self.head + len(self.data).to_bytes(4) + self.data + bytes(len(self.data) % 2)


def reduce_resources(payloads: Sequence[bytes]) -> list[bytes]:
    """Return APP13 payloads without what can't stay; [] where nothing can or it can't be read.

    The payloads themselves where there is nothing to drop. Resources of several segments are
    one list that runs on from one to the next.
    """
    found = resources(payloads)
    if found is None:
        return []
    kept = _without_previews([each for each in found if not _goes(each)])
    whole = b"".join(each.whole for each in kept)
    if sum(len(each) - len(HEADER) for each in payloads) <= len(whole):
        return list(payloads)
    return [HEADER + whole[at : at + _ROOM] for at in range(0, len(whole), _ROOM)]


def resources(payloads: Sequence[bytes]) -> list[Resource] | None:
    """Return the resources in order, None where they can't be read."""
    data = b"".join(payload[len(HEADER) :] for payload in payloads)
    # Padding behind the last one is no resource.
    last = len(data.rstrip(b"\0"))
    found = []
    at = 0
    while at < last:
        name_end = at + 7 + (data[at + 6] if at + 6 < len(data) else 0)
        name_end += (name_end - at - 6) % 2
        end = name_end + 4 + int.from_bytes(data[name_end : name_end + 4])
        if not data.startswith(_SIGNATURE, at) or name_end + 4 > len(data) or end > len(data):
            return None
        number = int.from_bytes(data[at + 4 : at + 6])
        found.append(Resource(number, data[at:name_end], data[name_end + 4 : end]))
        at = end + (end - name_end) % 2
    return found


def may_be_missing(resource: Resource) -> bool:
    """Tell whether a reduced list lets a resource go."""
    return _goes(resource) or resource.number in (_IPTC, _CAPTION_DIGEST)


def _goes(resource: Resource) -> bool:
    return resource.number not in _OWN or resource.number in _DROPPED


def _without_previews(found: Sequence[Resource]) -> list[Resource]:
    """Return the resources with IPTC's previews cut out; the digest over it goes with them."""
    kept = []
    cut = False
    for each in found:
        if each.number != _IPTC:
            kept.append(each)
            continue
        data = _captions(each.data)
        cut = cut or data != each.data
        if data or not each.data:
            kept.append(Resource(each.number, each.head, data))
    return [each for each in kept if not (cut and each.number == _CAPTION_DIGEST)]


def _captions(data: bytes) -> bytes:
    """Return IPTC data without previews; empty where it can't be read."""
    kept = bytearray()
    for record, dataset, whole in _datasets(data):
        if whole is None:
            return b""
        if (record, dataset) not in _PREVIEWS and record not in _OBJECT_RECORDS:
            kept += whole
    return data if len(kept) == len(data.rstrip(b"\0")) else bytes(kept)


def _datasets(data: bytes) -> Iterator[tuple[int, int, bytes | None]]:
    """Yield record, number and bytes of each data set; None for what is none (IIM 1.6)."""
    last = len(data.rstrip(b"\0"))
    at = 0
    while at < last:
        head = data[at : at + _IPTC_HEAD]
        start = at + _IPTC_HEAD
        size = int.from_bytes(head[3:])
        if size & _EXTENDED:
            # The low bits say how many bytes the length takes.
            digits = size & ~_EXTENDED
            size = int.from_bytes(data[start : start + digits]) if digits <= 4 else len(data)  # noqa: PLR2004
            start += digits
        if len(head) < _IPTC_HEAD or head[0] != _IPTC_MARKER or start + size > len(data):
            yield 0, 0, None
            return
        yield head[1], head[2], data[at : start + size]
        at = start + size
