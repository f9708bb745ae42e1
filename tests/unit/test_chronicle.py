"""Runs are remembered by themselves, and told again to any reporter."""

import json
import re
from pathlib import Path

import pytest

from jpegslim import batch, chronicle
from jpegslim.errors import RunError, UsageError
from jpegslim.files.history import History, beside
from jpegslim.reports.html_rows import FIELDS
from jpegslim.reports.report_file import open_report
from jpegslim.reports.reporter import RunStart
from jpegslim.results import FileResult, Reason, Status, Totals
from jpegslim.settings import Metadata, Settings


class Listener:
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.start, self.results, self.totals = None, [], None

    def started(self, run):
        self.start = run

    def found(self, files, size, *, complete):
        raise AssertionError(f"found again: {files}, {size}, {complete}")

    def finished(self, result):
        self.results.append(result)

    def closed(self, totals):
        self.totals = totals


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "state" / "ledger.sqlite"


def start(**changes):
    values = {"settings": Settings(), "output": None, "dry_run": False, "jobs": 2}
    return RunStart(**(values | changes))


def result(name="a.jpg", status=Status.OPTIMIZED, **changes):
    values = {"reason": "target_met", "message": "", "bytes_in": 10, "bytes_out": 4}
    return FileResult(path=Path(name), status=status, **(values | {"seconds": 1.0} | changes))


def remember(ledger, *results, run=None, totals=None):
    totals = totals or Totals()
    reporter = chronicle.Chronicle(ledger)
    reporter.started(run or start())
    for each in results:
        totals.add(each)
        reporter.finished(each)
    reporter.closed(totals)
    return totals


def again(ledger, number=None):
    listener = Listener()
    chronicle.replay(ledger, number, [listener])
    return listener


def test_a_run_is_told_again_as_it_was(ledger):
    settings = Settings(target=80.0, metadata=Metadata.SAFE)
    run = start(
        settings=settings, output=Path("out"), paths=(Path("a"), Path("b")), notes=("slow",)
    )
    results = [
        result(score=79.5, gain_map=5, notes=("hdr",), metadata_dropped=3),
        result("b.jpg", Status.FAILED, reason="broken", message="no"),
    ]
    totals = remember(ledger, *results, run=run)
    heard = again(ledger)
    assert heard.results == results
    assert heard.totals == totals
    assert heard.totals.lowest == results[0]
    assert heard.totals.failures == [results[1]]
    told = heard.start
    assert (told.settings, told.output, told.paths, told.notes) == (
        settings,
        run.output,
        run.paths,
        run.notes,
    )
    assert told.folder == Path.cwd()
    assert told.began is not None


def test_what_was_only_known_is_counted_and_not_named(ledger):
    known = result("k.jpg", Status.SKIPPED, reason=Reason.ALREADY_OPTIMIZED, seconds=0.0)
    remember(ledger, known, result(), known)
    heard = again(ledger)
    assert [each.path.name for each in heard.results] == ["a.jpg"]
    assert heard.totals.counts[Status.SKIPPED] == 2


def test_a_dry_run_is_not_remembered(ledger):
    remember(ledger, result(), run=start(dry_run=True))
    assert not beside(ledger).exists()


def test_a_run_that_could_not_begin_is_not_remembered(ledger):
    remember(ledger, totals=Totals(stopped="another run is at work"))
    assert chronicle.remembered(ledger) == []


def test_a_run_that_found_nothing_is(ledger):
    remember(ledger)
    assert [run.results for run in chronicle.remembered(ledger)] == [0]


def test_a_killed_run_says_so(ledger):
    with History(beside(ledger)) as history:
        number = history.begin(chronicle._options(start()), began=1.8e9)
        history.end(number, Totals())
        killed = history.begin(chronicle._options(start()), began=1.8e9)
    assert again(ledger, number).totals.stopped is None
    assert again(ledger, killed).totals.stopped == chronicle.UNENDED


def test_runs_that_are_not_remembered_are_wrong_usage(ledger):
    with pytest.raises(UsageError, match="no run is remembered"):
        again(ledger)
    remember(ledger, result())
    with pytest.raises(UsageError, match="run 7 is not remembered"):
        again(ledger, 7)


def test_missing_results_are_noted(ledger, monkeypatch):
    monkeypatch.setattr("jpegslim.files.history.LARGEST_RUN", 1)
    remember(ledger, result(), result("b.jpg"))
    assert any("1 are missing" in note for note in again(ledger).start.notes)


def test_a_history_that_cannot_be_written_stops_the_run(ledger):
    beside(ledger).mkdir(parents=True)
    reporter = chronicle.Chronicle(ledger)
    reporter.started(start())
    with pytest.raises(RunError, match="history of runs"):
        reporter.finished(result())


@pytest.mark.parametrize("kept", ["output", "backup", "neither"])
def test_a_page_of_a_past_run_shows_pictures_where_both_versions_are(tmp_path, photograph, kept):
    tree, ledger = tmp_path / "photos", tmp_path / "ledger.sqlite"
    tree.mkdir()
    (tree / "a.jpg").write_bytes(photograph(0))
    options = {} if kept == "neither" else {kept: tmp_path / "kept"}
    batch.run(
        [tree],
        Settings(),
        jobs=1,
        dry_run=False,
        reporters=[chronicle.Chronicle(ledger)],
        ledger=ledger,
        **({"output": None} | options),
    )
    page = tmp_path / "pages" / "run.html"
    page.parent.mkdir()
    with open_report(page) as report:
        chronicle.replay(ledger, None, [report])
    line = re.search(r'id="data-rows">\n(.*)\n', page.read_text(encoding="utf-8"))[1]
    row = dict(zip(FIELDS, json.loads(line), strict=False))
    assert row["status"] == "optimized"
    urls = row.get("before"), row.get("after")
    if kept == "neither":
        assert urls == (None, None)
    else:
        before, after = ((page.parent / url).read_bytes() for url in urls)
        assert before == photograph(0)
        assert len(after) == row["out"]
