"""The command `restore`: what --backup kept goes back to where it was."""

from collections import Counter
from pathlib import Path

import click

from jpegslim.cli.parameters import check_name, debug_option
from jpegslim.errors import ExitCode

_HELP = """Put the originals in DIR, a folder made by 'optimize --backup', back in their places.

A file that was edited after it was optimized is told and left as it is. Files that are the
original already are counted only. Exit code 1 if any original could not go back.
"""


@click.command(help=_HELP, short_help="Put back the originals that --backup kept.")
@click.argument("folder", callback=check_name, metavar="DIR")
@click.option("-n", "--dry-run", is_flag=True, help="Check and report everything, write nothing.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a file, the totals last."
)
@click.option(
    "--ledger",
    callback=check_name,
    metavar="FILE",
    help="The ledger of the runs that made the backup, where they were given one.",
)
@debug_option
def restore(
    *,
    folder: str,
    dry_run: bool,
    as_json: bool,
    ledger: str | None,
    debug: bool,  # noqa: ARG001 - noted by the option's callback
) -> ExitCode:
    """Put the files back, and tell of each that mattered."""
    from jpegslim.batch import restore as put_back
    from jpegslim.cli import restored
    from jpegslim.cli.printer import Printer

    printer = Printer()
    counts: Counter[str] = Counter()
    for result in put_back(
        Path(folder), dry_run=dry_run, ledger=None if ledger is None else Path(ledger)
    ):
        counts[str(result.outcome)] += 1
        if as_json:
            printer.json(restored.file_record(result))
        elif not restored.is_quiet(result):
            printer.line(restored.file_line(result))
    code = restored.exit_code(counts)
    if as_json:
        printer.json(restored.totals_record(counts, code, dry_run=dry_run))
    else:
        printer.line(restored.totals_line(counts, dry_run=dry_run))
    return code
