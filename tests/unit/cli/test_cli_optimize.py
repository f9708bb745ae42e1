import csv
import json
from pathlib import Path

import pytest

from jpegslim.errors import ExitCode, FileError, RunError, UsageError
from jpegslim.reports.console import IN_PLACE, ConsoleReporter
from jpegslim.reports.jsonlines import JsonLines
from jpegslim.results import FileResult, Status, Totals
from jpegslim.settings import Settings


def result(path="a.jpg", status=Status.OPTIMIZED, **changes):
    values = {"reason": "target_met", "message": "fine", "bytes_in": 10, "bytes_out": 4}
    return FileResult(path=Path(path), status=status, **(values | changes))


def test_without_options_the_defaults_are_those_of_the_settings(invoke, batch):
    assert invoke("optimize", "photos", "b.jpg").exit_code == ExitCode.OK
    (call,) = batch.calls
    assert call.paths == [Path("photos"), Path("b.jpg")]
    assert call.settings == Settings()
    assert call.output is None
    assert call.jobs == 7
    assert call.dry_run is call.debug is False
    assert [type(reporter) for reporter in call.reporters] == [ConsoleReporter]


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (["-q", "web"], Settings(target=80)),
        (["--quality", "ARCHIVE"], Settings(target=90)),
        (["--quality", "72.5"], Settings(target=72.5)),
        (["-q", "lossless"], Settings(target=None)),
        (["--baseline"], Settings(progressive=False)),
        (["--tile-floor", "5.5"], Settings(tile_margin=5.5)),
        (["--tile-floor", "0"], Settings(tile_margin=0)),
        (["--tile-floor", "off"], Settings(tile_margin=None)),
    ],
)
def test_options_become_settings(invoke, batch, options, settings):
    assert invoke("optimize", "photos", *options).exit_code == ExitCode.OK
    assert batch.calls[0].settings == settings


@pytest.mark.parametrize(
    "options",
    [["-o", "slim", "-j", "3", "-n"], ["--output", "slim", "--jobs", "3", "--dry-run"]],
)
def test_options_of_the_run_reach_it(invoke, batch, options):
    assert invoke("optimize", "photos", *options, "--debug").exit_code == ExitCode.OK
    (call,) = batch.calls
    assert call.output == Path("slim")
    assert call.jobs == 3
    assert call.dry_run is call.debug is True


def test_json_goes_to_standard_output_alone(invoke, batch):
    batch.results = [result("ä.jpg"), result("b.jpg", Status.KEPT)]
    outcome = invoke("optimize", "photos", "--json")
    first, second, last = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert (first["path"], second["status"]) == ("ä.jpg", "kept")
    assert last["totals"]["files"] == 2
    assert outcome.stderr.splitlines()[0] == IN_PLACE
    assert [type(reporter) for reporter in batch.calls[0].reporters] == [ConsoleReporter, JsonLines]


def test_without_json_standard_output_stays_empty(invoke, batch):
    batch.results = [result()]
    outcome = invoke("optimize", "photos")
    assert outcome.stdout == ""
    assert "1 file: 1 optimized" in outcome.stderr


def test_quiet_prints_nothing(invoke, batch):
    batch.results = [result()]
    assert invoke("optimize", "photos", "--quiet").output == ""


@pytest.mark.parametrize("name", ["run.csv", "run.jsonl"])
def test_a_report_is_written(invoke, batch, tmp_path, name):
    batch.results = [result()]
    assert invoke("optimize", "photos", "--report", tmp_path / name).exit_code == ExitCode.OK
    with (tmp_path / name).open(encoding="utf-8", newline="") as stream:
        row = next(csv.DictReader(stream)) if name.endswith("csv") else json.loads(next(stream))
    assert row["path"] == "a.jpg"


def test_a_report_that_cannot_be_opened_stops_before_the_run(invoke, batch, tmp_path):
    outcome = invoke("optimize", "photos", "--report", tmp_path / "missing" / "run.csv")
    assert outcome.exit_code == ExitCode.STOPPED
    assert outcome.stderr.startswith("jpegslim: can't write the report ")
    assert outcome.stderr.count("\n") == 1
    assert batch.calls == []


@pytest.mark.parametrize(
    ("totals", "code"),
    [
        (Totals(), ExitCode.OK),
        (Totals(stopped="disk full"), ExitCode.STOPPED),
        (Totals(interrupted=True), ExitCode.INTERRUPTED),
    ],
)
def test_totals_become_the_exit_code(invoke, batch, totals, code):
    batch.totals = totals
    assert invoke("optimize", "photos").exit_code == code


def test_a_failed_file_is_exit_code_1(invoke, batch):
    batch.results = [result(), result("b.jpg", Status.FAILED, message="damaged")]
    outcome = invoke("optimize", "photos", "--quiet")
    assert outcome.exit_code == ExitCode.SOME_FAILED
    assert outcome.stderr == "failed: b.jpg: damaged\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x does not exist"), ExitCode.USAGE),
        (RunError("disk full"), ExitCode.STOPPED),
        (FileError("broken"), ExitCode.SOME_FAILED),
        (ValueError("a bug"), ExitCode.SOME_FAILED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    ],
)
def test_errors_become_one_line_and_an_exit_code(invoke, batch, error, code):
    batch.error = error
    outcome = invoke("optimize", "photos")
    assert outcome.exit_code == code
    assert "Traceback" not in outcome.output
    said = [line for line in outcome.stderr.splitlines() if line]
    assert said[0].startswith("jpegslim: ")
    assert said[1:] == (["try 'jpegslim optimize --help'"] if code == ExitCode.USAGE else [])


def test_an_unexpected_error_points_to_debug(invoke, batch):
    batch.error = ValueError("a\n\x1b[2Jbug")
    outcome = invoke("optimize", "photos")
    assert outcome.stderr == (
        "jpegslim: unexpected ValueError: a \\x1b[2Jbug; run it again with --debug to see where\n"
    )


@pytest.mark.parametrize("error", [ValueError("a bug"), RunError("disk full")])
def test_debug_shows_where(invoke, batch, error):
    batch.error = error
    outcome = invoke("optimize", "photos", "--debug")
    assert "Traceback (most recent call last)" in outcome.stderr
    assert "_conduct" in outcome.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["optimise", "photos"],
        ["--nonsense"],
        ["optimize"],
        ["optimize", ""],
        ["optimize", "photos", ""],
        ["optimize", "photos", "-o", ""],
        ["optimize", "photos", "--report", ""],
        ["optimize", "photos", "--report", "run.txt"],
        ["optimize", "photos", "--nonsense"],
        ["optimize", "photos", "-q"],
        ["optimize", "photos", "-q", "best"],
        ["optimize", "photos", "-q", "0"],
        ["optimize", "photos", "-q", "101"],
        ["optimize", "photos", "-q", "nan"],
        ["optimize", "photos", "-j", "0"],
        ["optimize", "photos", "-j", "many"],
        ["optimize", "photos", "--tile-floor", "-1"],
        ["optimize", "photos", "--tile-floor", "nan"],
        ["optimize", "photos", "--tile-floor", "inf"],
        ["optimize", "photos", "--tile-floor", "on"],
        ["optimize", "-", "photos"],
        ["optimize", "-", "-o", "slim"],
        ["optimize", "-", "--json"],
        ["optimize", "-", "--report", "run.csv"],
        ["compare", "a.jpg"],
        ["compare", "a.jpg", ""],
        ["compare", "no-such-file.jpg", "nor-this.jpg"],
    ],
)
def test_wrong_usage_is_one_line_a_hint_and_exit_code_2(invoke, batch, arguments):
    outcome = invoke(*arguments)
    assert outcome.exit_code == ExitCode.USAGE
    assert outcome.stdout == ""
    assert batch.calls == []
    if arguments:
        said, hint = outcome.stderr.splitlines()
        assert said.startswith("jpegslim: ")
        assert hint.startswith("try 'jpegslim ")
        assert hint.endswith(" --help'")


@pytest.mark.parametrize("arguments", [["--help"], ["optimize", "--help"], ["compare", "-h"]])
def test_help_fits_a_terminal_and_is_no_error(invoke, arguments):
    outcome = invoke(*arguments)
    assert outcome.exit_code == ExitCode.OK
    assert max(map(len, outcome.stdout.splitlines())) <= 80


def test_help_explains_every_preset(invoke):
    from jpegslim.settings import PRESETS

    text = invoke("optimize", "--help").stdout
    for name, target in PRESETS.items():
        line = next(line for line in text.splitlines() if line.split()[:1] == [name])
        assert target is None or f"{target:g}" in line.split()
