import csv
import errno
import io
import json
import os
import sys

import pytest

from jpegslim.errors import RunError, UsageError
from jpegslim.reports.jsonlines import JsonLines
from jpegslim.reports.report_file import open_report
from jpegslim.reports.sink import Sink
from jpegslim.reports.tables import COLUMNS
from jpegslim.results import Status, Totals


class FullDisk(io.BytesIO):
    """Takes `room` bytes, then no more."""

    def __init__(self, room, error=errno.ENOSPC):
        super().__init__()
        self.room = room
        self.error = error

    def write(self, data):
        if self.tell() + len(data) > self.room:
            raise OSError(self.error, os.strerror(self.error))
        return super().write(data)


def test_json_lines_are_on_disk_as_each_file_finishes(tmp_path, make_result, make_start):
    path = tmp_path / "run.jsonl"
    with open_report(path) as report:
        report.started(make_start())
        report.found(2, 2_000_000, complete=True)
        assert path.read_bytes() == b""
        report.finished(make_result())
        assert json.loads(path.read_bytes())["path"]
        report.finished(make_result("photos/ä.jpg", status=Status.KEPT))
        assert [json.loads(line)["status"] for line in path.read_bytes().splitlines()] == [
            "optimized",
            "kept",
        ]
        report.closed(Totals())
    *files, last = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert len(files) == 2
    assert set(last) == {"schema", "totals"}
    assert "ä" in path.read_text(encoding="utf-8")


def test_table_rows_are_on_disk_as_each_file_finishes(tmp_path, make_result, make_start):
    path = tmp_path / "run.CSV"
    with open_report(path) as report:
        report.started(make_start())
        assert path.read_text(encoding="utf-8").strip() == ",".join(COLUMNS)
        report.finished(make_result('photos/a, "b".jpg'))
        report.finished(make_result(worst_tile=None, score=None, output=None))
        with path.open(encoding="utf-8", newline="") as stream:
            first, second = csv.DictReader(stream)
        report.closed(Totals())
    assert first["path"].endswith('a, "b".jpg')
    assert first["worst_tile_x"] == "512"
    assert first["worst_tile_score"] == "79.5"
    assert second["worst_tile_x"] == second["score"] == second["output"] == ""
    assert len(path.read_bytes().splitlines()) == 3


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_takes_no_name_for_a_formula(tmp_path, make_result, make_start, start):
    path = tmp_path / "run.csv"
    with open_report(path) as report:
        report.started(make_start())
        report.finished(make_result(f"{start}cmd.jpg", score=-3.5))
        report.closed(Totals())
    with path.open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["path"] == f"'{start}cmd.jpg"
    assert float(row["score"]) == -3.5


@pytest.mark.parametrize("name", ["run.txt", "run", ".csv", "photo.jpg", "run.json"])
def test_an_unknown_kind_of_report_is_wrong_usage(tmp_path, name):
    with pytest.raises(UsageError, match=r"\.jsonl or \.csv"), open_report(tmp_path / name):
        pass
    assert not (tmp_path / name).exists()


def test_a_picture_is_never_taken_for_an_earlier_report(tmp_path):
    path = tmp_path / "oddly-named.csv"
    path.write_bytes(b"\xff\xd8\xff\xe0 and so on")
    with pytest.raises(UsageError, match="picture"), open_report(path):
        pass
    assert path.read_bytes() == b"\xff\xd8\xff\xe0 and so on"


def test_an_unwritable_report_stops_before_the_run(tmp_path):
    with pytest.raises(RunError, match="can't write the report"):
        open_report(tmp_path / "missing" / "run.csv").__enter__()
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(RunError, match="can't write the report"):
        open_report(tmp_path / "folder.csv").__enter__()


def test_an_earlier_report_lives_until_the_run_starts(tmp_path, make_start):
    path = tmp_path / "run.jsonl"
    path.write_text("earlier\n")
    with open_report(path) as report:
        assert path.read_text() == "earlier\n"
        report.started(make_start())
        assert path.read_text() == ""


def test_a_full_disk_stops_the_run_once(make_result, make_start):
    report = JsonLines(Sink(FullDisk(room=500), name="the report x.jsonl", owned=True))
    report.started(make_start())
    report.finished(make_result())
    with pytest.raises(RunError, match=r"can't write the report x\.jsonl: No space left"):
        report.finished(make_result())
    report.finished(make_result())
    report.closed(Totals())


def test_a_full_disk_at_the_end_is_told(make_result, make_start):
    report = JsonLines(Sink(FullDisk(room=500), name="the report x.jsonl", owned=True))
    report.started(make_start())
    report.finished(make_result())
    with pytest.raises(RunError, match="No space left"):
        report.closed(Totals())


def test_a_reader_that_left_does_not_stop_the_run(make_result, make_start):
    stream = FullDisk(room=500, error=errno.EPIPE)
    report = JsonLines(Sink(stream, name="standard output", owned=False))
    report.started(make_start())
    for _ in range(3):
        report.finished(make_result())
    report.closed(Totals())
    assert stream.getvalue().count(b"\n") == 1
    assert not stream.closed


def test_standard_output_is_neither_emptied_nor_closed(tmp_path, make_result, make_start):
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    with path.open("ab") as stream:
        report = JsonLines(Sink(stream, name="standard output", owned=False))
        report.started(make_start())
        report.finished(make_result())
        report.closed(Totals())
        assert not stream.closed
    assert path.read_bytes().startswith(b"before\n{")


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes are POSIX")
def test_a_named_pipe_is_not_read_from(tmp_path, make_result, make_start):
    path = tmp_path / "run.jsonl"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with open_report(path) as report:
            report.started(make_start())
            report.finished(make_result())
        assert json.loads(os.read(reader, 65536))["status"] == "optimized"
    finally:
        os.close(reader)
