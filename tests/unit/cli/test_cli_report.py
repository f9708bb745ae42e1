import json
from pathlib import Path

import pytest

from jpegslim import chronicle
from jpegslim.errors import ExitCode
from jpegslim.reports.reporter import RunStart
from jpegslim.results import FileResult, Status, Totals
from jpegslim.settings import Settings


@pytest.fixture
def ledger(tmp_path):
    """A ledger with two runs: one with a photo and a failure, one cut short."""
    file = tmp_path / "ledger.sqlite"
    for number, cut_short in enumerate((None, "no time")):
        reporter, totals = chronicle.Chronicle(file), Totals(cut_short=cut_short, seconds=4.0)
        paths = tuple(Path(name) for name in ("photos", "more", "\x1b[31mred")[: 2 + number])
        reporter.started(
            RunStart(settings=Settings(), output=Path("slim"), dry_run=False, jobs=1, paths=paths)
        )
        for status in (Status.OPTIMIZED, Status.FAILED)[: 2 - number]:
            result = FileResult(
                path=Path(f"photos/{status}.jpg"),
                status=status,
                reason="target_met" if status is Status.OPTIMIZED else "broken",
                message="the data ends early",
                bytes_in=1000,
                bytes_out=400 if status is Status.OPTIMIZED else 1000,
                seconds=1.0,
            )
            totals.add(result)
            reporter.finished(result)
        reporter.closed(totals)
    return file


def test_runs_are_listed_the_latest_first(invoke, ledger):
    outcome = invoke("report", "--ledger", ledger)
    assert outcome.exit_code == ExitCode.OK
    latest, first = outcome.stdout.splitlines()
    assert latest.split()[0] == "2"
    assert "not finished" in latest
    assert latest.endswith("photos, more and 1 more -> slim")
    assert "2 files, 1 smaller, 1 failed, saved 600 bytes (30.0%)  photos, more -> slim" in first


def test_nothing_remembered_is_said(invoke, tmp_path):
    outcome = invoke("report", "--ledger", tmp_path / "none.sqlite")
    assert (outcome.exit_code, outcome.stdout) == (ExitCode.OK, "no run is remembered yet\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("run", ["1", "last"])
def test_a_run_is_told_in_words(invoke, ledger, run):
    outcome = invoke("report", run, "--ledger", ledger)
    assert outcome.exit_code == ExitCode.OK
    first, *rest = outcome.stdout.splitlines()
    assert "photos" in first
    failure = f"failed: {Path('photos/failed.jpg')}: the data ends early"
    assert (failure in rest) is (run == "1")
    assert ("not finished: no time" in rest) is (run == "last")


@pytest.mark.parametrize("name", ["run.html", "run.jsonl", "run.csv"])
def test_a_report_of_a_past_run_is_written(invoke, ledger, tmp_path, name):
    outcome = invoke("report", "1", "--ledger", ledger, "--output", tmp_path / name)
    assert (outcome.exit_code, outcome.stdout) == (ExitCode.OK, "")
    assert "photos" in (tmp_path / name).read_text(encoding="utf-8")


def test_json_of_the_list_and_of_a_run(invoke, ledger):
    runs = [
        json.loads(line)
        for line in invoke("report", "--json", "--ledger", ledger).stdout.splitlines()
    ]
    assert [run["run"] for run in runs] == [2, 1]
    assert runs[1]["totals"]["failed"] == 1
    assert runs[1]["paths"] == ["photos", "more"]
    *files, last = invoke("report", "1", "--json", "--ledger", ledger).stdout.splitlines()
    assert [json.loads(line)["status"] for line in files] == ["optimized", "failed"]
    assert json.loads(last)["totals"]["files"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["newest"], "'newest' is no run"),
        (["-1"], "no such option"),
        (["9"], "run 9 is not remembered"),
        (["--output", "x.html"], "which run"),
        (["1", "--output", "x.doc"], "--output x.doc: the name must end in .html, .jsonl or .csv"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(invoke, ledger, arguments, words):
    outcome = invoke("report", "--ledger", ledger, *arguments)
    assert outcome.exit_code == ExitCode.USAGE
    assert words in outcome.stderr


def test_a_killed_run_is_marked_in_the_list(invoke, tmp_path):
    from jpegslim.files.history import History, beside

    file = tmp_path / "ledger.sqlite"
    with History(beside(file)) as history:
        start = RunStart(settings=Settings(), output=None, dry_run=False, jobs=1)
        history.begin(chronicle._options(start), began=1.8e9)
    line = invoke("report", "--ledger", file).stdout
    assert chronicle.UNENDED in line
    assert line.rstrip().endswith("a list")
