"""Inspect files in a killable worker: what they are, and what a run would do with them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from jpegslim.engine.inspecting import Inspection, inspect
from jpegslim.engine.optimizer import optimize
from jpegslim.errors import FileError
from jpegslim.files import store
from jpegslim.files.pool import Admission, memory_budget
from jpegslim.files.worker import Worker
from jpegslim.results import Optimized, Status
from jpegslim.settings import Settings

ENTRY = "jpegslim.files.inspection:answer"

_LARGEST_FILE = 2 << 30
# What a run allows for a picture.
_TIMEOUT_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """One file: what it is, and what a run would make of it.

    inspection: None where the file can't be read at all or is no JPEG. outcome: of a run, without
    the bytes it would deliver; None where it would fail. error: why there is no inspection or no
    outcome.
    """

    path: Path
    inspection: Inspection | None = None
    outcome: Optimized | None = None
    error: FileError | None = None

    @property
    def problem(self) -> str | None:
        """What is wrong with the file, in the words of whoever noticed first; None for nothing."""
        if self.inspection is not None and self.inspection.problem is not None:
            return self.inspection.problem
        return None if self.error is None else str(self.error)

    @property
    def is_sound(self) -> bool:
        """Whether it is a JPEG and whole, as far as can be told."""
        if self.inspection is None or self.outcome is None:
            return False
        # What a run keeps, it could read: the problem is one of kind.
        return self.inspection.problem is None or self.outcome.status is Status.KEPT


class Inspector:
    """A worker that looks at one file after the other, started with the first of them."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings of the run that is asked about; start nothing yet."""
        self._settings = settings
        self._worker = Worker(ENTRY)
        self._admission = Admission(memory_budget())

    def inspect(self, path: Path) -> Inspected:
        """Look at one file; what is wrong with it is told in the result."""
        try:
            data, _ = store.read(path, limit=_LARGEST_FILE)
            inspection = self._call(data, None)
        except FileError as error:
            return Inspected(path=path, error=error)
        if not isinstance(inspection, Inspection):
            raise TypeError(f"the worker answered with {type(inspection).__name__}")
        try:
            outcome = self._call(data, self._settings)
        except FileError as error:
            return Inspected(path=path, inspection=inspection, error=error)
        if not isinstance(outcome, Optimized):
            raise TypeError(f"the worker answered with {type(outcome).__name__}")
        return Inspected(path=path, inspection=inspection, outcome=outcome)

    def _call(self, data: bytes, settings: Settings | None) -> object:
        return self._worker.call(
            (data, settings), timeout=_TIMEOUT_SECONDS, admit=self._admission.admit
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.close()


def answer(
    question: tuple[bytes, Settings | None], admit: Callable[[float], None]
) -> Inspection | Optimized:
    """Inspect a file, or with settings say what a run would make of it, in the worker.

    Two questions, because a decoder that crashes must not take the inspection with it.
    """
    data, settings = question
    if settings is None:
        # Nothing is decoded: no memory but for the file's own records.
        admit(0.0)
        return inspect(data)
    return replace(optimize(data, settings, admit=admit), data=b"")
