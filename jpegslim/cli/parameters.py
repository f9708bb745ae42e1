"""What the commands' arguments and options take, as click callbacks."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from jpegslim.cli.boundary import Session
from jpegslim.errors import UsageError

_Command = TypeVar("_Command", bound=Callable[..., Any])

_BYTES = {
    "": 1,
    "b": 1,
    **{unit: 1000**power for power, unit in enumerate("kmg", 1)},
    **{f"{unit}b": 1000**power for power, unit in enumerate("kmg", 1)},
    **{f"{unit}ib": 1024**power for power, unit in enumerate("kmg", 1)},
}
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


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


def read_megapixels(_: click.Context, __: click.Parameter, value: str) -> float:
    """Turn a number of megapixels into a limit."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise click.BadParameter(f"{value!r} is no number of megapixels above 0")
    return number


def read_size(_: click.Context, __: click.Parameter, value: str | None) -> int:
    """Turn `200k` or `1.5M` into bytes; k, M and G count in thousands, as our reports do."""
    if value is None:
        return 0
    number, unit = _split(value, _BYTES)
    if unit is None or not 0 <= number < math.inf:
        raise click.BadParameter(f"{value!r} is no size: give bytes, or as in 200k, 1.5M, 1G")
    return round(number * unit)


def read_duration(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Turn `90`, `30m` or `2h` into seconds."""
    if value is None:
        return None
    number, unit = _split(value, _SECONDS)
    if unit is None or not 0 <= number < math.inf:
        raise click.BadParameter(f"{value!r} is no time: give seconds, or as in 90s, 30m, 2h")
    return number * unit


def read_limit(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | None:
    """Turn a duration that is not nothing into seconds; None for `off`."""
    if value is not None and value.strip().lower() == "off":
        return None
    seconds = read_duration(context, parameter, value)
    if seconds == 0:
        raise click.BadParameter("no time at all: nothing could be done")
    return seconds


def read_cluster(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Check that a value is a Dask scheduler's address, or names a cluster on this machine."""
    if value is None or re.fullmatch(
        # Of another kind, http:// say, Dask's client trips over itself, and for half a minute.
        r"local(:[1-9][0-9]*)?|(?!local:)((tcp|tls|wss?)://)?[^\s/]+:[1-9][0-9]*",
        value,
    ):
        return value
    raise click.BadParameter(
        f"{value!r} is no scheduler's address: give one as in tcp://scheduler:8786, or 'local'"
    )


def _split(text: str, units: Mapping[str, int]) -> tuple[float, int | None]:
    """Return the number before a unit, and how much the unit is; None for no such thing."""
    matched = re.fullmatch(r"([0-9]+(?:[.][0-9]+)?) ?([a-zA-Z]*)", text.strip(), re.ASCII)
    if matched is None:
        return 0, None
    return float(matched[1]), units.get(matched[2].lower())


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
