"""What the commands' arguments and options take, as click callbacks."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from jpegslim.cli.boundary import Session
from jpegslim.errors import UsageError

_Command = TypeVar("_Command", bound=Callable[..., Any])


def check_name(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty name of a file or folder: it would mean the current folder, unasked."""
    if value == "":
        raise click.BadParameter("an empty name (is a variable unset?)")
    return value


def check_names(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Refuse an empty name among several."""
    for value in values:
        check_name(context, parameter, value)
    return values


def read_quality(_: click.Context, __: click.Parameter, value: str) -> float | None:
    """Turn a preset's name or a number into the target score; None means lossless."""
    from jpegslim.settings import parse_quality

    try:
        return parse_quality(value)
    except UsageError as error:
        raise click.BadParameter(str(error)) from error


def read_margin(_: click.Context, __: click.Parameter, value: str) -> float | None:
    """Turn points below the target into a number; None for `off`."""
    if value.strip().lower() == "off":
        return None
    try:
        margin = float(value)
    except ValueError:
        margin = math.nan
    if not 0 <= margin < math.inf:
        raise click.BadParameter(f"{value!r} is neither a number of points from 0 up nor 'off'")
    return margin


def debug_option(command: _Command) -> _Command:
    """Add --debug, which tells the edge of the program to show tracebacks."""
    return click.option(
        "--debug",
        is_flag=True,
        callback=_remember_debug,
        help="Show where an error came from.",
    )(command)


def _remember_debug(context: click.Context, _: click.Parameter, asked: bool) -> bool:  # noqa: FBT001 - click's callback signature
    if asked:
        context.ensure_object(Session).debug = True
    return asked
