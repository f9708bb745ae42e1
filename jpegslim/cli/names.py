"""The list behind --from-file: its options, and how it is opened."""

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jpegslim.cli.parameters import check_name
from jpegslim.errors import UsageError

if TYPE_CHECKING:
    from jpegslim.results import FileResult

STDIN = "-"
_SCHEME = "s3://"

_Command = TypeVar("_Command", bound=Callable[..., Any])


def list_options(command: _Command) -> _Command:
    """Give a command the options that name a list: `from_file` and `nul`."""
    command = click.option(
        "-0", "--null", "nul", is_flag=True, help="In --from-file a NUL character ends each PATH."
    )(command)
    return click.option(
        "--from-file",
        callback=check_name,
        metavar="FILE",
        help="Read PATHs from this file, one a line; '-' is standard input. With --output, relative"
        " ones keep the folders they are written with, objects their whole keys.",
    )(command)


def is_remote(*names: str | None) -> bool:
    """Tell whether any of these names is an object's and not a file's."""
    return any(name is not None and name[: len(_SCHEME)].lower() == _SCHEME for name in names)


def check_scheme(*names: str | None) -> None:
    """Raise UsageError for a name that looks like an object's and would become a folder's."""
    for name in names:
        if name is not None and name[:3].lower() == "s3:" and not is_remote(name):
            raise UsageError(f"{name!r} is no object's name: write s3://BUCKET/KEY, or './{name}'")


class Names:
    """The names of a list, to be taken once. first: what it begins with, None where it is empty."""

    def __init__(self, pieces: Iterator[Sequence[str]]) -> None:
        """Take them as `files.lists.read_list` gives them; the first is waited for."""
        beginning = next((piece for piece in pieces if piece), ())
        self.first = beginning[0] if beginning else None
        self.pieces = chain([beginning], pieces) if beginning else pieces

    def paths(self) -> "Iterator[Path | FileResult | None]":
        """Yield the files and folders, None while there are none; an object is a failure."""
        for piece in self.pieces:
            if not piece:
                yield None
            for name in piece:
                yield misplaced(name) if is_remote(name) else Path(name)


def misplaced(name: str) -> "FileResult":
    """Return the outcome of a name that is an object's among files, or a file's among objects."""
    from jpegslim.results import FileResult, Status, Url

    remote = is_remote(name)
    what, others = ("an object", "files") if remote else ("a file", "objects")
    return FileResult(
        path=Url(name) if remote else Path(name),
        status=Status.FAILED,
        reason="mixed",
        message=f"names {what} in a list that begins with {others}: run them apart",
    )


@contextmanager
def open_list(name: str | None, *, nul: bool, paths: Sequence[str]) -> Iterator[Names | None]:
    """Open a list of names for the length of a run; "-" is standard input, None stands for none.

    paths: what is named without it. Raises UsageError where it is not clear what is asked for, and
    where the list can't be opened, or is separated otherwise than said.
    """
    if name is None:
        if nul:
            raise UsageError("-0 says how a list is read: give --from-file with it")
        if not paths:
            raise UsageError("missing argument 'PATH...'")
        yield None
        return
    if paths:
        raise UsageError("give PATHs, or name them in --from-file, not both")

    from jpegslim.files.lists import read_list

    if name == STDIN:
        if sys.stdin.isatty():
            raise UsageError(
                "--from-file - reads names from standard input, which is a terminal here:"
                " as in 'find … -print0 | jpegslim optimize -0 --from-file -'"
            )
        yield Names(read_list(_buffered(sys.stdin.buffer), nul=nul))
        return
    with _opened(name) as stream:
        yield Names(read_list(stream, nul=nul))


def _opened(name: str) -> io.BufferedReader:
    from jpegslim.files.store import plain_words

    try:
        return Path(name).open("rb")
    except OSError as error:
        raise UsageError(f"--from-file {name} can't be read: {plain_words(error)}") from error


def _buffered(stream: object) -> io.BufferedIOBase:
    if not isinstance(stream, io.BufferedIOBase):
        raise TypeError(f"standard input is a {type(stream).__name__}")
    return stream
