"""XMP packets with less in them: what a policy drops is cut out, the rest stays byte for byte."""

import base64
import binascii
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from jpegslim.settings import Metadata

PACKET = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"

# Depth maps and whole pictures stand in extended packets; the largest seen had 20 MB.
_LARGEST = 64 << 20
_DEEPEST = 64
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XML = "http://www.w3.org/XML/1998/namespace"
_META = "adobe:ns:meta/"
# What frames a packet (XMP part 1, 7.3) and what stands around its properties (7.3.3, 7.4).
_INSTRUCTIONS = frozenset({"xpacket", "adobe-xap-filters"})
_FRAME = frozenset({(_META, "xmpmeta"), (_META, "xapmeta"), (_RDF, "RDF")})
_TOOLKIT = ((_META, "xmptk"), (_META, "xaptk"))
# Old programs write RDF's own attributes without a prefix.
_BARE = frozenset({"about", "ID", "nodeID", "parseType", "resource"})
_NOTE = "http://ns.adobe.com/xmp/note/"
_HAS_EXTENDED = (_NOTE, "HasExtendedXMP")
_CAMERA = "http://ns.google.com/photos/1.0/camera/"

# What tells a viewer how to show the picture, its gain map, its depth map or its video.
_DISPLAY = (
    "http://ns.adobe.com/hdr-gain-map/",
    "http://ns.apple.com/HDRGainMap/",
    "http://ns.apple.com/pixeldatainfo/",
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.google.com/photos/1.0/depthmap/",
    "http://ns.google.com/photos/1.0/focus/",
    "http://ns.google.com/photos/1.0/image/",
    "http://ns.google.com/photos/1.0/audio/",
    "http://ns.google.com/photos/1.0/panorama/",
    "http://ns.google.com/photos/dd/1.0/",
    "http://ns.oplus.com/photos/1.0/camera/",
)
# Whole files as base64 (Google's GImage, GDepth and GAudio).
_FILE_OWNERS = re.compile(r"http://ns\.google\.com/photos/1\.0/(?:image|depthmap|audio)/")
# Of the camera's own namespace the rest is a maker note: shot logs, burst numbers, moods.
_CAMERA_DISPLAY = re.compile(r"Motion|MicroVideo")
_CAMERA_SAFE = re.compile(r"Motion|MicroVideo|Burst|SpecialTypeID|DisableAutoCreation")
# Namespaces of standards and of photo programs, whose properties are known for what they hold. A
# maker's own are maker notes in other words.
_KNOWN = (
    *_DISPLAY,
    "http://purl.org/dc/",
    "http://ns.adobe.com/xap/1.0/",
    "http://ns.adobe.com/xmp/",
    "http://ns.adobe.com/photoshop/1.0/",
    "http://ns.adobe.com/tiff/1.0/",
    "http://ns.adobe.com/exif/1.0/",
    "http://cipa.jp/exif/",
    "http://ns.adobe.com/camera-raw-settings/1.0/",
    "http://ns.adobe.com/lightroom/1.0/",
    "http://ns.adobe.com/pdf/1.3/",
    "http://iptc.org/std/",
    "http://ns.useplus.org/ldf/",
    "http://creativecommons.org/ns#",
    "http://www.metadataworkinggroup.com/schemas/",
    "http://www.digikam.org/ns/",
    "http://ns.microsoft.com/photo/",
)
# Wherever they stand, whatever their namespace.
_UNSAFE = re.compile(r"gps|latitude|longitude|altitude|geotag|maker_?note|thumbnail", re.IGNORECASE)
_UNSAFE_PLACES = ("http://www.w3.org/2003/01/geo/",)

_START_TAG = re.compile(
    rb"<[^\s/>]+(?P<attributes>(?:\s+[^\s=/>]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*(?P<closed>/?)>"
)
_ATTRIBUTE = re.compile(rb"\s+(?P<name>[^\s=/>]+)\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_NAMED = re.compile(rb"HasExtendedXMP\s{0,8}(?:=\s{0,8}[\"']|>\s{0,8})([0-9A-Fa-f]{32})")
_PACKET_END, _LEAST_PADDING = b"<?xpacket end", 32

# A namespace and a name in it; values by their path of names.
_Name = tuple[str, str]
Values = Counter[tuple[tuple[_Name, ...], str]]


class _Unreadable(Exception):  # noqa: N818 - a signal within this module
    """Not XMP as far as can be told for certain."""


def extension_named(packet: bytes) -> bytes | None:
    """Return the digits that name a packet's extension, None for none."""
    found = _NAMED.search(packet)
    return None if found is None else found[1]


def extension_digits(extension: bytes) -> bytes:
    """Return what an extended packet is named by (XMP part 3, 1.1.3.1)."""
    return hashlib.md5(extension, usedforsecurity=False).hexdigest().upper().encode()


def reduce_packet(packet: bytes, metadata: Metadata, *, extended: bool = True) -> bytes | None:
    """Return a packet with what the policy keeps, None where nothing is left or it can't be read.

    The packet itself where nothing is to go. extended: whether its extension stays. Never raises
    for what a packet holds.
    """
    try:
        cuts = _read(packet, metadata, extended=extended)
    except _Unreadable:
        return None
    if not cuts.kept:
        return None
    if not cuts.stretches:
        return packet
    kept, at = bytearray(), 0
    for start, end in sorted(cuts.stretches):
        if start >= at:
            kept += packet[at:start]
            at = end
    return _unpadded(bytes(kept + packet[at:]))


def _unpadded(packet: bytes) -> bytes:
    """Return a packet without the room for later changes in front of its end."""
    end = packet.rfind(_PACKET_END)
    # A pattern for white space before something would try every place in it: 17 s for 60,000.
    held = packet[: max(end, 0)].rstrip()
    return held + b"\n" + packet[end:] if end - len(held) >= _LEAST_PADDING else packet


def properties(packet: bytes) -> Values | None:
    """Return every value of a packet by its path of names, None where it can't be read."""
    try:
        return _read(packet, Metadata.KEEP, extended=True).values
    except _Unreadable:
        return None


def files(packet: bytes) -> Iterator[bytes]:
    """Yield the pictures and sounds that a packet holds whole."""
    for path, value in properties(packet) or ():
        namespace, local = path[-1]
        if local == "Data" and _FILE_OWNERS.fullmatch(namespace):
            try:
                yield base64.b64decode(value)
            except (binascii.Error, ValueError):
                # No file a viewer could show; its letters are carried as they are.
                continue


def is_extension(path: tuple[_Name, ...]) -> bool:
    """Tell whether a value names the packet's extension."""
    return path[0] == _HAS_EXTENDED


def may_be_missing(path: tuple[_Name, ...], metadata: Metadata) -> bool:
    """Tell whether a policy lets a value go, by its path of names."""
    if metadata is Metadata.KEEP:
        return False
    return path[0] == _HAS_EXTENDED or not (
        _stays(path[0], metadata) and all(_is_harmless(name) for name in path)
    )


def _stays(name: _Name, metadata: Metadata) -> bool:
    """Tell whether the policy keeps a property of the picture."""
    if metadata is Metadata.KEEP or name == _HAS_EXTENDED:
        return True
    namespace, local = name
    strip = metadata is Metadata.STRIP
    if namespace == _CAMERA:
        return (_CAMERA_DISPLAY if strip else _CAMERA_SAFE).match(local) is not None
    return namespace.startswith(_DISPLAY if strip else _KNOWN)


def _is_harmless(name: _Name) -> bool:
    return _UNSAFE.search(name[1]) is None and not name[0].startswith(_UNSAFE_PLACES)


@dataclass(slots=True)
class _Cuts:
    """What is to go, as stretches of the packet; kept: how many properties are not."""

    stretches: list[tuple[int, int]] = field(default_factory=list)
    kept: int = 0
    values: Values = field(default_factory=Counter)


@dataclass(slots=True)
class _Open:
    """An element that has begun. cut: where it is to go, with all that is in it."""

    name: _Name
    start: int
    closed_at: int | None
    path: tuple[_Name, ...] | None
    cut: bool
    text: list[str] = field(default_factory=list)


def _read(packet: bytes, metadata: Metadata, *, extended: bool) -> _Cuts:
    """Raise _Unreadable for a packet that is no plain XML of properties."""
    if len(packet) > _LARGEST:
        raise _Unreadable
    reader = _Reader(packet, metadata, extended=extended)
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    parser.ordered_attributes = True
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, given: reader.open(
        name, given, parser.CurrentByteIndex
    )
    parser.EndElementHandler = lambda _: reader.close(parser.CurrentByteIndex)
    parser.CharacterDataHandler = reader.read
    parser.CommentHandler = lambda _: reader.skip(b"-->", parser.CurrentByteIndex)
    parser.ProcessingInstructionHandler = lambda name, _: (
        None if name in _INSTRUCTIONS else reader.skip(b"?>", parser.CurrentByteIndex)
    )
    parser.StartDoctypeDeclHandler = _refuse
    try:
        # Some cameras end a packet with a NUL.
        parser.Parse(packet.rstrip(b"\0"), True)
    except expat.ExpatError as error:
        raise _Unreadable from error
    return reader.cuts


def _refuse(*_: object) -> None:
    # Only a DOCTYPE can define entities, which expand.
    raise _Unreadable


class _Reader:
    """Collects what is to go while the parser walks a packet."""

    def __init__(self, packet: bytes, metadata: Metadata, *, extended: bool) -> None:
        self.cuts = _Cuts()
        self._packet = packet
        self._metadata = metadata
        self._extended = extended
        self._open: list[_Open] = []

    def open(self, name: str, given: list[str], at: int) -> None:
        """Take in a start tag and its attributes: names and values in turn."""
        tag = _START_TAG.match(self._packet, at)
        if tag is None or len(self._open) >= _DEEPEST:
            raise _Unreadable
        above = self._open[-1] if self._open else None
        path = self._path(_split(name), above)
        cut = (above is not None and above.cut) or (
            path is None and above is not None and _split(name) not in _FRAME
        )
        if path and not cut:
            cut = not self._keeps(path)
            if cut or len(path) == 1:
                self.cuts.kept += not cut
        element = _Open(_split(name), at, tag.end() if tag["closed"] else None, path, cut)
        self._open.append(element)
        pairs = list(zip(given[::2], given[1::2], strict=True))
        for (attribute, value), (start, end) in zip(pairs, _places(tag, len(pairs)), strict=True):
            self._attribute(element, _split(attribute), value, (start, end))

    def close(self, at: int) -> None:
        """Take in the end of an element."""
        element = self._open.pop()
        text = "".join(element.text).strip()
        if text and element.path:
            self.cuts.values[element.path, text] += 1
        elif text and not element.cut:
            # No property's value, so nobody can say what it tells.
            raise _Unreadable
        above = self._open[-1] if self._open else None
        if element.cut and not (above is not None and above.cut):
            end = element.closed_at or self._packet.index(b">", at) + 1
            self.cuts.stretches.append((element.start, end))

    def read(self, text: str) -> None:
        """Take in text."""
        if self._open:
            self._open[-1].text.append(text)

    def skip(self, end: bytes, at: int) -> None:
        """Cut out what is no element: a comment, an instruction to some program."""
        self.cuts.stretches.append((at, self._packet.index(end, at) + len(end)))

    def _path(self, name: _Name, above: _Open | None) -> tuple[_Name, ...] | None:
        """Return an element's names from the property down, None outside of any property.

        The description that holds the properties has an empty path.
        """
        if above is None or (above.path is None and above.cut):
            return None
        if above.path is None:
            is_description = name == (_RDF, "Description") and above.name == (_RDF, "RDF")
            return () if is_description else None
        return (*above.path, name)

    def _attribute(self, element: _Open, name: _Name, value: str, place: tuple[int, int]) -> None:
        if element.path is None:
            if not (element.cut or name in _TOOLKIT):
                self.cuts.stretches.append(place)
            return
        if name[0] in (_RDF, _XML) or (not name[0] and name[1] in _BARE):
            return
        path = (*element.path, name)
        self.cuts.values[path, value] += 1
        if element.cut:
            return
        if not self._keeps(path):
            self.cuts.stretches.append(place)
        elif len(path) == 1:
            self.cuts.kept += 1

    def _keeps(self, path: tuple[_Name, ...]) -> bool:
        if path[0] == _HAS_EXTENDED:
            return self._extended
        if self._metadata is Metadata.KEEP:
            return True
        return _stays(path[0], self._metadata) and _is_harmless(path[-1])


def _split(name: str) -> _Name:
    namespace, _, local = name.rpartition(" ")
    return namespace, local


def _places(tag: re.Match[bytes], count: int) -> Iterator[tuple[int, int]]:
    """Yield where the attributes of a start tag stand, those that declare prefixes left out."""
    places = [
        found.span()
        for found in _ATTRIBUTE.finditer(tag.string, *tag.span("attributes"))
        if found["name"] != b"xmlns" and not found["name"].startswith(b"xmlns:")
    ]
    if len(places) != count:
        raise _Unreadable
    yield from places
