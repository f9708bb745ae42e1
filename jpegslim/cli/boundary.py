"""The outermost edge: every ending of the program becomes one line and an exit code."""

import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from jpegslim.errors import ExitCode, JpegslimError, RunError, UsageError


@dataclass(slots=True)
class Session:
    """What is known at the edge. command: as typed. debug: show where an error came from."""

    command: str = "jpegslim"
    debug: bool = False


class Program(click.Group):
    """The group of commands, with our own endings instead of click's."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run a command and leave the process with its exit code; `args` default to sys.argv."""
        session = Session()
        _prepare_streams()
        try:
            code = self._run(args, session)
        except KeyboardInterrupt:
            # A second Ctrl-C while the first was being told.
            code = ExitCode.INTERRUPTED
        _release_stdout()
        sys.exit(int(code))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Note which command was asked for, so that errors can point to its help."""
        name, command, rest = super().resolve_command(ctx, args)
        ctx.ensure_object(Session).command = f"{ctx.command_path} {name}"
        return name, command, rest

    def _run(self, args: Sequence[str] | None, session: Session) -> int:
        try:
            code = super().main(args, prog_name="jpegslim", standalone_mode=False, obj=session)
        except click.ClickException as error:
            # click begins its messages like sentences; ours follow a colon.
            message = error.format_message().rstrip(".")
            _refuse(message[:1].lower() + message[1:], session)
            return ExitCode.USAGE
        except click.Abort:
            _say("interrupted")
            return ExitCode.INTERRUPTED
        except UsageError as error:
            _show_traceback(session)
            _refuse(str(error), session)
            return ExitCode.USAGE
        except JpegslimError as error:
            _show_traceback(session)
            _say(str(error))
            return ExitCode.STOPPED if isinstance(error, RunError) else ExitCode.SOME_FAILED
        except Exception as error:  # noqa: BLE001 - the one place where bugs meet the user
            _show_traceback(session)
            hint = "" if session.debug else "; run it again with --debug to see where"
            _say(f"unexpected {type(error).__name__}: {error}{hint}")
            return ExitCode.SOME_FAILED
        return int(code or ExitCode.OK)


def _refuse(message: str, session: Session) -> None:
    _say(message)
    click.echo(f"try '{session.command} --help'", err=True)


def _show_traceback(session: Session) -> None:
    if session.debug:
        click.echo(traceback.format_exc(), err=True, nl=False)


def _say(message: str) -> None:
    from jpegslim.reports.wording import printable

    line = " ".join(message.splitlines())
    click.echo(f"jpegslim: {printable(line)}", err=True)


def _prepare_streams() -> None:
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # Closed by the caller (`>&-`): the next file opened would take its number, and
            # whatever a library prints would land in it.
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for the life of the process
        elif mode == "w" and hasattr(stream, "reconfigure"):
            # A name that the terminal's encoding lacks must not end a run.
            stream.reconfigure(errors="backslashreplace")


def _release_stdout() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        # The reader left or the disk is full, which was told or needs no telling. What is still
        # in the buffer would fail again, loudly, when the interpreter flushes it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
