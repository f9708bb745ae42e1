"""The command `inspect`: what JPEGs are, and what `optimize` would do with them."""

from pathlib import Path

import click

from jpegslim.cli.parameters import check_names, debug_option, read_quality
from jpegslim.errors import ExitCode

_HELP = """Show what each FILE is: size, coding, quality, segments, colours, camera data, what
stands behind the picture, and what 'jpegslim optimize' would do with it and why.

The last is found out by doing it, without writing anything. Of a broken file it shows what can
be read up to the break, and what is wrong; exit code 1 if any file is broken or no JPEG.

The quality is an estimate from the quantization tables on the scale that most programs use,
that of the IJG's encoder. Other encoders scale other tables: then it is the number whose tables
are the closest.
"""


@click.command(help=_HELP, short_help="Show what a JPEG is made of.")
@click.argument("paths", nargs=-1, required=True, callback=check_names, metavar="FILE...")
@click.option(
    "-q",
    "--quality",
    "target",
    callback=read_quality,
    default="high",
    show_default=True,
    metavar="PRESET|NUMBER",
    help="Say what 'optimize' would do at this quality.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file, a line each.")
@debug_option
def inspect(
    *,
    paths: tuple[str, ...],
    target: float | None,
    as_json: bool,
    debug: bool,  # noqa: ARG001 - noted by the option's callback
) -> ExitCode:
    """Inspect one file after the other."""
    from jpegslim.cli import inspected
    from jpegslim.cli.inspected_record import inspected_record
    from jpegslim.cli.printer import Printer
    from jpegslim.files.inspection import Inspector
    from jpegslim.reports.wording import printable
    from jpegslim.settings import Settings

    printer = Printer()
    code = ExitCode.OK
    shown = 0
    with Inspector(Settings(target=target)) as inspector:
        for path in paths:
            result = inspector.inspect(Path(path))
            if not result.is_sound:
                code = ExitCode.SOME_FAILED
            if as_json:
                printer.json(inspected_record(result))
            elif result.inspection is None:
                click.echo(f"jpegslim: {printable(path)}: {printable(str(result.error))}", err=True)
            else:
                if shown:
                    printer.line("")
                for line in inspected.lines(result, result.inspection):
                    printer.line(line)
                shown += 1
    return code
