"""Which photos: the options that become the Selection of a run."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jpegslim.cli.parameters import read_duration, read_size

if TYPE_CHECKING:
    from jpegslim.files.selection import Selection

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--include",
        multiple=True,
        metavar="GLOB",
        help="Below folders take only these files. GLOB is a name, or with a slash a path below"
        " PATH; ** stands for any folders; case is ignored. May be given again.",
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="GLOB",
        help="Below folders leave out these files and folders. May be given again.",
    ),
    click.option(
        "--min-size",
        callback=read_size,
        metavar="SIZE",
        help="Leave out files smaller than this, as in 200k or 1.5M.",
    ),
    click.option(
        "--min-age",
        callback=read_duration,
        metavar="TIME",
        help="Leave files for later that were modified less than this ago, as in 60 (seconds) or"
        " 5m.",
    ),
    click.option(
        "--follow-symlinks",
        is_flag=True,
        help="Below folders follow links too; what they lead to is worked on, the links stay.",
    ),
)


def selection_options(command: _Command) -> _Command:
    """Give a command the options that `read_selection` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_selection(
    *,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    min_size: int,
    min_age: float | None,
    follow_symlinks: bool,
    **_: object,
) -> "Selection":
    """Return what the options choose. Raises UsageError where a pattern makes no sense."""
    from jpegslim.files.selection import Selection

    return Selection(
        include=include,
        exclude=exclude,
        min_size=min_size,
        min_age=min_age or 0.0,
        follow_symlinks=follow_symlinks,
    )
