"""What the ledger is told and what it answers: plain records."""

from collections.abc import Mapping
from dataclasses import dataclass

from jpegslim.results import METADATA_LEFT, Status
from jpegslim.settings import Metadata, Settings
from jpegslim.version import VERSION

_BAKED = "+baked"


def metadata_key(settings: Settings) -> str:
    """Return how results of these settings differ from others of the same target."""
    return f"{settings.metadata}{_BAKED}" if settings.bake_orientation else str(settings.metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why nothing is to be done with a file; what a FileResult says of it."""

    status: Status
    reason: str
    message: str

    @property
    def metadata_left(self) -> bool:
        """Whether metadata was to go and did not."""
        return METADATA_LEFT in self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A result of ours. target: None for lossless; score: None where the coding is lossless.

    source: digest of what it was made from. metadata: by which policy, as `metadata_key` names it.
    """

    target: float | None
    score: float | None
    source: str
    version: str = VERSION
    metadata: str = Metadata.KEEP

    @property
    def policy(self) -> Metadata:
        """What became of the metadata."""
        return Metadata(self.metadata.removesuffix(_BAKED))


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What the ledger knows of one file, for a worker on a machine that has no ledger.

    outputs, verdicts: by digest. The verdicts are those for the settings of the run.
    """

    outputs: Mapping[str, Output]
    verdicts: Mapping[str, Verdict]

    def output(self, digest: str) -> Output | None:
        """Return how a result of ours was made, None where it is none."""
        return self.outputs.get(digest)

    def verdict(self, digest: str, _: Settings) -> Verdict | None:
        """Return the verdict on bytes, None where there is something to do."""
        return self.verdicts.get(digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A file about to get its name. source, result: digests before and after."""

    run: str
    path: bytes
    temporary: bytes
    source: str
    result: str


@dataclass(frozen=True, slots=True)
class Place:
    """A file as it can be seen without reading it. path: absolute."""

    path: bytes
    size: int
    mtime_ns: int
