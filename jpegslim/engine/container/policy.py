"""What is asked of a file's metadata."""

from dataclasses import dataclass

from jpegslim.settings import Metadata, Settings


@dataclass(frozen=True, slots=True)
class Policy:
    """The part of the settings that speaks of metadata."""

    metadata: Metadata
    break_signatures: bool = False

    @property
    def drops(self) -> bool:
        """Whether anything is to go for its own sake, worth a rewrite or not."""
        return self.metadata is not Metadata.KEEP


KEEP_ALL = Policy(Metadata.KEEP)


def policy_of(settings: Settings) -> Policy:
    """Return what the settings ask of metadata."""
    return Policy(settings.metadata, settings.break_signatures)


def comment_stays(payload: bytes, metadata: Metadata) -> bool:
    """Tell whether a comment is kept: text is, what a program left may be anything."""
    if metadata is Metadata.KEEP:
        return True
    if metadata is Metadata.STRIP:
        return False
    try:
        text = payload.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char in "\t\r\n" for char in text)
