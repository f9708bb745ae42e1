"""The command `optimize`: its options become Settings and reporters, its totals an exit code."""

from collections.abc import Container
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from jpegslim.cli.choosing import read_selection, selection_options
from jpegslim.cli.names import check_scheme, is_remote, list_options, open_list
from jpegslim.cli.parameters import check_name, check_names, debug_option
from jpegslim.cli.remote import check_remote, run_remote, s3_options
from jpegslim.cli.reporting import open_reporters, report_options
from jpegslim.cli.sections import Sectioned
from jpegslim.cli.terms import read_terms, terms_options
from jpegslim.cli.treating import read_settings, settings_options
from jpegslim.errors import ExitCode, UsageError

PIPE = "-"

_HELP = """Make JPEG photos smaller. PATH is a file or a folder; folders are walked, and files
ending in .jpg, .jpeg, .jpe or .jfif are taken. PATH and --output may be in S3: s3://BUCKET/KEY.

Without --output the files are replaced, each only once its smaller version is verified and
whole on disk; their originals are not kept, unless --backup says where. With --output every
JPEG of the run ends up in that folder, optimized or copied as it is.

\b
--quality says what may be seen at most, beside the original:
  archive   90  nothing, not even when flickering between the two
  high      85  nothing, even when the two are swapped in place
  web       80  nothing, with the two side by side at full size
  small     70  a difference that is hard to notice
  lossless      every pixel stays the same; the file is only packed better
  1 to 100      any other score on the same scale (SSIMULACRA2)

Running the same command again goes on where the last one stopped, and leaves alone what is
done: results are known by a marker inside and by the ledger.

'jpegslim optimize - < in.jpg > out.jpg' takes one photo from standard input. A photo that
can't be made smaller comes out unchanged; a broken one gives no output and exit code 1.
"""

_SECTIONS = {
    "What becomes of a photo": (
        "target",
        "output",
        "backup",
        "dry_run",
        "baseline",
        "tile_margin",
    ),
    "What becomes of its metadata": ("metadata", "bake_orientation", "break_signatures"),
    "Which photos": (
        "from_file",
        "nul",
        "include",
        "exclude",
        "min_size",
        "max_megapixels",
        "min_age",
        "follow_symlinks",
    ),
    "Where S3 is": ("endpoint_url", "profile", "region"),
    "How the run goes": ("jobs", "cluster", "timeout", "time_limit", "max_errors", "wait"),
    "How results are known again": ("ledger", "no_ledger", "no_marker"),
    "What is told": ("summary", "quiet", "as_json", "report"),
}
# What a run over S3 has no use for, and what no other run has.
_FILES_ALONE = {"backup"}
_S3_ALONE = {"endpoint_url", "profile", "region"}
# What one photo through a pipe has a use for.
_WITH_PIPE = {
    "paths",
    "target",
    "baseline",
    "tile_margin",
    "metadata",
    "bake_orientation",
    "break_signatures",
    "max_megapixels",
    "no_marker",
    "dry_run",
    "jobs",
    "quiet",
    "debug",
}


@click.command(
    cls=Sectioned, sections=_SECTIONS, help=_HELP, short_help="Make JPEG photos smaller."
)
@click.argument("paths", nargs=-1, callback=check_names, metavar="PATH...")
@click.option(
    "-o",
    "--output",
    callback=check_name,
    metavar="DIR",
    help="Write into this folder and leave the originals alone.",
)
@click.option(
    "--backup",
    callback=check_name,
    metavar="DIR",
    help="Keep each original in this folder before it is replaced; see 'jpegslim restore'.",
)
@click.option(
    "-n", "--dry-run", is_flag=True, help="Do all the work and report it, but write nothing."
)
@settings_options
@list_options
@selection_options
@terms_options
@report_options
@s3_options
@debug_option
@click.pass_context
def optimize(
    context: click.Context,
    /,
    *,
    paths: tuple[str, ...],
    output: str | None,
    backup: str | None,
    dry_run: bool,
    from_file: str | None,
    nul: bool,
    debug: bool,
    **options: Any,
) -> ExitCode:
    """Run the batch, or send one picture through the pipe."""
    settings = read_settings(**options)
    if PIPE in paths:
        _refuse_with_pipe(context, paths)
        from jpegslim.cli.pipe import optimize_stream

        optimize_stream(settings, dry_run=dry_run, quiet=options["quiet"])
        return ExitCode.OK

    from jpegslim.batch import run

    check_scheme(*paths, output)
    selection, terms = read_selection(**options), read_terms(**options)
    with open_list(from_file, nul=nul, paths=paths) as names:
        remote = is_remote(*paths, output, None if names is None else names.first)
        if remote:
            check_remote(_given(context, _FILES_ALONE))
        elif unused := _given(context, _S3_ALONE):
            raise UsageError(f"{unused[0]} is for PATHs or an --output that begin with s3://")
        with open_reporters(remembered=terms.ledger, **options) as reporters:
            if remote:
                totals = run_remote(
                    paths,
                    names,
                    output,
                    terms,
                    settings=settings,
                    dry_run=dry_run,
                    reporters=reporters,
                    debug=debug,
                    selection=selection,
                    **{name: options[name] for name in _S3_ALONE},
                )
            else:
                totals = run(
                    [Path(path) for path in paths],
                    settings,
                    output=_path(output),
                    jobs=terms.jobs,
                    dry_run=dry_run,
                    reporters=reporters,
                    debug=debug,
                    selection=selection,
                    listed=None if names is None else names.paths(),
                    ledger=terms.ledger,
                    backup=_path(backup),
                    timeout=terms.timeout,
                    max_errors=terms.max_errors,
                    time_limit=terms.time_limit,
                    wait=terms.wait,
                    cluster=terms.cluster,
                )
    return totals.exit_code


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def _given(context: click.Context, names: Container[str]) -> list[str]:
    """Return the options of these names that were given, as they are written."""
    return [
        max(parameter.opts, key=len)
        for parameter in context.command.params
        if (parameter.name or "") in names
        and context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]


def _refuse_with_pipe(context: click.Context, paths: tuple[str, ...]) -> None:
    others = {parameter.name or "" for parameter in context.command.params} - _WITH_PIPE
    given = _given(context, others)
    if len(paths) > 1:
        given.append("other PATH")
    if given:
        raise UsageError(f"'{PIPE}' stands for one photo through a pipe: no {given[0]} with it")
