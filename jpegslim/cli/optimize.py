"""The command `optimize`: its options become Settings and reporters, its totals an exit code."""

from collections.abc import Container, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import click
from click.core import ParameterSource

from jpegslim.cli.names import open_list
from jpegslim.cli.parameters import (
    check_name,
    check_names,
    debug_option,
    read_cluster,
    read_duration,
    read_limit,
    read_margin,
    read_megapixels,
    read_quality,
    read_size,
)
from jpegslim.cli.remote import check_remote, is_remote, run_remote, s3_options
from jpegslim.cli.reporting import open_reporters
from jpegslim.cli.sections import Sectioned
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
_FILES_ALONE = {"backup", "from_file", "nul", "cluster"}
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
    "-q",
    "--quality",
    "target",
    callback=read_quality,
    default="high",
    show_default=True,
    metavar="PRESET|NUMBER",
    help="A preset's name or a score from 1 to 100.",
)
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
@click.option(
    "--baseline", is_flag=True, help="Write no progressive JPEGs: for old viewers, a bit larger."
)
@click.option(
    "--tile-floor",
    "tile_margin",
    callback=read_margin,
    default="10",
    show_default=True,
    metavar="MARGIN|off",
    help="No part of a photo (512 pixels square) may score more than this below the target.",
)
@click.option(
    "--metadata",
    type=click.Choice(["keep", "safe", "strip"], case_sensitive=False),
    default="keep",
    show_default=True,
    help="'safe' drops thumbnails, maker notes and positions (GPS); 'strip' leaves what display"
    " needs: the colour profile and the orientation. Gain maps and motion video always stay.",
)
@click.option(
    "--bake-orientation",
    is_flag=True,
    help="With --metadata strip, turn the pixels and drop the orientation where a photo is newly"
    " coded.",
)
@click.option(
    "--break-signatures",
    is_flag=True,
    help="Rewrite signed photos (C2PA) too; their content credentials are dropped.",
)
@click.option(
    "--from-file",
    callback=check_name,
    metavar="FILE",
    help="Read PATHs from this file, one a line; '-' is standard input. With --output, relative"
    " ones keep the folders they are written with.",
)
@click.option(
    "-0", "--null", "nul", is_flag=True, help="In --from-file a NUL character ends each PATH."
)
@click.option(
    "--include",
    multiple=True,
    metavar="GLOB",
    help="Below folders take only these files. GLOB is a name, or with a slash a path below"
    " PATH; ** stands for any folders; case is ignored. May be given again.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    help="Below folders leave out these files and folders. May be given again.",
)
@click.option(
    "--min-size",
    callback=read_size,
    metavar="SIZE",
    help="Leave out files smaller than this, as in 200k or 1.5M.",
)
@click.option(
    "--max-megapixels",
    callback=read_megapixels,
    default="300",
    show_default=True,
    metavar="N",
    help="Leave out photos of more pixels than this, by what their header says.",
)
@click.option(
    "--min-age",
    callback=read_duration,
    metavar="TIME",
    help="Leave files for later that were modified less than this ago, as in 60 (seconds) or 5m.",
)
@click.option(
    "--follow-symlinks",
    is_flag=True,
    help="Below folders follow links too; what they lead to is worked on, the links stay.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Work on so many photos at once.  [default: one per processor core]",
)
@click.option(
    "--cluster",
    callback=read_cluster,
    metavar="ADDRESS|local",
    help="Let the workers of the Dask scheduler at this address do the work, as in"
    " tcp://scheduler:8786; they must see the photos under the same names.",
)
@click.option(
    "--timeout",
    callback=read_limit,
    default="15m",
    show_default=True,
    metavar="TIME|off",
    help="Give up on a photo after this long.",
)
@click.option(
    "--time-limit",
    callback=read_limit,
    metavar="TIME",
    help="Start no photo after this long, as in 30m or 2h.",
)
@click.option(
    "--max-errors",
    type=click.IntRange(min=1),
    metavar="N",
    help="Stop the run once so many files have failed.",
)
@click.option(
    "--wait", is_flag=True, help="Wait for another run on the same photos rather than refuse."
)
@click.option(
    "--ledger",
    callback=check_name,
    metavar="FILE",
    help="Remember results in this file.  [default: in your state folder]",
)
@click.option("--no-ledger", is_flag=True, help="Remember nothing between runs.")
@click.option("--no-marker", is_flag=True, help="Leave no note in the photos that they are done.")
@click.option("--summary", is_flag=True, help="Print one line at the end, and what went wrong.")
@click.option("--quiet", is_flag=True, help="Print nothing unless something went wrong.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a file, the totals last."
)
@click.option(
    "--report",
    callback=check_name,
    metavar="FILE",
    help="Also write the results to FILE: .html (a page with pictures), .jsonl or .csv; an"
    " earlier report is replaced.",
)
@s3_options
@debug_option
@click.pass_context
def optimize(
    context: click.Context,
    *,
    paths: tuple[str, ...],
    target: float | None,
    output: str | None,
    backup: str | None,
    dry_run: bool,
    baseline: bool,
    tile_margin: float | None,
    metadata: str,
    bake_orientation: bool,
    break_signatures: bool,
    from_file: str | None,
    nul: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    min_size: int,
    max_megapixels: float,
    min_age: float | None,
    follow_symlinks: bool,
    jobs: int | None,
    cluster: str | None,
    timeout: float | None,
    time_limit: float | None,
    max_errors: int | None,
    wait: bool,
    ledger: str | None,
    no_ledger: bool,
    no_marker: bool,
    summary: bool,
    quiet: bool,
    as_json: bool,
    report: str | None,
    endpoint_url: str | None,
    profile: str | None,
    region: str | None,
    debug: bool,
) -> ExitCode:
    """Run the batch, or send one picture through the pipe."""
    from jpegslim.settings import Metadata, Settings

    if bake_orientation and metadata != Metadata.STRIP:
        raise UsageError("--bake-orientation needs --metadata strip")
    if target is None and baseline:
        raise UsageError("--quality lossless writes progressive JPEGs: leave out --baseline")
    if cluster is not None and jobs is not None:
        raise UsageError("how many --jobs a cluster does is for its workers to say: choose one")
    if cluster is not None and find_spec("distributed") is None:
        raise UsageError("a cluster needs one more library: pip install 'jpegslim[cluster]'")
    settings = Settings(
        target=target,
        tile_margin=tile_margin,
        progressive=not baseline,
        marker=not no_marker,
        max_megapixels=max_megapixels,
        metadata=Metadata(metadata),
        bake_orientation=bake_orientation,
        break_signatures=break_signatures,
    )
    if PIPE in paths:
        _refuse_with_pipe(context, paths)
        from jpegslim.cli.pipe import optimize_stream

        optimize_stream(settings, dry_run=dry_run, quiet=quiet)
        return ExitCode.OK

    from jpegslim.batch import default_ledger, run
    from jpegslim.files.pool import default_jobs
    from jpegslim.files.selection import Selection

    remote = is_remote(*paths, output)
    if remote:
        check_remote(_given(context, _FILES_ALONE))
    elif unused := _given(context, _S3_ALONE):
        raise UsageError(f"{unused[0]} is for PATHs or an --output that begin with s3://")
    if ledger is not None and no_ledger:
        raise UsageError("--ledger and --no-ledger contradict each other: choose one")
    selection = Selection(
        include=include,
        exclude=exclude,
        min_size=min_size,
        min_age=min_age or 0.0,
        follow_symlinks=follow_symlinks,
    )
    remembering = None if no_ledger else _path(ledger) or default_ledger()
    with (
        _listed(paths, from_file, nul=nul) as listed,
        open_reporters(
            as_json=as_json, quiet=quiet, summary=summary, report=report, ledger=remembering
        ) as reporters,
    ):
        if remote:
            return run_remote(
                paths,
                output,
                settings=settings,
                jobs=default_jobs() if jobs is None else jobs,
                dry_run=dry_run,
                reporters=reporters,
                debug=debug,
                selection=selection,
                ledger=remembering,
                timeout=timeout,
                max_errors=max_errors,
                time_limit=time_limit,
                wait=wait,
                endpoint_url=endpoint_url,
                profile=profile,
                region=region,
            ).exit_code
        totals = run(
            [Path(path) for path in paths],
            settings,
            output=_path(output),
            jobs=default_jobs() if jobs is None else jobs,
            dry_run=dry_run,
            reporters=reporters,
            debug=debug,
            selection=selection,
            listed=listed,
            ledger=remembering,
            backup=_path(backup),
            timeout=timeout,
            max_errors=max_errors,
            time_limit=time_limit,
            wait=wait,
            cluster=cluster,
        )
    return totals.exit_code


@contextmanager
def _listed(
    paths: tuple[str, ...], from_file: str | None, *, nul: bool
) -> Iterator[Iterator[Path] | None]:
    """Open the list, if there is one; raise UsageError where it is not clear what is asked for."""
    if from_file is None:
        if nul:
            raise UsageError("-0 says how a list is read: give --from-file with it")
        if not paths:
            raise UsageError("missing argument 'PATH...'")
        yield None
        return
    if paths:
        raise UsageError("give PATHs, or name them in --from-file, not both")
    with open_list(from_file, nul=nul) as listed:
        yield listed


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
