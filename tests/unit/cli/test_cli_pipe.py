import io
import sys

import pytest

from jpegslim.cli import main
from jpegslim.errors import BrokenJpeg, ExitCode, NotAJpeg, UnsupportedJpeg
from jpegslim.results import Optimized, Status
from jpegslim.settings import Settings


class Stream(io.TextIOWrapper):
    """Standard input or output that may be a terminal, or a pipe nobody reads."""

    def __init__(self, data=b"", *, terminal=False, broken=False):
        super().__init__(BrokenPipe() if broken else io.BytesIO(data))
        self.terminal = terminal

    def isatty(self):
        return self.terminal


class BrokenPipe(io.BytesIO):
    def write(self, _):
        raise BrokenPipeError


def test_the_smaller_picture_comes_out(invoke, batch):
    outcome = invoke("optimize", "-", "-q", "web", stdin=b"a picture")
    assert outcome.exit_code == ExitCode.OK
    assert outcome.stdout_bytes == b"smaller"
    assert outcome.stderr == (
        "jpegslim: optimized: 1.0 kB -> 400 bytes (60.0% smaller), score 85.20\n"
    )
    (call,) = batch.calls
    assert call.data == b"a picture"
    assert call.settings == Settings(target=80)


def test_a_picture_that_stays_comes_out_unchanged(invoke, batch):
    batch.delivered = Optimized(
        data=b"a picture",
        status=Status.KEPT,
        reason="too_little_to_gain",
        detail="too little to gain",
        bytes_in=9,
        bytes_out=9,
    )
    outcome = invoke("optimize", "-", stdin=b"a picture")
    assert outcome.exit_code == ExitCode.OK
    assert outcome.stdout_bytes == b"a picture"
    assert outcome.stderr == "jpegslim: kept: too little to gain\n"


def test_a_jpeg_that_cannot_be_rewritten_comes_out_unchanged(invoke, batch):
    batch.error = UnsupportedJpeg("a JPEG-LS")
    outcome = invoke("optimize", "-", stdin=b"a picture")
    assert outcome.exit_code == ExitCode.OK
    assert outcome.stdout_bytes == b"a picture"


@pytest.mark.parametrize("error", [BrokenJpeg("truncated"), NotAJpeg("looks like PNG")])
def test_a_failure_writes_nothing_and_says_why(invoke, batch, error):
    batch.error = error
    outcome = invoke("optimize", "-", "--quiet", stdin=b"a picture")
    assert outcome.exit_code == ExitCode.SOME_FAILED
    assert outcome.stdout_bytes == b""
    assert outcome.stderr == f"jpegslim: {error}\n"


def test_quiet_leaves_standard_error_empty(invoke, batch):
    assert invoke("optimize", "-", "--quiet", stdin=b"a picture").stderr == ""


def test_a_dry_run_writes_no_picture(invoke, batch):
    outcome = invoke("optimize", "-", "--dry-run", stdin=b"a picture")
    assert outcome.stdout_bytes == b""
    assert "60.0% smaller" in outcome.stderr


@pytest.fixture
def end(monkeypatch, capsys, batch):
    """Run main() on given streams; return the exit code and what standard error got."""

    def run(*arguments, stdin, stdout):
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(sys, "argv", ["jpegslim", *arguments])
        with pytest.raises(SystemExit) as ending:
            main()
        return ending.value.code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("stdin", "stdout"), [(Stream(terminal=True), Stream()), (Stream(b"x"), Stream(terminal=True))]
)
def test_terminals_are_refused(end, batch, stdin, stdout):
    code, said = end("optimize", "-", stdin=stdin, stdout=stdout)
    assert code == ExitCode.USAGE
    assert "jpegslim optimize - < in.jpg > out.jpg" in said
    assert batch.calls == []


def test_a_dry_run_may_end_at_a_terminal(end):
    code, _ = end("optimize", "-", "-n", stdin=Stream(b"x"), stdout=Stream(terminal=True))
    assert code == ExitCode.OK


def test_a_reader_that_left_is_told_in_one_line(end):
    code, said = end("optimize", "-", stdin=Stream(b"x"), stdout=Stream(broken=True))
    assert code == ExitCode.SOME_FAILED
    assert said == "jpegslim: nobody took the photo: standard output was closed early\n"
