"""XMP packets of a file together with their extensions, which stand in segments of their own."""

from collections.abc import Iterator, Sequence

from jpegslim.engine.container import xmp
from jpegslim.engine.container.walk import APP1, Segment, write_segment
from jpegslim.settings import Metadata

# XMP part 3, 1.1.3.1: 32 digits, the whole extension's size, and this part's place in it.
_DIGITS, _SIZE, _PLACE, _HEAD = slice(0, 32), slice(32, 36), slice(36, 40), 40
_ROOM = 0xFFFF - 2 - len(xmp.EXTENSION) - _HEAD
# Readers take the first packet, editors were seen to leave another one.
_MAX_PACKETS = 4
# An extension as the base64 of a whole photo; more is a trap.
_LARGEST = 64 << 20


class Packets:
    """The packets of one file, what extends them, and what a policy makes of both."""

    def __init__(
        self, packets: Sequence[Segment], extensions: Sequence[Segment], data: bytes
    ) -> None:
        """Take the segments of either kind, in order, and the file's bytes."""
        self._data = data
        self._packets = frozenset(packets[:_MAX_PACKETS])
        self._parts: dict[bytes, list[Segment]] = {}
        self._named: set[bytes] = set()
        for segment in extensions:
            head = self._payload(segment)[len(xmp.EXTENSION) :][:_HEAD]
            self._parts.setdefault(head[_DIGITS], []).append(segment)

    def packets(self) -> Iterator[bytes]:
        """Yield every packet, and the whole extensions that packets name."""
        for segment in self._packets:
            packet = self._payload(segment)[len(xmp.PACKET) :]
            yield packet
            extension = self._extension(xmp.extension_named(packet))
            if extension is not None:
                yield extension

    def reduced(self, segment: Segment, metadata: Metadata) -> Iterator[Segment | bytes]:
        """Yield what becomes of a segment of either kind.

        An extension that changes stands right behind its packet; nothing names one that is
        incomplete or lost, and it goes.
        """
        if segment not in self._packets:
            digits = self._payload(segment)[len(xmp.EXTENSION) :][_DIGITS]
            if digits in self._named:
                yield segment
            return
        packet = self._payload(segment)[len(xmp.PACKET) :]
        named = xmp.extension_named(packet)
        extension = self._extension(named)
        kept = None if extension is None else xmp.reduce_packet(extension, metadata)
        reduced = xmp.reduce_packet(packet, metadata, extended=kept is not None)
        if reduced is None:
            return
        if kept is not None and named is not None and kept == extension:
            self._named.add(named)
            kept = None
        if kept is not None and named is not None:
            reduced = reduced.replace(named, xmp.extension_digits(kept))
        yield segment if reduced == packet else write_segment(APP1, xmp.PACKET + reduced)
        if kept is not None:
            yield from _split(kept)

    def _payload(self, segment: Segment) -> bytes:
        return segment.payload(self._data)

    def _extension(self, digits: bytes | None) -> bytes | None:
        """Return the extension of these digits, None where it is not whole."""
        parts = self._parts.get(digits or b"", [])
        heads = [self._payload(part)[len(xmp.EXTENSION) :] for part in parts]
        if not heads or any(len(head) < _HEAD for head in heads):
            return None
        size = int.from_bytes(heads[0][_SIZE])
        whole = bytearray()
        for head in sorted(heads, key=lambda head: head[_PLACE]):
            if int.from_bytes(head[_SIZE]) != size or int.from_bytes(head[_PLACE]) != len(whole):
                return None
            whole += head[_HEAD:]
        return bytes(whole) if len(whole) == size <= _LARGEST else None


def _split(extension: bytes) -> Iterator[bytes]:
    digits, size = xmp.extension_digits(extension), len(extension).to_bytes(4)
    for at in range(0, len(extension), _ROOM):
        part = xmp.EXTENSION + digits + size + at.to_bytes(4) + extension[at : at + _ROOM]
        yield write_segment(APP1, part)
