"""`jpegslim optimize -`: one picture from standard input to standard output."""

import sys
from typing import TYPE_CHECKING

import click

from jpegslim.errors import FileError, RunError, UnsupportedJpeg, UsageError

if TYPE_CHECKING:
    from jpegslim.results import Optimized
    from jpegslim.settings import Settings


def optimize_stream(settings: "Settings", *, dry_run: bool, quiet: bool) -> None:
    """Write the optimized picture, or the input unchanged where nothing can be gained.

    A failure writes nothing: an empty file with exit code 1 is noticed, a broken picture posing
    as a result is not. Raises UsageError at a terminal, FileError where the input fails, and
    RunError where standard output can't take the result.
    """
    _refuse_terminals(dry_run=dry_run)
    data = sys.stdin.buffer.read()

    from jpegslim.batch import pipe
    from jpegslim.reports import wording
    from jpegslim.results import METADATA_LEFT

    try:
        result = pipe(data, settings)
    except UnsupportedJpeg as error:
        left = "" if settings.metadata == "keep" else f"; {METADATA_LEFT}"
        delivered, said = data, f"kept: {wording.printable(str(error))}{left}"
    else:
        delivered, said = result.data, _say(result)
    if not dry_run:
        _deliver(delivered)
    if not quiet:
        click.echo(f"jpegslim: {said}", err=True)


def _say(result: "Optimized") -> str:
    from jpegslim.reports import wording

    if result.bytes_out >= result.bytes_in:
        return f"{result.status}: {wording.printable(result.detail)}"
    saved = wording.percent(1 - result.bytes_out / result.bytes_in)
    more = "" if result.score is None else f", score {result.score:.2f}"
    if result.metadata_dropped:
        more += f", {wording.size(result.metadata_dropped)} of metadata dropped"
    for note in result.notes:
        more += f"; {wording.printable(note)}"
    return (
        f"{result.status}: {wording.size(result.bytes_in)} -> {wording.size(result.bytes_out)} "
        f"({saved} smaller){more}"
    )


def _refuse_terminals(*, dry_run: bool) -> None:
    example = "as in 'jpegslim optimize - < in.jpg > out.jpg'"
    if sys.stdin.isatty():
        raise UsageError(
            f"'-' reads a photo from standard input, which is a terminal here: {example}"
        )
    if sys.stdout.isatty() and not dry_run:
        raise UsageError(f"a terminal can't show a photo's bytes: send them to a file, {example}")


def _deliver(data: bytes) -> None:
    from jpegslim.reports.sink import write_all

    try:
        write_all(sys.stdout.buffer, data)
    except BrokenPipeError as error:
        raise FileError("nobody took the photo: standard output was closed early") from error
    except OSError as error:
        raise RunError(f"can't write standard output: {error.strerror or error}") from error
