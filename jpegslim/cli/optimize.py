"""The command `optimize`: its options become Settings and reporters, its totals an exit code."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jpegslim.cli.parameters import check_name, check_names, debug_option, read_margin, read_quality
from jpegslim.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from jpegslim.reports.reporter import Reporter

PIPE = "-"

_HELP = """Make JPEG photos smaller. PATH is a file or a folder; folders are walked, and files
ending in .jpg, .jpeg, .jpe or .jfif are taken.

Without --output the files are replaced, each only once its smaller version is verified and
whole on disk; their originals are not kept. With --output every JPEG of the run ends up in
that folder, optimized or copied as it is.

\b
--quality says what may be seen at most, beside the original:
  archive   90  nothing, not even when flickering between the two
  high      85  nothing, even when the two are swapped in place
  web       80  nothing, with the two side by side at full size
  small     70  a difference that is hard to notice
  lossless      every pixel stays the same; the file is only packed better
  1 to 100      any other score on the same scale (SSIMULACRA2)

'jpegslim optimize - < in.jpg > out.jpg' takes one photo from standard input. A photo that
can't be made smaller comes out unchanged; a broken one gives no output and exit code 1.
"""


@click.command(help=_HELP, short_help="Make JPEG photos smaller.")
@click.argument("paths", nargs=-1, required=True, callback=check_names, metavar="PATH...")
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
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Work on so many photos at once.  [default: one per processor core]",
)
@click.option(
    "-n", "--dry-run", is_flag=True, help="Do all the work and report it, but write nothing."
)
@click.option(
    "--report",
    callback=check_name,
    metavar="FILE",
    help="Also write the results to FILE, .jsonl or .csv; an earlier report is replaced.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a file, the totals last."
)
@click.option("--quiet", is_flag=True, help="Print nothing unless something went wrong.")
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
@debug_option
def optimize(
    *,
    paths: tuple[str, ...],
    target: float | None,
    output: str | None,
    jobs: int | None,
    dry_run: bool,
    report: str | None,
    as_json: bool,
    quiet: bool,
    baseline: bool,
    tile_margin: float | None,
    debug: bool,
) -> ExitCode:
    """Run the batch, or send one picture through the pipe."""
    from jpegslim.settings import Settings

    settings = Settings(target=target, tile_margin=tile_margin, progressive=not baseline)
    if PIPE in paths:
        _refuse_with_pipe(
            {
                "other PATH": len(paths) > 1,
                "--output": output,
                "--report": report,
                "--json": as_json,
            }
        )
        from jpegslim.cli.pipe import optimize_stream

        optimize_stream(settings, dry_run=dry_run, quiet=quiet)
        return ExitCode.OK

    from jpegslim.batch import run
    from jpegslim.files.pool import default_jobs

    with ExitStack() as stack:
        reporters = _reporters(stack, as_json=as_json, quiet=quiet, report=report)
        totals = run(
            [Path(path) for path in paths],
            settings,
            output=None if output is None else Path(output),
            jobs=default_jobs() if jobs is None else jobs,
            dry_run=dry_run,
            reporters=reporters,
            debug=debug,
        )
    return totals.exit_code


def _reporters(
    stack: ExitStack, *, as_json: bool, quiet: bool, report: str | None
) -> "list[Reporter]":
    """Return who is told of the run; the report file comes last, so its failure hides nothing."""
    from jpegslim.reports.console import ConsoleReporter
    from jpegslim.reports.jsonlines import JsonLines
    from jpegslim.reports.report_file import open_report
    from jpegslim.reports.sink import Sink

    # A bar and JSON lines on one terminal would tear each other apart.
    bar = not (as_json and sys.stdout.isatty())
    reporters: list[Reporter] = [stack.enter_context(ConsoleReporter(quiet=quiet, bar=bar))]
    if as_json:
        stdout = Sink(sys.stdout.buffer, name="standard output", owned=False)
        reporters.append(JsonLines(stdout))
    if report is not None:
        reporters.append(stack.enter_context(open_report(Path(report))))
    return reporters


def _refuse_with_pipe(options: Mapping[str, object]) -> None:
    for name, given in options.items():
        if given:
            raise UsageError(f"'{PIPE}' stands for one photo through a pipe: no {name} with it")
