"""What became of metadata and gain maps is told, and above all what did not."""

import csv
import io

import pytest

from jpegslim.reports.records import file_record, totals_record
from jpegslim.reports.sink import Sink
from jpegslim.reports.summary import Tone, summarize, summarize_in_one_line, summarize_problems
from jpegslim.reports.tables import Table
from jpegslim.results import Status, Totals


@pytest.fixture
def totals(make_result):
    totals = Totals()
    totals.add(make_result("a.jpg", metadata_dropped=1200, gain_map=60_000, notes=("one",)))
    totals.add(make_result("b.jpg", metadata_dropped=800, notes=("one", "two")))
    kept = {"status": Status.KEPT, "reason": "c2pa_signed", "bytes_out": 1_000_000, "score": None}
    totals.add(make_result("e\x1b.jpg", metadata_left=True, message="not dropped", **kept))
    return totals


def lines(totals, **options):
    given = {"reasons": {}, "dry_run": False, "failures_in_sight": False} | options
    return [line.text for line in summarize(totals, **given)]


def test_dropped_bytes_are_told_apart_from_the_rest(totals):
    told = lines(totals)
    saved = "3.0 MB -> 1.8 MB, saved 1.2 MB (40.0%)"
    assert f"{saved}, of which 2.0 kB metadata dropped as asked" in told
    assert any(", of which 2.0 kB metadata" in line for line in lines(totals, dry_run=True))


def test_gain_maps_and_notes_are_told_once(totals):
    told = lines(totals)
    assert "HDR gain maps carried as they are: 1 file, 60.0 kB" in told
    assert "2 files: one" in told
    assert "1 file: two" in told


@pytest.mark.parametrize(
    "tell",
    [
        lambda totals: summarize(totals, reasons={}, dry_run=False, failures_in_sight=True),
        lambda totals: summarize_in_one_line(totals, dry_run=False),
        summarize_problems,
    ],
)
def test_every_file_whose_metadata_was_left_is_named_however_little_is_told(totals, tell):
    told = list(tell(totals))
    assert [line.text for line in told if line.tone is Tone.BAD] == [
        r"kept: e\x1b.jpg: not dropped",
        "metadata was not dropped from 1 file",
    ]


def test_without_a_policy_nothing_is_said_of_metadata(make_result):
    totals = Totals()
    totals.add(make_result())
    assert not [line for line in lines(totals) if "metadata" in line or "gain" in line]


def test_a_failed_file_is_named_once(make_failure):
    totals = Totals()
    totals.add(make_failure(metadata_left=True))
    assert len([line for line in lines(totals) if "broken.jpg" in line]) == 1


def test_records_hold_it_for_files_and_for_the_run(totals, make_result):
    record = file_record(make_result(metadata_dropped=5, gain_map=7, notes=("n", "m")))
    assert record["metadata_dropped"] == 5
    assert record["metadata_left"] is False
    assert record["gain_map"] == 7
    assert record["notes"] == ["n", "m"]
    sums = totals_record(totals, dry_run=False)["totals"]
    assert sums["metadata_dropped"] == 2000
    assert sums["metadata_left"] == 1
    assert sums["gain_map"] == {"files": 1, "bytes": 60_000}
    assert sums["notes"] == {"one": 2, "two": 1}


def test_a_table_holds_the_notes_in_one_cell(tmp_path, make_result, make_start):
    path = tmp_path / "run.csv"
    with path.open("wb") as stream:
        table = Table(Sink(stream, name="table", owned=False))
        table.started(make_start())
        table.finished(make_result(notes=("=one", "two"), metadata_dropped=3))
        stream.flush()
    header, row = csv.reader(io.StringIO(path.read_text()))
    cells = dict(zip(header, row, strict=True))
    assert cells["notes"] == "'=one; two"
    assert cells["metadata_dropped"] == "3"
    assert cells["metadata_left"] == "False"
