"""What the ledger is told and what it answers: plain records."""

from dataclasses import dataclass

from jpegslim.results import Status
from jpegslim.version import VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why nothing is to be done with a file; what a FileResult says of it."""

    status: Status
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A result of ours. target: None for lossless; score: None where the coding is lossless.

    source: digest of what it was made from.
    """

    target: float | None
    score: float | None
    source: str
    version: str = VERSION


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
