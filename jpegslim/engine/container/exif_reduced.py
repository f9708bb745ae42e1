"""EXIF with less in it: what a policy keeps is written anew, whatever else stood there is gone.

Only fields that are named here are carried, so that nothing comes along that was not understood:
makers' private tags, bytes that no field points at, values that run into each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jpegslim.engine.container import apple
from jpegslim.engine.container.ifd import Directory, Value, write_block
from jpegslim.engine.container.tiff import Field, Tiff, read_tiff
from jpegslim.settings import Metadata

HEADER = b"Exif\0"
_HEADER_SIZE = 6

ORIENTATION, _MAKE = 0x0112, 0x010F
_EXIF, _INTEROP, _GPS = 0x8769, 0xA005, 0x8825
_COLOR_SPACE, _INTEROP_INDEX, MAKER_NOTE = 0xA001, 0x0001, 0x927C
# EXIF 2.32 4.6.5: no sRGB; with this index the picture is in Adobe RGB (DCF 2.0 3.2.2).
_UNCALIBRATED, _ADOBE_RGB = b"\xff\xff", b"R03\0"
_UPRIGHT = 1
_UNDEFINED = 7
_THUMBNAIL_AT, _THUMBNAIL_SIZE = 0x0201, 0x0202
_COUNT_SIZE, _FIELD_SIZE = 2, 12
# Interoperability stands below EXIF, which stands below the first directory.
_DEEPEST = 2

# TIFF's own tags, without those that point at pictures (strips, tiles, SubIFDs, JPEG streams) or
# hold packets of another kind (XMP 0x02BC); ratings, Windows' title to subject, copyright.
_IMAGE_POINTERS = frozenset(
    {0x0111, 0x0117, 0x0120, 0x0121, 0x0144, 0x0145, 0x014A, 0x015B}
    | set(range(0x0200, 0x020A))
    | {0x02BC}
)
# EXIF 3.0 table 8, without the maker note and the maker's own device settings (0xA40B).
_PHOTO = frozenset(
    {0x829A, 0x829D, 0x8822, 0x8824, 0x8827, 0x8828, 0x882A, *range(0x8830, 0x8836)}
    | {0x9000, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9101, 0x9102}
    | {*range(0x9201, 0x920B), 0x9214, 0x9286, 0x9290, 0x9291, 0x9292, *range(0x9400, 0x9406)}
    | {0xA000, 0xA001, 0xA002, 0xA003, 0xA004, 0xA20B, 0xA20C, 0xA20E, 0xA20F, 0xA210}
    | {0xA214, 0xA215, 0xA217, 0xA300, 0xA301, 0xA302, *range(0xA401, 0xA40B), 0xA40C, 0xA420}
    | {*range(0xA430, 0xA43D), 0xA460, 0xA461, 0xA462, 0xA500}
)
# Some programs write the camera's fields into the first directory.
_FIRST = (
    (frozenset(range(0x00FE, 0x0300)) - _IMAGE_POINTERS)
    | frozenset({0x000B, 0x4746, 0x4749, 0x8298, *range(0x9C9B, 0x9CA0)})
    | _PHOTO
)
_INTEROPERABILITY = frozenset({0x0001, 0x0002, 0x1000, 0x1001, 0x1002})


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a reduced EXIF block must still serve.

    has_profile: a whole ICC profile says the colours. baked: the pixels are turned, the tag goes.
    apple_gain_map: two fields of the maker note say how bright the gain map makes the picture.
    """

    has_profile: bool = False
    baked: bool = False
    apple_gain_map: bool = False


def is_exif(payload: bytes) -> bool:
    """Return whether an APP1 payload is EXIF."""
    return payload.startswith(HEADER)


def orientation(payload: bytes) -> int:
    """Return the orientation an EXIF payload names, 1 (upright) where it names none."""
    read = read_tiff(payload[_HEADER_SIZE:])
    if read is None:
        return _UPRIGHT
    tiff, first = read
    return _orientation(tiff, tiff.directory(first)[0])


def reduce_exif(payload: bytes, metadata: Metadata, needs: Needs) -> bytes | None:
    """Return an EXIF payload with what the policy keeps, None where nothing is left.

    The payload itself where the policy finds nothing to drop. Never larger, never raises, and
    reducing twice is reducing once.
    """
    read = read_tiff(payload[_HEADER_SIZE:])
    if read is None:
        return None
    tiff, first = read
    found = _read(tiff, first)
    needed = _needed(found, needs)
    chosen = _safe(found, needs) if metadata is Metadata.SAFE else needed
    for directory in filter(None, (chosen, needed)):
        written = payload[:_HEADER_SIZE] + write_block(tiff.order, directory)
        if found.complete and directory == found.all and len(written) >= len(payload):
            return payload
        # Values that share their bytes need more room apart: what display needs never does.
        if len(written) <= len(payload):
            return written
    return None


def may_be_missing(tag_path: tuple[int, ...], metadata: Metadata) -> bool:
    """Tell whether a policy lets a field go; tag_path: the tags of the directories, then its own.

    The second directory, with the thumbnail, is -1. What viewers show the picture by is held
    elsewhere to what they read.
    """
    if metadata is Metadata.KEEP:
        return False
    if metadata is Metadata.STRIP:
        return True
    *above, tag = tag_path
    kept = {(): _FIRST, (_EXIF,): _PHOTO, (_EXIF, _INTEROP): _INTEROPERABILITY}
    return tag not in kept.get(tuple(above), frozenset())


def fields(payload: bytes) -> dict[tuple[int, ...], tuple[int, bytes]]:
    """Return type and values of every field that can be read, by its path of tags.

    Pointers to directories are left out; the second directory's path begins with -1.
    """
    read = read_tiff(payload[_HEADER_SIZE:])
    if read is None:
        return {}
    tiff, first = read
    found: dict[tuple[int, ...], tuple[int, bytes]] = {}
    _, following = tiff.directory(first)
    waiting = [((), first), ((-1,), following)]
    seen = {0}
    while waiting:
        path, at = waiting.pop(0)
        if at in seen:
            continue
        seen.add(at)
        for tag, each in tiff.directory(at)[0].items():
            is_pointer = tag in (_EXIF, _INTEROP, _GPS) and len(path) < _DEEPEST
            if is_pointer and tiff.numbers(each):
                waiting.append(((*path, tag), tiff.numbers(each)[0]))
            elif (extent := tiff.extent(each)) is not None:
                found[*path, tag] = (each.kind, tiff.block[slice(*extent)])
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    """What can be kept of a block.

    all: every field that is named above. orientation: 1 where none is named. maker_note: None
    without one. complete: nothing else stands in its directories.
    """

    all: Directory
    orientation: int
    maker_note: Value | None
    complete: bool


def _read(tiff: Tiff, first: int) -> _Found:
    top, following = tiff.directory(first)
    # A pointer back to a directory above names none: its fields would come twice.
    photo_at = _pointer(tiff, top, _EXIF)
    photo, _ = tiff.directory(photo_at) if photo_at != first else ({}, 0)
    interop_at = _pointer(tiff, photo, _INTEROP)
    interop, _ = tiff.directory(interop_at) if interop_at not in (first, photo_at) else ({}, 0)
    dropped = [
        *_stretches(tiff, _pointer(tiff, top, _GPS)),
        *_stretches(tiff, following),
        *_values(tiff, {tag: each for tag, each in top.items() if tag not in _FIRST}),
        *_values(tiff, {tag: each for tag, each in photo.items() if tag not in _PHOTO}),
    ]
    kept = [
        _kept(tiff, found, tags, dropped)
        for found, tags in ((top, _FIRST), (photo, _PHOTO), (interop, _INTEROPERABILITY))
    ]
    turn = _orientation(tiff, top)
    if turn != _UPRIGHT:
        # A number from 2 to 8 holds no secret, whatever a broken directory runs into.
        start, end = tiff.extent(top[ORIENTATION]) or (0, 0)
        kept[0][ORIENTATION] = Value(top[ORIENTATION].kind, tiff.block[start:end])
    note = photo.get(MAKER_NOTE)
    standing = len(top) + len(photo) + len(interop) - (_EXIF in top) - (_INTEROP in photo)
    return _Found(
        all=_tree(*kept),
        orientation=turn,
        maker_note=None if note is None else _value(tiff, note),
        complete=not following and standing == sum(map(len, kept)),
    )


def _value(tiff: Tiff, found: Field) -> Value | None:
    extent = tiff.extent(found)
    return None if extent is None else Value(found.kind, tiff.block[slice(*extent)])


def _orientation(tiff: Tiff, directory: Mapping[int, Field]) -> int:
    named = tiff.numbers(directory.get(ORIENTATION))
    return named[0] if len(named) == 1 and 1 <= named[0] <= 8 else _UPRIGHT  # noqa: PLR2004


def _tree(
    first: Mapping[int, Value], photo: Mapping[int, Value], interop: Mapping[int, Value]
) -> Directory:
    below = {_EXIF: Directory(photo, {_INTEROP: Directory(interop)})}
    return Directory(first, below)


def _kept(
    tiff: Tiff,
    found: Mapping[int, Field],
    tags: frozenset[int],
    dropped: Sequence[tuple[int, int]],
) -> dict[int, Value]:
    """Return the named fields whose values can be read and hold nothing that is dropped."""
    kept = {}
    for tag in tags.intersection(found):
        extent = tiff.extent(found[tag])
        if extent is None or not found[tag].count:
            continue
        start, end = extent
        if not any(start < behind and begin < end for begin, behind in dropped):
            kept[tag] = Value(found[tag].kind, tiff.block[start:end])
    return kept


def _safe(found: _Found, needs: Needs) -> Directory:
    photo = found.all.below[_EXIF]
    note = _maker_note(found, needs)
    values = photo.values if note is None else {**photo.values, MAKER_NOTE: note}
    return _tree(found.all.values, values, photo.below[_INTEROP].values)


def _needed(found: _Found, needs: Needs) -> Directory:
    """Return what a viewer needs to show the picture as it is meant."""
    first: dict[int, Value] = {}
    photo: dict[int, Value] = {}
    interop: dict[int, Value] = {}
    turned = found.all.values.get(ORIENTATION)
    if turned is not None and found.orientation != _UPRIGHT and not needs.baked:
        first[ORIENTATION] = turned
    whole = found.all.below[_EXIF]
    index = whole.below[_INTEROP].values.get(_INTEROP_INDEX)
    space = whole.values.get(_COLOR_SPACE)
    if (
        not needs.has_profile
        and index is not None
        and index.data == _ADOBE_RGB
        and space is not None
        and space.data == _UNCALIBRATED
    ):
        photo[_COLOR_SPACE], interop[_INTEROP_INDEX] = space, index
    note = _maker_note(found, needs)
    make = found.all.values.get(_MAKE)
    if note is not None and make is not None:
        # Without the maker's name nobody reads the maker's note.
        first[_MAKE], photo[MAKER_NOTE] = make, note
    return _tree(first, photo, interop)


def _maker_note(found: _Found, needs: Needs) -> Value | None:
    """Return the part of Apple's maker note that says how to show the gain map."""
    if not needs.apple_gain_map or found.maker_note is None:
        return None
    reduced = apple.reduce_note(found.maker_note.data)
    return None if reduced is None else Value(_UNDEFINED, reduced)


def _pointer(tiff: Tiff, directory: Mapping[int, Field], tag: int) -> int:
    """Return the offset a tag names, -1 for none: no directory can be read there."""
    named = tiff.numbers(directory.get(tag))
    return named[0] if len(named) == 1 else -1


def _stretches(tiff: Tiff, at: int) -> Iterator[tuple[int, int]]:
    """Yield where a directory and its values stand."""
    found, _ = tiff.directory(at) if at > 0 else ({}, 0)
    if found:
        yield at, at + _COUNT_SIZE + _FIELD_SIZE * len(found)
    yield from _values(tiff, found)


def _values(tiff: Tiff, found: Mapping[int, Field]) -> Iterator[tuple[int, int]]:
    for each in found.values():
        extent = tiff.extent(each)
        if extent is not None:
            yield extent
    # The thumbnail, which two fields of the second directory tell of.
    start, size = (tiff.numbers(found.get(tag)) for tag in (_THUMBNAIL_AT, _THUMBNAIL_SIZE))
    if len(start) == len(size) == 1:
        yield start[0], start[0] + size[0]
