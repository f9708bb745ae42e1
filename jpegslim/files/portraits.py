"""Pictures of where two files differ, drawn in a killable worker and written in one step."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jpegslim.engine.comparing import pair_up
from jpegslim.engine.metric import Comparison
from jpegslim.errors import FileError, RunError, UsageError, WorkerError
from jpegslim.files.judging import TIMEOUT_SECONDS, Named, opened
from jpegslim.files.pool import Admission, memory_budget
from jpegslim.files.store import plain_name, plain_words, temporary_for
from jpegslim.files.worker import Worker

ENTRY = "jpegslim.files.portraits:draw"

_PNG = b"\x89PNG\r\n\x1a\n"
# What `pictures.canvas.encode` writes right behind the header.
_OURS = b"tEXtSoftware\0jpegslim"
_WITHIN = 256


@dataclass(frozen=True, slots=True)
class Portraits:
    """A judgement, and the PNGs that were asked for."""

    judgement: Comparison
    heatmap: bytes | None
    side_by_side: bytes | None


@dataclass(frozen=True, slots=True)
class Sitting:
    """An order for pictures of two files."""

    original: Named
    copy: Named
    heatmap: bool
    side_by_side: bool


def portray(sitting: Sitting) -> Portraits:
    """Compare two pictures and draw what is asked for. Raises FileError."""
    admission = Admission(memory_budget())
    with Worker(ENTRY) as worker:
        try:
            result = worker.call(sitting, timeout=TIMEOUT_SECONDS, admit=admission.admit)
        except WorkerError as error:
            names = f"{sitting.original[0]}, {sitting.copy[0]}"
            raise FileError(f"{names}: {error}", reason=error.reason) from error
    if not isinstance(result, Portraits):
        raise TypeError(f"the worker answered with {type(result).__name__}")
    return result


def draw(sitting: Sitting, admit: Callable[[float], None]) -> Portraits:
    """Do the work of `portray`, in the worker."""
    from jpegslim.pictures.heatmap import heatmap
    from jpegslim.pictures.side_by_side import side_by_side

    pair = pair_up(*opened((sitting.original, sitting.copy), admit))
    turn = pair.orientation
    return Portraits(
        judgement=pair.view.compare(pair.original, pair.copy),
        heatmap=heatmap(pair, turn=turn) if sitting.heatmap else None,
        side_by_side=side_by_side(pair, turn=turn) if sitting.side_by_side else None,
    )


def check_place(path: Path, option: str) -> None:
    """Raise UsageError where a picture must not be written: it may be somebody's own."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"{option} {path}: the name must end in .png")
    if not os.path.lexists(path):
        return
    if not path.is_file() or not _is_ours(path):
        raise UsageError(
            f"{option} {path}: this exists and is no picture of ours, it would be overwritten"
        )


def save(data: bytes, path: Path) -> None:
    """Write a picture whole or not at all; RunError where it can't be written."""
    beside = temporary_for(path, secrets.token_hex(8))
    try:
        with beside.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except OSError as error:
        raise RunError(f"can't write {plain_name(path)}: {plain_words(error)}") from error
    finally:
        with suppress(OSError):
            beside.unlink()


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            start = stream.read(_WITHIN)
    except OSError:
        return False
    return start.startswith(_PNG) and _OURS in start
