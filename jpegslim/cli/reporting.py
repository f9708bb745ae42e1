"""Who is told of a run: --json, --report, --quiet and --summary become reporters."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jpegslim.cli.parameters import check_name
from jpegslim.errors import UsageError

if TYPE_CHECKING:
    from jpegslim.reports.reporter import Reporter

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--summary", is_flag=True, help="Print one line at the end, and what went wrong."),
    click.option("--quiet", is_flag=True, help="Print nothing unless something went wrong."),
    click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object a file, the totals last."
    ),
    click.option(
        "--report",
        callback=check_name,
        metavar="FILE",
        help="Also write the results to FILE: .html (a page with pictures), .jsonl or .csv; an"
        " earlier report is replaced.",
    ),
)


def report_options(command: _Command) -> _Command:
    """Give a command the options that `open_reporters` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def open_reporters(
    *,
    as_json: bool,
    quiet: bool,
    summary: bool,
    report: str | None,
    remembered: Path | None,
    **_: object,
) -> "Iterator[list[Reporter]]":
    """Open them for the length of a run; the report file comes last, so its failure hides nothing.

    remembered: the ledger that the run is remembered beside, None for nowhere.

    Raises UsageError where the options contradict each other, RunError where a file can't be
    written.
    """
    from jpegslim.chronicle import Chronicle
    from jpegslim.reports.console import ConsoleReporter, Detail
    from jpegslim.reports.jsonlines import JsonLines
    from jpegslim.reports.report_file import open_report
    from jpegslim.reports.sink import Sink

    if quiet and summary:
        raise UsageError("--quiet says nothing and --summary one line: choose one")
    detail = Detail.PROBLEMS if quiet else Detail.ONE_LINE if summary else Detail.ALL
    # A bar and JSON lines on one terminal would tear each other apart.
    bar = not (as_json and sys.stdout.isatty())
    with ExitStack() as stack:
        reporters: list[Reporter] = [stack.enter_context(ConsoleReporter(detail=detail, bar=bar))]
        if as_json:
            stdout = Sink(sys.stdout.buffer, name="standard output", owned=False)
            reporters.append(JsonLines(stdout))
        if remembered is not None:
            reporters.append(Chronicle(remembered))
        if report is not None:
            reporters.append(stack.enter_context(open_report(Path(report))))
        yield reporters
