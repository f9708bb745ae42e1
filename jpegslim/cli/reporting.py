"""Who is told of a run: --json, --report, --quiet and --summary become reporters."""

import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jpegslim.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jpegslim.reports.reporter import Reporter


@contextmanager
def open_reporters(
    *, as_json: bool, quiet: bool, summary: bool, report: str | None, ledger: Path | None
) -> "Iterator[list[Reporter]]":
    """Open them for the length of a run; the report file comes last, so its failure hides nothing.

    ledger: the run is remembered beside it, None for nowhere.

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
        if ledger is not None:
            reporters.append(Chronicle(ledger))
        if report is not None:
            reporters.append(stack.enter_context(open_report(Path(report))))
        yield reporters
