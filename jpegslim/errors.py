"""The errors a caller can meet, and the exit codes they become.

JpegslimError
├── FileError          this file only; a batch goes on
│   ├── NotAJpeg           the bytes are something else (skipped)
│   ├── UnsupportedJpeg    a JPEG that is carried on unchanged (kept)
│   ├── BrokenJpeg         the bytes don't decode without a warning (failed)
│   ├── PublishError       the result could not take its place (failed)
│   └── WorkerError        the process at work on it died, hung or ran out of memory (failed)
├── RunError           nothing further can succeed: disk full, output not writable
└── UsageError         the call makes no sense
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    STOPPED = 3
    INTERRUPTED = 130


class JpegslimError(Exception):
    """Root of everything jpegslim raises on purpose; its message is one line for the user."""


class FileError(JpegslimError):
    """One file can't be worked on; `reason` is the stable code that reports carry."""

    reason = "failed"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        if reason is not None:
            self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way from a worker process with the reason intact."""
        return _rebuild, (type(self), str(self), self.reason)


class NotAJpeg(FileError):  # noqa: N818 - read as what it says of the file
    """The bytes are not a JPEG."""

    reason = "not_a_jpeg"


class UnsupportedJpeg(FileError):  # noqa: N818
    """A JPEG whose coding or layout jpegslim does not rewrite; it is kept as it is."""

    reason = "unsupported"


class BrokenJpeg(FileError):  # noqa: N818
    """The JPEG is damaged: truncated, malformed, or decoded only with a warning."""

    reason = "broken"


class PublishError(FileError):
    """A finished result could not be put in its place; the source is untouched."""

    reason = "not_published"


class WorkerError(FileError):
    """The process that worked on the file died, hung, or ran out of memory."""

    reason = "worker_died"


class RunError(JpegslimError):
    """Nothing further in this run can succeed."""


class UsageError(JpegslimError):
    """The call itself makes no sense."""


def _rebuild(kind: type[FileError], message: str, reason: str) -> FileError:
    return kind(message, reason=reason)
