"""On what terms a run goes, and what it remembers: the options that every run takes."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import click

from jpegslim.cli.parameters import check_name, read_cluster, read_limit
from jpegslim.errors import UsageError

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "-j",
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        help="Work on so many photos at once.  [default: one per processor core]",
    ),
    click.option(
        "--cluster",
        callback=read_cluster,
        metavar="ADDRESS|local",
        help="Let the workers of the Dask scheduler at this address do the work, as in"
        " tcp://scheduler:8786; they must see the photos under the same names.",
    ),
    click.option(
        "--timeout",
        callback=read_limit,
        default="15m",
        show_default=True,
        metavar="TIME|off",
        help="Give up on a photo after this long.",
    ),
    click.option(
        "--time-limit",
        callback=read_limit,
        metavar="TIME",
        help="Start no photo after this long, as in 30m or 2h.",
    ),
    click.option(
        "--max-errors",
        type=click.IntRange(min=1),
        metavar="N",
        help="Stop the run once so many files have failed.",
    ),
    click.option(
        "--wait", is_flag=True, help="Wait for another run on the same photos rather than refuse."
    ),
    click.option(
        "--ledger",
        callback=check_name,
        metavar="FILE",
        help="Remember results in this file.  [default: in your state folder]",
    ),
    click.option("--no-ledger", is_flag=True, help="Remember nothing between runs."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The fields of the same names that `batch.run` and `aws.run.Order` take."""

    jobs: int
    cluster: str | None
    timeout: float | None
    time_limit: float | None
    max_errors: int | None
    wait: bool
    ledger: Path | None


def terms_options(command: _Command) -> _Command:
    """Give a command the options that `read_terms` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_terms(
    *,
    jobs: int | None,
    cluster: str | None,
    timeout: float | None,
    time_limit: float | None,
    max_errors: int | None,
    wait: bool,
    ledger: str | None,
    no_ledger: bool,
    **_: object,
) -> Terms:
    """Return on what terms a run goes. Raises UsageError where options contradict each other."""
    from jpegslim.batch import default_ledger
    from jpegslim.files.pool import default_jobs

    if cluster is not None and jobs is not None:
        raise UsageError("how many --jobs a cluster does is for its workers to say: choose one")
    if cluster is not None and find_spec("distributed") is None:
        raise UsageError("a cluster needs one more library: pip install 'jpegslim[cluster]'")
    if ledger is not None and no_ledger:
        raise UsageError("--ledger and --no-ledger contradict each other: choose one")
    remembering = default_ledger() if ledger is None else Path(ledger)
    return Terms(
        jobs=default_jobs() if jobs is None else jobs,
        cluster=cluster,
        timeout=timeout,
        time_limit=time_limit,
        max_errors=max_errors,
        wait=wait,
        ledger=None if no_ledger else remembering,
    )
