"""Find a colour profile in a JPEG: ICC data in numbered APP2 parts (ICC.1 B.4)."""

from collections.abc import Iterable

from jpegslim.engine.container.walk import APP2, EOI, SOS, Segment, walk
from jpegslim.errors import FileError

_NAME = b"ICC_PROFILE\0"
# Behind the name: the part's number, from 1, and the number of parts, a byte each.
_HEADER_SIZE = len(_NAME) + 2


class ProfileIgnored(FileError):  # noqa: N818 - what happens to the profile, not a kind of fault
    """A colour profile that nothing can be shown by; the message says why."""

    reason = "profile_ignored"


def damaged(what: str) -> ProfileIgnored:
    """Return the complaint about a damaged profile."""
    return ProfileIgnored(f"the colour profile is damaged ({what})")


def is_profile(segment: Segment, data: bytes) -> bool:
    """Return whether it is an APP2 segment with a part of a colour profile."""
    return segment.marker == APP2 and data.startswith(_NAME, segment.payload_start)


def read_profile(segments: Iterable[Segment], data: bytes) -> bytes | None:
    """Return the colour profile of a file, its parts put in order; None without one.

    segments: those in front of the first scan count. Raises ProfileIgnored where a part is
    missing, there twice or miscounted: decoders then show the picture without its profile.
    Numbers are bytes, so that 16.7 MB are the most it can return.
    """
    parts: dict[int, Segment] = {}
    promised = 0
    for segment in segments:
        if segment.marker == SOS:
            break
        if not is_profile(segment, data):
            continue
        if segment.payload_size < _HEADER_SIZE:
            raise damaged("one of its parts has no number")
        at = segment.payload_start + len(_NAME)
        number, count = data[at], data[at + 1]
        if parts and count != promised:
            raise damaged("its parts disagree about how many they are")
        if not 1 <= number <= count:
            raise damaged(f"it has a part {number} of {count}")
        if number in parts:
            raise damaged(f"part {number} of {count} is there twice")
        parts[number], promised = segment, count
    if not parts:
        return None
    if len(parts) < promised:
        missing = next(number for number in range(1, promised + 1) if number not in parts)
        raise damaged(f"part {missing} of {promised} is missing")
    ordered = (parts[number] for number in range(1, promised + 1))
    return b"".join(data[part.payload_start + _HEADER_SIZE : part.end] for part in ordered)


def without_profile(data: bytes) -> bytes:
    """Return a JPEG without its colour profile, every other byte as it is.

    Raises what walking the file raises.
    """
    kept, at = [], 0
    for segment in walk(data):
        if segment.marker in (SOS, EOI):
            break
        if is_profile(segment, data):
            kept.append(data[at : segment.start])
            at = segment.end
    return b"".join((*kept, data[at:]))
