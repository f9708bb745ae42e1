"""Compare pictures in a killable worker: whoever judges a file has not made it."""

from collections.abc import Callable
from typing import Self

from jpegslim.engine.codecs import megapixels_any
from jpegslim.engine.comparing import Picture, compare, read
from jpegslim.engine.metric import Comparison
from jpegslim.errors import FileError, WorkerError
from jpegslim.files.pool import Admission, memory_budget
from jpegslim.files.worker import Worker
from jpegslim.settings import Settings

ENTRY = "jpegslim.files.judging:judge"

# What a run allows for a picture, which it decodes, codes and measures several times.
TIMEOUT_SECONDS = 900.0

# How a file is called in errors, and its bytes.
Named = tuple[str, bytes]


class Judge:
    """A worker that compares one pair after the other, started with the first of them."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._worker = Worker(ENTRY)
        self._admission = Admission(memory_budget())

    def compare(self, original: Named, copy: Named) -> Comparison:
        """Score a copy. Raises FileError, with the name where it is about one of the two."""
        try:
            result = self._worker.call(
                (original, copy), timeout=TIMEOUT_SECONDS, admit=self._admission.admit
            )
        except WorkerError as error:
            # Which of the two it was, the worker did not live to tell.
            raise FileError(f"{original[0]}, {copy[0]}: {error}", reason=error.reason) from error
        if not isinstance(result, Comparison):
            raise TypeError(f"the worker answered with {type(result).__name__}")
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.close()


def judge(pair: tuple[Named, Named], admit: Callable[[float], None]) -> Comparison:
    """Decode and compare two pictures, in the worker."""
    return compare(*opened(pair, admit))


def opened(pair: tuple[Named, Named], admit: Callable[[float], None]) -> tuple[Picture, Picture]:
    """Decode two pictures, once there is memory for the larger. Raises FileError with its name."""
    admit(max(_megapixels(*each) for each in pair))
    original, copy = pair
    return _read(*original), _read(*copy)


def _megapixels(name: str, data: bytes) -> float:
    try:
        megapixels = megapixels_any(data)
    except FileError as error:
        raise _named(name, error) from error
    limit = Settings().max_megapixels
    if megapixels > limit:
        raise FileError(
            f"{name}: {megapixels:.0f} megapixels, over the limit of {limit:g}", reason="too_big"
        )
    return megapixels


def _read(name: str, data: bytes) -> Picture:
    try:
        return read(data)
    except FileError as error:
        raise _named(name, error) from error


def _named(name: str, error: FileError) -> FileError:
    return FileError(f"{name}: {error}", reason=error.reason)
