"""Hold what is missing of a delivered file's metadata against what a policy lets go."""

from collections import Counter
from collections.abc import Sequence

from jpegslim.engine.container import apple, behind, exif_reduced, irb, xmp
from jpegslim.engine.container.extended import Packets
from jpegslim.engine.container.policy import Policy, comment_stays
from jpegslim.engine.container.roles import Role, roles
from jpegslim.engine.container.segments import Container
from jpegslim.engine.container.upright import UPRIGHT, orientation_of
from jpegslim.engine.container.walk import Segment
from jpegslim.errors import UnsupportedJpeg
from jpegslim.settings import Metadata

_REDUCIBLE = frozenset({Role.EXIF, Role.XMP, Role.EXTENDED_XMP, Role.RESOURCES})
# How JFIF's and Adobe's segments begin where something behind is cut off.
_CUT_TO = (14, 12)
_UNCUT = 12


def not_carried(what: str) -> UnsupportedJpeg:
    """Return the error that says what a delivered file lacks."""
    return UnsupportedJpeg(f"the new file would not keep {what}", reason="not_carried")


def reducible(policy: Policy) -> frozenset[Role]:
    """Return the kinds of segments that are held to their contents, not to their bytes."""
    return _REDUCIBLE if policy.drops else frozenset()


def may_be_missing(segment: Segment, role: Role, source: Container, policy: Policy) -> bool:
    """Tell whether a policy lets a whole segment go."""
    if role is Role.CREDENTIALS:
        return policy.break_signatures
    if not policy.drops:
        return False
    if role is Role.COMMENT:
        return not comment_stays(segment.payload(source.data), policy.metadata)
    if role is Role.PICTURES:
        gone = not source.trailer or behind.goes(source, policy.metadata)
        return gone and behind.lists_thumbnails_only(segment, source.data)
    return role is Role.OTHER


def is_cut(old: bytes, new: bytes, role: Role, policy: Policy) -> bool:
    """Tell whether a segment that describes the coding lacks its thumbnail, and nothing else."""
    return (
        policy.drops
        and role is Role.CODING
        and len(new) in _CUT_TO
        and len(new) < max(len(old), _CUT_TO[0] + 1)
        and old[:_UNCUT] == new[:_UNCUT]
        and not any(new[_UNCUT:])
    )


def check(source: Container, delivered: Container, policy: Policy, *, turned: bool) -> None:
    """Raise UnsupportedJpeg where fields are missing or changed that the policy keeps."""
    shown = UPRIGHT if turned else orientation_of(source.data)
    if orientation_of(delivered.data) != shown:
        raise not_carried("the orientation")
    if policy.drops:
        _check_exif(_payloads(source, Role.EXIF), _payloads(delivered, Role.EXIF), policy.metadata)
        _check_xmp(_properties(source), _properties(delivered), policy.metadata)
        _check_resources(
            _payloads(source, Role.RESOURCES),
            _payloads(delivered, Role.RESOURCES),
            policy.metadata,
        )


def _payloads(container: Container, wanted: Role) -> list[bytes]:
    return [part.payload(container.data) for part, role in roles(container) if role is wanted]


def _check_exif(old: Sequence[bytes], new: Sequence[bytes], metadata: Metadata) -> None:
    # Readers take the first; of others nobody knows who reads them.
    before = exif_reduced.fields(old[0]) if old else {}
    after = exif_reduced.fields(new[0]) if new else {}
    if len(new) > 1:
        raise not_carried("a single block of EXIF")
    for path, value in after.items():
        if value == before.get(path):
            continue
        note = before.get(path)
        if (
            path[-1] != exif_reduced.MAKER_NOTE
            or note is None
            or value[1] != apple.reduce_note(note[1])
        ):
            raise not_carried("the EXIF fields as they were")
    for path in before.keys() - after.keys():
        if not exif_reduced.may_be_missing(path, metadata):
            raise not_carried("an EXIF field")


def _properties(container: Container) -> xmp.Values:
    listed = roles(container)
    packets = Packets(
        [part for part, role in listed if role is Role.XMP],
        [part for part, role in listed if role is Role.EXTENDED_XMP],
        container.data,
    )
    values: xmp.Values = Counter()
    for packet in packets.packets():
        values += xmp.properties(packet) or Counter()
    return values


def _check_xmp(old: xmp.Values, new: xmp.Values, metadata: Metadata) -> None:
    if any(not xmp.is_extension(path) for path, _ in new - old):
        raise not_carried("the XMP properties as they were")
    if not all(xmp.may_be_missing(path, metadata) for path, _ in old - new):
        raise not_carried("an XMP property")


def _check_resources(old: Sequence[bytes], new: Sequence[bytes], metadata: Metadata) -> None:
    before = Counter(irb.resources(old) or [])
    after = Counter(irb.resources(new) or [])
    if any(not irb.may_be_missing(each) for each in after - before):
        raise not_carried("Photoshop's resources as they were")
    if metadata is Metadata.SAFE and not all(irb.may_be_missing(each) for each in before - after):
        raise not_carried("one of Photoshop's resources")
