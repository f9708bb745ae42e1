"""What every harness holds the code under test to."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from jpegslim.errors import FileError

# An input below this size must be through in a second of processor time, however it was made.
SMALL = 65_536
_SECONDS = 1.0


class LawBroken(AssertionError):  # noqa: N818 - read as what it says
    """The code under test returned something that it promises never to return."""


def require(holds: bool, law: str) -> None:  # noqa: FBT001 - reads as an assertion
    """Raise LawBroken, naming the law, unless it holds."""
    if not holds:
        raise LawBroken(law)


@contextmanager
def in_time(data: bytes) -> Iterator[None]:
    """Raise LawBroken where what is done with a small input takes more than a second."""
    began = time.thread_time()
    yield
    seconds = time.thread_time() - began
    require(
        len(data) > SMALL or seconds <= _SECONDS,
        f"{len(data)} bytes took {seconds:.1f} s of processor time",
    )


def require_refusal(error: FileError) -> None:
    """Hold a refusal to its form: one line that a terminal can show, and a stable code."""
    require(str(error).isprintable() and bool(str(error)), f"not one plain line: {str(error)!r}")
    require(error.reason.isidentifier(), f"not a code: {error.reason!r}")
