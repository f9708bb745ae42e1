"""The command `serve`: the page, the bulk service and the HTTP API, from one process."""

import os
from importlib.util import find_spec
from pathlib import Path

import click

from jpegslim.cli.parameters import (
    check_name,
    debug_option,
    read_duration,
    read_limit,
    read_size,
)
from jpegslim.cli.sections import Sectioned
from jpegslim.errors import ExitCode, UsageError

_NEEDED = ("starlette", "uvicorn", "sse_starlette", "zipstream")
_TOKEN_VARIABLE = "JPEGSLIM_TOKEN"  # noqa: S105 - the variable's name

_HELP = """Serve a page to drop photos on, a service for whole folders, and an HTTP API.

Only this machine can reach it, unless --host says otherwise; then a token is needed. Ctrl-C
stops it once what runs is finished, a second Ctrl-C at once. Photos are kept in a private
folder for as long as --keep says, and never longer than the service runs.

\b
  jpegslim serve
  curl --fail -T in.jpg -o out.jpg 'http://127.0.0.1:8765/v1/optimize?quality=high'
"""

_SECTIONS = {
    "Where it can be reached": ("host", "port", "allow_host", "proxy"),
    "Who may use it": ("token_file", "insecure_no_token"),
    "How much it takes on": (
        "jobs",
        "max_size",
        "max_megapixels",
        "max_files",
        "queue",
        "storage",
        "timeout",
    ),
    "What it keeps": ("keep", "store_in"),
}


@click.command(
    cls=Sectioned,
    sections=_SECTIONS,
    help=_HELP,
    short_help="Serve a page and an HTTP API.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    callback=check_name,
    metavar="ADDRESS",
    help="Listen on this address; 0.0.0.0 and :: are all of this machine's.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Listen on this port; 0 takes a free one.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="Answer to this name too, without a token; may be given several times.",
)
@click.option(
    "--trust-proxy",
    "proxy",
    metavar="ADDRESS",
    help="Believe this reverse proxy, or network of them, about who its clients are.",
)
@click.option(
    "--token-file",
    callback=check_name,
    metavar="FILE",
    help=f"Ask clients for the token in this file's first line.  [env: {_TOKEN_VARIABLE}]",
)
@click.option(
    "--insecure-no-token",
    is_flag=True,
    help="Let everybody who can reach the address use it.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    help="Work on so many photos at once.  [default: one per processor core]",
)
@click.option(
    "--max-size",
    callback=read_size,
    default="100M",
    show_default=True,
    metavar="SIZE",
    help="Refuse larger files.",
)
@click.option(
    "--max-megapixels",
    type=click.FloatRange(min=0, min_open=True),
    default=150,
    show_default=True,
    metavar="NUMBER",
    help="Refuse larger pictures.",
)
@click.option(
    "--max-files",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="Refuse more files in one job.",
)
@click.option(
    "--queue",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Let so many single photos wait, a quarter of them of one client.",
)
@click.option(
    "--storage",
    callback=read_size,
    default="8G",
    show_default=True,
    metavar="SIZE",
    help="Hold at most this much of uploads and results.",
)
@click.option(
    "--timeout",
    callback=read_limit,
    default="5m",
    show_default=True,
    metavar="TIME|off",
    help="Give up on a photo after this long.",
)
@click.option(
    "--keep",
    callback=read_duration,
    default="1h",
    show_default=True,
    metavar="TIME",
    help="Delete a job this long after its last change.",
)
@click.option(
    "--store-in",
    callback=check_name,
    metavar="DIR",
    help="Keep uploads in a private folder below this one.  [default: the temporary folder]",
)
@debug_option
def serve(
    *,
    host: str,
    port: int,
    allow_host: tuple[str, ...],
    proxy: str | None,
    token_file: str | None,
    insecure_no_token: bool,
    jobs: int | None,
    max_size: int,
    max_megapixels: float,
    max_files: int,
    queue: int,
    storage: int,
    timeout: float | None,
    keep: float,
    store_in: str | None,
    debug: bool,  # noqa: ARG001 - noted by the option's callback
) -> ExitCode:
    """Serve until told to stop."""
    if any(find_spec(name) is None for name in _NEEDED):
        raise UsageError("serving needs more libraries: pip install 'jpegslim[web]'")
    if not (keep and max_size and storage):
        raise UsageError("--keep, --max-size and --storage must be more than nothing")

    from jpegslim.files.pool import default_jobs
    from jpegslim.web.limits import Limits
    from jpegslim.web.server import Options
    from jpegslim.web.server import serve as run

    limits = Limits(
        file_bytes=max_size,
        megapixels=max_megapixels,
        files=max_files,
        queue=queue,
        stored_bytes=storage,
        keep_seconds=keep,
        work_seconds=timeout,
    )
    options = Options(
        host=host,
        port=port,
        workers=default_jobs() if jobs is None else jobs,
        limits=limits,
        token=_read_token(token_file),
        open_to_all=insecure_no_token,
        hosts=allow_host,
        proxy=proxy,
        folder=None if store_in is None else Path(store_in),
    )
    run(options, on_ready=_announce)
    return ExitCode.OK


def _announce(address: str) -> None:
    click.echo(f"jpegslim: open {address} (Ctrl-C stops)", err=True)


def _read_token(name: str | None) -> str | None:
    """Return the token; None where none was given. A command line would show it to everybody."""
    if name is None:
        return os.environ.get(_TOKEN_VARIABLE) or None
    try:
        lines = Path(name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not text"
        raise UsageError(f"can't read the token from {name}: {said}") from error
    if not lines or not lines[0].strip():
        raise UsageError(f"{name} has no token in its first line")
    return lines[0].strip()
