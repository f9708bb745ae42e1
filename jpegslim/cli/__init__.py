"""The command line: options become settings, outcomes become exit codes.

Nothing heavy is imported before the command that needs it, so that `--version` and `--help`
answer at once.
"""

from typing import NoReturn

import click

from jpegslim.cli.backfill import backfill
from jpegslim.cli.boundary import Program
from jpegslim.cli.compare import compare
from jpegslim.cli.inspecting import inspect
from jpegslim.cli.optimize import optimize
from jpegslim.cli.report import report
from jpegslim.cli.restore import restore
from jpegslim.cli.serve import serve
from jpegslim.cli.versions import describe_versions
from jpegslim.errors import ExitCode

__all__ = ["main", "program"]

_HELP = """Make JPEG photos smaller, and prove that nobody will see the difference.

Each photo gets the strongest compression that SSIMULACRA2, a measure of what people
see, still passes. The finished file is decoded and measured again before it counts.

\b
  jpegslim optimize photos --output slim   write smaller copies to slim/photos
  jpegslim optimize photos                 replace the photos in place
  jpegslim compare photos slim/photos      check a finished run on your own
  jpegslim inspect photo.jpg               show what a file is made of
  jpegslim report last --output run.html   show what the last run did
  jpegslim restore kept                    put back what --backup kept
"""

_EPILOG = """\b
Exit codes:
  0    everything is fine, also when nothing was worth doing
  1    some files failed
  2    wrong usage
  3    the run had to stop: disk full, not writable, --max-errors
  130  interrupted
"""


def _print_versions(context: click.Context, _: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - click's callback signature
    if not asked or context.resilient_parsing:
        return
    for line in describe_versions():
        click.echo(line)
    context.exit()


@click.group(
    cls=Program,
    name="jpegslim",
    help=_HELP,
    epilog=_EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_versions,
    help="Show the version, and the libraries that encode, decode and measure.",
)
@click.pass_context
def program(context: click.Context) -> None:
    """Show the help where no command was given."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(ExitCode.USAGE)


program.add_command(optimize)
program.add_command(compare)
program.add_command(inspect)
program.add_command(report)
program.add_command(restore)
program.add_command(serve)
program.add_command(backfill)


def main() -> NoReturn:
    """Run the command line on the arguments of this process, and exit."""
    program.main()
