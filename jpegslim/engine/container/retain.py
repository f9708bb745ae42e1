"""Drop the metadata that a policy names, and leave the coded picture as it is, byte for byte."""

from collections.abc import Iterator
from dataclasses import dataclass

from jpegslim.engine.container import behind, exif_reduced, irb, xmp
from jpegslim.engine.container.assemble import rebuild
from jpegslim.engine.container.exif_reduced import Needs
from jpegslim.engine.container.extended import Packets
from jpegslim.engine.container.icc import ProfileIgnored, read_profile
from jpegslim.engine.container.policy import Policy, comment_stays
from jpegslim.engine.container.roles import Role, roles
from jpegslim.engine.container.segments import Container, is_jfif, parse
from jpegslim.engine.container.signature import refuse_signed
from jpegslim.engine.container.walk import APP1, Segment, write_segment
from jpegslim.errors import UnsupportedJpeg
from jpegslim.settings import Metadata

_APP13 = 0xED
# JFIF 1.02: what is behind its first 14 bytes is a thumbnail of as many pixels as the last two of
# them say. Adobe's segment has 12.
_JFIF_SIZE, _JFIF_NO_THUMBNAIL, _ADOBE_SIZE = 14, 12, 12
_APPLE_GAIN_MAP = b"urn:com:apple:photo:2020:aux:hdrgainmap"
_INNER_NOTE = "a picture or sound inside of the XMP is carried with metadata of its own"
_SIGNATURE_NOTE = "its content credentials (C2PA) are dropped: they would not match the new bytes"


@dataclass(frozen=True, slots=True)
class Retained:
    """A file as a policy leaves it. dropped: how many bytes fewer it has than the source."""

    container: Container
    dropped: int = 0
    notes: tuple[str, ...] = ()


def retain(source: Container, policy: Policy, *, baked: bool = False) -> Retained:
    """Return the source without what the policy drops; the source itself where that is nothing.

    The policy applied twice is the policy applied once. baked: the orientation is left out too,
    for pixels that are turned. Raises UnsupportedJpeg where metadata and picture can't be told
    apart, or the file can't be rewritten at all.
    """
    if not (policy.drops or policy.break_signatures):
        return Retained(source)
    chosen = _Choice(source, policy, baked=baked)
    pieces = list(chosen.pieces())
    trailer = not behind.goes(source, policy.metadata)
    if trailer and pieces == [segment for segment in source.segments if segment.is_metadata]:
        return Retained(source, notes=chosen.notes(trailer=trailer))
    data = rebuild(source, pieces, trailer=trailer)
    return Retained(parse(data), len(source.data) - len(data), chosen.notes(trailer=trailer))


class _Choice:
    """Goes through the metadata of one file and says what of it stays."""

    def __init__(self, source: Container, policy: Policy, *, baked: bool) -> None:
        self._source = source
        self._policy = policy
        self._roles = roles(source)
        self._packets = Packets(self._of(Role.XMP), self._of(Role.EXTENDED_XMP), source.data)
        self._needs = Needs(
            has_profile=_has_profile(source),
            baked=baked,
            apple_gain_map=source.data.find(_APPLE_GAIN_MAP, source.image_end) >= 0,
        )

    def pieces(self) -> Iterator[Segment | bytes]:
        """Yield the segments that stay, as they are or as new bytes, in order."""
        exif = self._of(Role.EXIF)[:1]
        resources = dict(zip(self._of(Role.RESOURCES), self._resources(), strict=False))
        for segment, role in self._roles:
            if self._stays_whole(segment, role):
                yield segment
            elif role is Role.CODING:
                yield self._coding(segment)
            elif role is Role.EXIF and segment in exif:
                yield from self._exif(segment)
            elif role in (Role.XMP, Role.EXTENDED_XMP):
                yield from self._packets.reduced(segment, self._policy.metadata)
            elif role is Role.RESOURCES and segment in resources:
                yield resources[segment]

    def notes(self, *, trailer: bool) -> tuple[str, ...]:
        """Return what a person should know of what stays and of what goes."""
        metadata = self._policy.metadata
        found = list(behind.notes(self._source, metadata)) if self._policy.drops and trailer else []
        packets = self._packets.packets() if self._policy.drops else ()
        inner = (each for packet in packets for each in xmp.files(packet))
        if any(behind.holds_metadata(each, metadata) for each in inner):
            found.append(_INNER_NOTE)
        if self._policy.break_signatures and self._of(Role.CREDENTIALS):
            found.insert(0, _SIGNATURE_NOTE)
        return tuple(found)

    def _of(self, wanted: Role) -> list[Segment]:
        return [segment for segment, role in self._roles if role is wanted]

    def _stays_whole(self, segment: Segment, role: Role) -> bool:
        if role is Role.CREDENTIALS:
            if not self._policy.break_signatures:
                refuse_signed(self._source)
            return False
        if not self._policy.drops or role in (Role.MARKER, Role.PROFILE, Role.DISPLAY):
            return True
        if role is Role.MEASUREMENTS:
            raise UnsupportedJpeg(
                "it holds thermal measurements (FLIR), which can't be told from their metadata",
                reason="measurements_inside",
            )
        if role is Role.PICTURES:
            gone = not self._source.trailer or behind.goes(self._source, self._policy.metadata)
            return not (gone and behind.lists_thumbnails_only(segment, self._source.data))
        return role is Role.COMMENT and comment_stays(
            segment.payload(self._source.data), self._policy.metadata
        )

    def _coding(self, segment: Segment) -> Segment | bytes:
        payload = segment.payload(self._source.data)
        cut = payload[:_ADOBE_SIZE]
        if is_jfif(segment, self._source.data):
            cut = payload[:_JFIF_NO_THUMBNAIL] + bytes(_JFIF_SIZE - _JFIF_NO_THUMBNAIL)
        return segment if cut == payload else write_segment(segment.marker, cut)

    def _exif(self, segment: Segment) -> Iterator[Segment | bytes]:
        payload = segment.payload(self._source.data)
        reduced = exif_reduced.reduce_exif(payload, self._policy.metadata, self._needs)
        if reduced is not None:
            yield segment if reduced == payload else write_segment(APP1, reduced)

    def _resources(self) -> list[Segment | bytes]:
        """Return what becomes of Photoshop's segments: together they are one list."""
        if self._policy.metadata is not Metadata.SAFE:
            return []
        segments = self._of(Role.RESOURCES)
        payloads = [segment.payload(self._source.data) for segment in segments]
        reduced = irb.reduce_resources(payloads)
        if reduced == payloads:
            return list(segments)
        return [write_segment(_APP13, payload) for payload in reduced]


def _has_profile(source: Container) -> bool:
    try:
        return read_profile(source.segments, source.data) is not None
    except ProfileIgnored:
        return False


def can_be_turned(source: Container) -> bool:
    """Tell whether nothing in a stripped file speaks of its pixels' places.

    Gain maps, depth maps and other pictures would lie across once the first one is turned.
    """
    alone = {Role.MARKER, Role.CODING, Role.PROFILE, Role.EXIF}
    return not source.trailer and alone.issuperset(role for _, role in roles(source))
