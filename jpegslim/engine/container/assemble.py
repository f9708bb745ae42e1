"""Put newly coded picture data into the place of the old, and carry everything else across."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from jpegslim.engine.container import behind, losses, mpf
from jpegslim.engine.container.afcp import refuse_afcp
from jpegslim.engine.container.exif import refuse_pointers_beyond
from jpegslim.engine.container.marker import Marker, encode_marker, marker_segments, tables_digest
from jpegslim.engine.container.policy import KEEP_ALL, Policy
from jpegslim.engine.container.roles import Role, roles
from jpegslim.engine.container.segments import ColorSpace, Container, adobe_transform, parse
from jpegslim.engine.container.upright import FIRST_SIDEWAYS, orientation_of
from jpegslim.engine.container.walk import SOS, Segment
from jpegslim.errors import UnsupportedJpeg

_START = b"\xff\xd8"
_ADOBE_YCBCR = 1
_YCBCR_IDS = (1, 2, 3)


def admit(source: Container) -> None:
    """Raise UnsupportedJpeg where the file points at its own bytes in a way a rewrite would break.

    assemble does the same; calling it first saves coding a picture for nothing.
    """
    mpf.refuse_inconsistent(source)
    refuse_pointers_beyond(source)
    refuse_afcp(source)


def assemble(source: Container, coded: bytes, *, marker: Marker | None, recoded: bool) -> bytes:
    """Return the source with the first image's coded data replaced by that of `coded`.

    Every APPn and COM segment of the source goes first, in order and byte for byte, except for
    an older jpegslim marker and, where recoded, an Adobe APP14 that is not true of the new
    coding; then the new marker, the coded data of `coded` without its own metadata, and the
    source's trailer byte for byte. A multi-picture index is made true again.

    recoded: `coded` is newly coded YCbCr or grey; False: its coefficients are the source's own.
    marker: its `tables` are filled in for the result. Raises UnsupportedJpeg where something
    would be lost or change its meaning, BrokenJpeg where `coded` is malformed.
    """
    admit(source)
    fresh = parse(coded)
    _refuse_other_picture(source, fresh, recoded=recoded)
    head = [_Piece(_START)]
    dropped = set(marker_segments(source))
    for segment in source.segments:
        if not segment.is_metadata or segment in dropped:
            continue
        if recoded and _is_untrue(segment, source, fresh):
            continue
        index = mpf.read_index(segment, source.data) if mpf.is_mpf(segment, source.data) else None
        head.append(_Piece(source.data[segment.start : segment.end], index))
    if marker is not None:
        head.append(_Piece(encode_marker(replace(marker, tables=tables_digest(fresh)))))
    body = _coded_data(fresh)
    image_end = sum(len(piece.data) for piece in head) + sum(len(part) for part in body)
    return b"".join((*_placed(head, source, image_end), *body, source.trailer))


def rebuild(source: Container, pieces: Iterable[Segment | bytes], *, trailer: bool) -> bytes:
    """Return the source with other metadata, its coded data byte for byte.

    pieces: the metadata segments in order, as they are or as new bytes. trailer: whether what is
    behind the image stays. A multi-picture index among them is made true again.
    """
    admit(source)
    head = [_Piece(_START)]
    for piece in pieces:
        if isinstance(piece, bytes):
            head.append(_Piece(piece))
            continue
        index = mpf.read_index(piece, source.data) if mpf.is_mpf(piece, source.data) else None
        head.append(_Piece(source.data[piece.start : piece.end], index))
    body = _coded_data(source)
    image_end = sum(len(piece.data) for piece in head) + sum(len(part) for part in body)
    behind = source.trailer if trailer else b""
    return b"".join((*_placed(head, source, image_end), *body, behind))


def carried(
    source: Container,
    delivered: Container,
    *,
    recoded: bool = True,
    policy: Policy = KEEP_ALL,
    turned: bool = False,
) -> None:
    """Raise UnsupportedJpeg where a delivered file lacks or changes what it must carry.

    What may differ: the coded data, jpegslim's own marker, the multi-picture index where the
    layout did, what the policy lets go, and, where recoded, an Adobe APP14 that is not true of
    newly coded YCbCr. Looks at the two files alone, not at how the second one was made.

    turned: the pixels are turned the way the source's orientation says.
    """
    old, new = source.frame, delivered.frame
    sideways = turned and orientation_of(source.data) >= FIRST_SIDEWAYS
    if (old.width, old.height) != (
        (new.height, new.width) if sideways else (new.width, new.height)
    ):
        raise losses.not_carried("the picture's size")
    spaces = (source.color_space, delivered.color_space)
    if spaces[0] is not spaces[1] and not (
        recoded and spaces == (ColorSpace.RGB, ColorSpace.YCBCR)
    ):
        raise losses.not_carried("the colour space")
    if len(marker_segments(delivered)) > 1:
        raise losses.not_carried("a single marker")
    losses.check(source, delivered, policy, turned=turned)
    _check_segments(source, delivered, policy, recoded=recoded)
    gone = not delivered.trailer and behind.goes(source, policy.metadata)
    if not gone and source.data[source.image_end :] != delivered.data[delivered.image_end :]:
        raise losses.not_carried("what follows the picture")


def _check_segments(
    source: Container, delivered: Container, policy: Policy, *, recoded: bool
) -> None:
    """Raise UnsupportedJpeg where a segment is missing or changed that has no business to be."""
    droppable = recoded and delivered.color_space is ColorSpace.YCBCR
    reducible = losses.reducible(policy)
    waiting = [segment for segment, role in _metadata(delivered) if role not in reducible][::-1]
    for segment, role in _metadata(source):
        if role in reducible:
            continue
        following = waiting[-1] if waiting else None
        if following is not None and (
            _same(segment, following, source, delivered)
            or losses.is_cut(
                segment.payload(source.data), following.payload(delivered.data), role, policy
            )
        ):
            waiting.pop()
        elif not (
            losses.may_be_missing(segment, role, source, policy)
            or (droppable and adobe_transform(segment, source.data) not in (None, _ADOBE_YCBCR))
        ):
            raise losses.not_carried("a metadata segment")
    if waiting:
        raise losses.not_carried("the list of metadata segments")


def _metadata(container: Container) -> list[tuple[Segment, Role]]:
    return [(part, role) for part, role in roles(container) if role is not Role.MARKER]


def _same(old: Segment, new: Segment, source: Container, delivered: Container) -> bool:
    """Return whether two segments are equal, an MPF segment by what it points at."""
    if old.marker != new.marker or old.payload_size != new.payload_size:
        return False
    if mpf.is_mpf(old, source.data) and mpf.is_mpf(new, delivered.data):
        return mpf.same_images(old, new, source=source, delivered=delivered)
    return old.payload(source.data) == new.payload(delivered.data)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Bytes in front of the coded data; index: where they are an MPF segment."""

    data: bytes
    index: mpf.Index | None = None


def _placed(head: list[_Piece], source: Container, image_end: int) -> list[bytes]:
    """Return the pieces with MPF offsets rewritten for the places they come to stand at."""
    placed = []
    at = 0
    for piece in head:
        if piece.index is None:
            placed.append(piece.data)
        else:
            base = at + piece.index.base - piece.index.segment.start
            placed.append(mpf.rewrite(piece.index, source, base=base, image_end=image_end))
        at += len(piece.data)
    return placed


def _coded_data(fresh: Container) -> list[memoryview]:
    """Return everything of a JPEG's first image but SOI and metadata, EOI included."""
    view = memoryview(fresh.data)
    starts = [segment.start for segment in fresh.segments]
    behind = [*starts[1:], fresh.image_end - len(_START)]
    parts = [
        view[segment.start : following if segment.marker == SOS else segment.end]
        for segment, following in zip(fresh.segments, behind, strict=True)
        if not segment.is_metadata
    ]
    return [*parts, view[fresh.image_end - len(_START) : fresh.image_end]]


def _is_untrue(segment: Segment, source: Container, fresh: Container) -> bool:
    """Return whether it is an Adobe APP14 that describes another coding than the new one."""
    transform = adobe_transform(segment, source.data)
    if transform is None:
        return False
    # Decoders of one component don't look at the transform.
    return fresh.color_space is not ColorSpace.GRAY and transform != _ADOBE_YCBCR


def _refuse_other_picture(source: Container, fresh: Container, *, recoded: bool) -> None:
    old, new = source.frame, fresh.frame
    if (old.width, old.height) != (new.width, new.height):
        raise UnsupportedJpeg("the coder changed the picture's size", reason="size_changed")
    if len(old.components) != len(new.components):
        # The colour profile speaks of the source's components.
        raise UnsupportedJpeg(
            "the coder changed the number of components", reason="component_count"
        )
    if recoded:
        ids = tuple(component.id for component in new.components)
        # Without JFIF and Adobe segments, decoders tell YCbCr from RGB by the component ids.
        if len(ids) > 1 and (ids != _YCBCR_IDS or fresh.color_space is not ColorSpace.YCBCR):
            raise UnsupportedJpeg("the coder did not write YCbCr", reason="component_ids")
        return
    layouts = [
        [(part.id, part.horizontal, part.vertical) for part in frame.components]
        for frame in (old, new)
    ]
    if layouts[0] != layouts[1]:
        raise UnsupportedJpeg(
            "the lossless optimizer changed the picture's components", reason="component_ids"
        )
    if source.component_tables != fresh.component_tables:
        raise UnsupportedJpeg(
            "the lossless optimizer changed the quantization tables", reason="tables_changed"
        )
