"""The command `report`: what past runs did."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jpegslim.cli.parameters import check_name, debug_option
from jpegslim.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from jpegslim.reports.reporter import Reporter

LATEST = "last"

_HELP = """Show what past runs of 'optimize' did, or write a report of one.

Without RUN the runs that are remembered are listed, the latest first. RUN is a number from that
list, or 'last'. Files that were only known and left alone are counted, not named.

Pictures are shown in a page where both versions of a file are still there: with --output, or with
--backup.
"""


@click.command(help=_HELP, short_help="Show what past runs did.")
@click.argument("run", required=False)
@click.option(
    "-o",
    "--output",
    callback=check_name,
    metavar="FILE",
    help="Write the report to FILE: .html (a page with pictures), .jsonl or .csv.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: one object a run, or of RUN one a file."
)
@click.option(
    "--ledger",
    callback=check_name,
    metavar="FILE",
    help="The ledger of the runs, where they were given one.",
)
@debug_option
def report(
    *,
    run: str | None,
    output: str | None,
    as_json: bool,
    ledger: str | None,
    debug: bool,  # noqa: ARG001 - noted by the option's callback
) -> ExitCode:
    """List the runs, or tell of one again."""
    from jpegslim.batch import default_ledger

    file = default_ledger() if ledger is None else Path(ledger)
    if run is None:
        if output is not None:
            raise UsageError("which run? name its number, or 'last'")
        _list(file, as_json=as_json)
    else:
        _tell(file, _number(run), output, as_json=as_json)
    return ExitCode.OK


def _number(run: str) -> int | None:
    if run == LATEST:
        return None
    if not (run.isascii() and run.isdecimal()):
        raise UsageError(f"{run!r} is no run: give a number from 'jpegslim report', or '{LATEST}'")
    return int(run)


def _list(ledger: Path, *, as_json: bool) -> None:
    from jpegslim import chronicle
    from jpegslim.cli import runs
    from jpegslim.cli.printer import Printer

    printer = Printer()
    remembered = chronicle.remembered(ledger)
    for run in remembered:
        if as_json:
            printer.json(runs.run_record(run))
        else:
            printer.line(runs.run_line(run))
    if not remembered and not as_json:
        printer.line("no run is remembered yet")


def _tell(ledger: Path, number: int | None, output: str | None, *, as_json: bool) -> None:
    import sys
    from contextlib import ExitStack

    from jpegslim import chronicle
    from jpegslim.reports.jsonlines import JsonLines
    from jpegslim.reports.report_file import open_report
    from jpegslim.reports.sink import Sink

    with ExitStack() as stack:
        reporters: list[Reporter] = []
        if as_json:
            stdout = Sink(sys.stdout.buffer, name="standard output", owned=False)
            reporters.append(JsonLines(stdout))
        if output is not None:
            opened = open_report(Path(output), option="--output")
            reporters.append(stack.enter_context(opened))
        if not reporters:
            from jpegslim.cli.runs import Retold

            reporters.append(Retold())
        chronicle.replay(ledger, number, reporters)
