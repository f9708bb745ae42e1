"""What stands in an object's own metadata once jpegslim wrote it: `x-amz-meta-jpegslim`.

It is read before the photo is: an event that our own write sent costs one request, and an output
tells which source it was made from, and how.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from jpegslim.files.ledger import covers
from jpegslim.files.remembered import metadata_key
from jpegslim.settings import Metadata, Settings
from jpegslim.version import VERSION

KEY = "jpegslim"
# No note is longer, whatever stands in it.
LONGEST = 300

_DIGITS = 16
_HIGHEST = 100
_NUMBER = r"\d{1,3}(?:\.\d{1,17})?"
_FORMAT = re.compile(
    r"v=(?P<version>[0-9A-Za-z.+!_-]{1,64}) (?P<kind>result|copy|stopgap)"
    r" target=(?P<target>lossless|" + _NUMBER + r") score=(?P<score>-|" + _NUMBER + r")"
    r" metadata=(?P<metadata>[a-z+]{1,20}) size=(?P<size>\d{1,15})"
    r" digest=(?P<digest>[0-9a-f]{16}) source=(?P<source>[0-9a-f]{16})"
    r" from=(?P<origin>[0-9a-f]{16}|-) tag=(?P<tag>[0-9a-f]{16}|-)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """How an object was made.

    copy: its bytes are the source's, as nothing was to be gained; stopgap: as something went wrong
    that may go right another time. target: what was asked for, None
    for lossless; score: None where no lossy coding happened. metadata: by which policy. size: of
    the object, digest: 16 hex digits of its SHA-256; where it has others, somebody took the
    metadata over to other bytes. source: such digits of what it was made from; origin: of that
    object's address, tag: of its ETag; both "-" where it was a file.
    """

    copy: bool
    stopgap: bool = False
    target: float | None
    score: float | None
    metadata: str
    size: int
    digest: str
    source: str
    origin: str
    tag: str
    version: str = VERSION

    def __str__(self) -> str:
        target = "lossless" if self.target is None else repr(self.target).removesuffix(".0")
        score = "-" if self.score is None else f"{self.score:.2f}"
        return (
            f"v={self.version} {self._kind} target={target} score={score}"
            f" metadata={self.metadata} size={self.size} digest={self.digest}"
            f" source={self.source} from={self.origin} tag={self.tag}"
        )

    def is_of(self, size: int, checksum: str | None) -> bool:
        """Tell whether it was written for the bytes it stands beside.

        checksum: what S3 knows of them, None where that is nothing to compare. What jpegslim
        writes has a SHA-256: any other kind was written by somebody else.
        """
        return self.size == size and (checksum is None or _digits(checksum) == self.digest)

    def is_enough(self, settings: Settings) -> bool:
        """Tell whether the object it was written for already is what is asked for."""
        dropped = settings.metadata is Metadata.KEEP or self.metadata.startswith(
            (Metadata.STRIP, settings.metadata)
        )
        return not self.copy and dropped and covers(self.target, settings.target)

    def is_as_asked(self, settings: Settings) -> bool:
        """Tell whether the same settings would make the same of the source again."""
        same = self.target == settings.target and self.metadata == metadata_key(settings)
        # Another version may find a way to make smaller what had to be kept.
        return same and (not self.copy or (not self.stopgap and self.version == VERSION))

    @property
    def _kind(self) -> str:
        if not self.copy:
            return "result"
        return "stopgap" if self.stopgap else "copy"

    @property
    def words(self) -> str:
        """Say how and when it was made."""
        aim = "losslessly" if self.target is None else f"at {self.target:g}"
        score = "" if self.score is None else f", score {self.score:.2f}"
        return f"jpegslim {self.version} optimized it before, {aim}{score}"


def make_note(
    settings: Settings,
    *,
    size: int,
    digest: str,
    source: str,
    origin: str,
    etag: str,
    score: float | None,
    copy: bool,
    stopgap: bool = False,
) -> Note:
    """Return the note for a new object.

    digest, source: SHA-256, of the new object and of what it was made from; origin, etag: of an
    object, "" where it was a file.
    """
    return Note(
        copy=copy,
        stopgap=stopgap,
        target=settings.target,
        # As it reads when it is read again.
        score=None if score is None else round(score, 2),
        metadata=metadata_key(settings),
        size=size,
        digest=digest[:_DIGITS],
        source=source[:_DIGITS],
        origin=shortened(origin),
        tag=shortened(etag),
    )


def shortened(text: str) -> str:
    """Return what a note keeps of an address or an ETag."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS] if text else "-"


def read_note(metadata: dict[str, str]) -> Note | None:
    """Return the note in an object's metadata, None without one that makes sense."""
    # Some services write the names of metadata in capitals of their own.
    notes = [text for name, text in metadata.items() if name.lower() == KEY]
    found = _FORMAT.fullmatch(notes[0]) if notes else None
    if found is None:
        return None
    target = None if found["target"] == "lossless" else float(found["target"])
    score = None if found["score"] == "-" else float(found["score"])
    if any(number is not None and number > _HIGHEST for number in (target, score)):
        return None
    return Note(
        copy=found["kind"] != "result",
        stopgap=found["kind"] == "stopgap",
        target=target,
        score=score,
        metadata=found["metadata"],
        size=int(found["size"]),
        digest=found["digest"],
        source=found["source"],
        origin=found["origin"],
        tag=found["tag"],
        version=found["version"],
    )


def _digits(checksum: str) -> str:
    """Return as much of a checksum in base 64 as a note keeps of a digest."""
    try:
        return base64.b64decode(checksum, validate=True).hex()[:_DIGITS]
    except ValueError:
        return ""
