import csv
import json
from pathlib import Path

import pytest

from jpegslim.batch import TIMEOUT_SECONDS
from jpegslim.chronicle import Chronicle
from jpegslim.errors import ExitCode, FileError, RunError, UsageError
from jpegslim.files.selection import Selection
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
    assert call.dry_run is call.debug is call.wait is False
    assert call.selection == Selection()
    assert call.listed is call.backup is call.max_errors is call.time_limit is None
    assert call.ledger == Path("usual.sqlite")
    assert call.timeout == TIMEOUT_SECONDS
    assert [type(reporter) for reporter in call.reporters] == [ConsoleReporter, Chronicle]


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (["-q", "web"], Settings(target=80)),
        (["--quality", "ARCHIVE"], Settings(target=90)),
        (["--quality", "72.5"], Settings(target=72.5)),
        (["-q", "lossless"], Settings(target=None)),
        (["--baseline"], Settings(progressive=False)),
        (["--no-marker"], Settings(marker=False)),
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


@pytest.mark.parametrize(
    ("options", "selection"),
    [
        (["--include", "a*", "--include", "b/**"], Selection(include=("a*", "b/**"))),
        (["--exclude", "raw", "--exclude", "*.tmp"], Selection(exclude=("raw", "*.tmp"))),
        (["--min-size", "1000"], Selection(min_size=1000)),
        (["--min-size", "200k"], Selection(min_size=200_000)),
        (["--min-size", "1.5 MB"], Selection(min_size=1_500_000)),
        (["--min-size", "2MiB"], Selection(min_size=2 << 20)),
        (["--min-age", "60"], Selection(min_age=60)),
        (["--min-age", "1.5h"], Selection(min_age=5400)),
        (["--min-age", "0"], Selection()),
        (["--follow-symlinks"], Selection(follow_symlinks=True)),
    ],
)
def test_options_become_the_selection(invoke, batch, options, selection):
    assert invoke("optimize", "photos", *options).exit_code == ExitCode.OK
    assert batch.calls[0].selection == selection


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        (["--ledger", "l.db"], "ledger", Path("l.db")),
        (["--no-ledger"], "ledger", None),
        (["--backup", "kept"], "backup", Path("kept")),
        (["--timeout", "30"], "timeout", 30),
        (["--timeout", "2m"], "timeout", 120),
        (["--timeout", "off"], "timeout", None),
        (["--time-limit", "2h"], "time_limit", 7200),
        (["--time-limit", "90"], "time_limit", 90),
        (["--time-limit", "1d"], "time_limit", 86400),
        (["--max-errors", "3"], "max_errors", 3),
        (["--wait"], "wait", True),
    ],
)
def test_more_options_of_the_run_reach_it(invoke, batch, options, name, value):
    assert invoke("optimize", "photos", *options).exit_code == ExitCode.OK
    assert getattr(batch.calls[0], name) == value


@pytest.mark.parametrize(
    ("options", "data"),
    [([], "a b.jpg\nc.jpg\n"), (["-0"], "a b.jpg\0c.jpg"), (["--null"], "a b.jpg\0c.jpg\0")],
)
def test_a_list_is_read_from_a_file_or_standard_input(invoke, batch, tmp_path, options, data):
    (tmp_path / "list").write_text(data)
    for name, stdin in ((tmp_path / "list", None), ("-", data)):
        outcome = invoke("optimize", *options, "--from-file", name, stdin=stdin)
        assert outcome.exit_code == ExitCode.OK
    for call in batch.calls:
        assert call.paths == []
        assert call.listed == [Path("a b.jpg"), Path("c.jpg")]


def test_a_list_in_the_wrong_form_is_wrong_usage(invoke, batch):
    outcome = invoke("optimize", "--from-file", "-", stdin="a.jpg\0b.jpg\0")
    assert outcome.exit_code == ExitCode.USAGE
    assert "add -0" in outcome.stderr
    assert batch.calls == []


def test_json_goes_to_standard_output_alone(invoke, batch):
    batch.results = [result("ä.jpg"), result("b.jpg", Status.KEPT)]
    outcome = invoke("optimize", "photos", "--json")
    first, second, last = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert (first["path"], second["status"]) == ("ä.jpg", "kept")
    assert last["totals"]["files"] == 2
    assert outcome.stderr.splitlines()[0] == IN_PLACE
    assert [type(reporter) for reporter in batch.calls[0].reporters] == [
        ConsoleReporter,
        JsonLines,
        Chronicle,
    ]


def test_without_json_standard_output_stays_empty(invoke, batch):
    batch.results = [result()]
    outcome = invoke("optimize", "photos")
    assert outcome.stdout == ""
    assert "1 file: 1 optimized" in outcome.stderr


def test_quiet_prints_nothing(invoke, batch):
    batch.results = [result()]
    assert invoke("optimize", "photos", "--quiet").output == ""


def test_summary_is_one_line_below_what_went_wrong(invoke, batch):
    batch.results = [result(), result("b.jpg", Status.FAILED, message="damaged")]
    outcome = invoke("optimize", "photos", "--summary")
    assert outcome.exit_code == ExitCode.SOME_FAILED
    failed, line = outcome.stderr.splitlines()
    assert failed == "failed: b.jpg: damaged"
    assert line.startswith("2 files: 1 optimized, 1 failed; ")
    assert outcome.stdout == ""


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
        ["optimize", "-", "--backup", "kept"],
        ["optimize", "-", "--from-file", "list"],
        ["optimize", "-", "--min-age", "0"],
        ["optimize", "-", "--summary"],
        ["optimize", "-0", "photos"],
        ["optimize", "-0"],
        ["optimize", "photos", "--from-file", "-"],
        ["optimize", "--from-file", ""],
        ["optimize", "--from-file", "no-such-list"],
        ["optimize", "--from-file", "."],
        ["optimize", "photos", "--ledger", "l.db", "--no-ledger"],
        ["optimize", "photos", "--ledger", ""],
        ["optimize", "photos", "--backup", ""],
        ["optimize", "photos", "--quiet", "--summary"],
        ["optimize", "photos", "--include", ""],
        ["optimize", "photos", "--exclude", "../raw"],
        ["optimize", "photos", "--min-size", "-1"],
        ["optimize", "photos", "--min-size", "many"],
        ["optimize", "photos", "--min-size", "5x"],
        ["optimize", "photos", "--min-age", "-5"],
        ["optimize", "photos", "--min-age", "nan"],
        ["optimize", "photos", "--min-age", "5 weeks"],
        ["optimize", "photos", "--timeout", "0"],
        ["optimize", "photos", "--time-limit", "0h"],
        ["optimize", "photos", "--time-limit", "inf"],
        ["optimize", "photos", "--max-errors", "0"],
        ["restore"],
        ["restore", ""],
        ["restore", "no-such-folder"],
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


@pytest.mark.parametrize(
    "arguments", [["--help"], ["optimize", "--help"], ["compare", "-h"], ["restore", "-h"]]
)
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


def test_help_shows_every_option_once_and_under_a_heading(invoke):
    from jpegslim.cli.optimize import optimize

    text = invoke("optimize", "--help").stdout
    lines = text[text.index("What becomes of a photo:") :].splitlines()
    shown = [line.split()[0].rstrip(",") for line in lines if line.startswith("  -")]
    options = [each for each in optimize.params if each.param_type_name == "option"]
    shortest = [min(each.opts, key=len) for each in options]
    assert sorted(shown) == sorted([*shortest, "-h"])
    assert lines[lines.index("Other:") + 1 :][0].split()[0] == "--debug"
    assert len(lines[lines.index("Other:") + 1 :]) == 2
