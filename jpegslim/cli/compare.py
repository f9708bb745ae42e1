"""The command `compare`: two pictures, or two folders with the same tree."""

from dataclasses import dataclass
from pathlib import Path

import click

from jpegslim.cli.parameters import check_name, debug_option
from jpegslim.errors import ExitCode, UsageError

_HELP = """Measure how far B is from A, its original.

Two pictures of the same size (JPEG, PNG, anything Pillow reads): prints the score, what it
means, and the worst place. Two folders: pairs the JPEGs by their path below A and B, a line
each, lowest and median score at the end; exit code 1 if any is missing or can't be compared.

\b
The SSIMULACRA2 score, and what people see between the two:
  90  nothing, not even when flickering between them
  85  nothing when they are swapped in place
  80  nothing with the two side by side at full size
  70  a difference that is hard to notice
  50  a difference that can be seen without looking for it
"""


@click.command(help=_HELP, short_help="Measure what can be seen between two pictures.")
@click.argument("original", callback=check_name, metavar="A")
@click.argument("copy", callback=check_name, metavar="B")
@click.option(
    "--heatmap",
    callback=check_name,
    metavar="FILE",
    help="Draw where the two differ, and how much, into FILE.png.",
)
@click.option(
    "--side-by-side",
    callback=check_name,
    metavar="FILE",
    help="Put the worst places of both beside each other, pixel for pixel, into FILE.png.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; for folders an object a line.")
@debug_option
def compare(
    *,
    original: str,
    copy: str,
    heatmap: str | None,
    side_by_side: str | None,
    as_json: bool,
    debug: bool,  # noqa: ARG001 - noted by the option's callback
) -> ExitCode:
    """Judge the pair or the two trees."""
    first, second = Path(original), Path(copy)
    for path in (first, second):
        if not path.exists():
            raise UsageError(f"{path} does not exist")
    pictures = _Pictures(
        None if heatmap is None else Path(heatmap),
        None if side_by_side is None else Path(side_by_side),
    )
    if first.is_dir() or second.is_dir():
        if pictures.any:
            raise UsageError("--heatmap and --side-by-side are for two pictures, not folders")
        return _compare_folders(first, second, as_json=as_json)
    return _compare_pictures(first, second, pictures, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Where pictures of the two are to be written."""

    heatmap: Path | None
    side_by_side: Path | None

    @property
    def any(self) -> bool:
        return self.heatmap is not None or self.side_by_side is not None


def _compare_pictures(
    original: Path, copy: Path, pictures: _Pictures, *, as_json: bool
) -> ExitCode:
    from jpegslim.audit import judge, portray
    from jpegslim.cli import verdicts
    from jpegslim.cli.printer import Printer

    printer = Printer()
    if pictures.any:
        judgement = portray(
            original, copy, heatmap=pictures.heatmap, side_by_side=pictures.side_by_side
        )
    else:
        judgement = judge(original, copy)
    if as_json:
        printer.json(verdicts.judgement_record(judgement))
    else:
        for line in verdicts.judgement_lines(judgement):
            printer.line(line)
    return ExitCode.OK


def _compare_folders(originals: Path, copies: Path, *, as_json: bool) -> ExitCode:
    from jpegslim.audit import AuditTotals, Outcome, audit
    from jpegslim.cli import verdicts
    from jpegslim.cli.printer import Printer
    from jpegslim.reports.wording import printable

    printer = Printer()
    totals = AuditTotals()
    for result in audit(originals, copies):
        totals.add(result)
        if as_json:
            printer.json(verdicts.pair_record(result))
        else:
            printer.line(verdicts.pair_line(result))
    if as_json:
        printer.json(verdicts.totals_record(totals))
    else:
        for line in verdicts.totals_lines(totals):
            printer.line(line)
    mirrored = copies / originals.resolve().name
    if totals.counts[Outcome.MISSING] == totals.pairs and mirrored.is_dir():
        # `optimize photos --output slim` writes slim/photos: the slip everybody makes once.
        click.echo(f"nothing matches; did you mean {printable(str(mirrored))}?", err=True)
    return totals.exit_code
