import json
import os
from pathlib import Path

import numpy as np
import pytest

from jpegslim.reports.jsonlines import encode_line
from jpegslim.reports.records import file_record, totals_record
from jpegslim.reports.tables import COLUMNS
from jpegslim.results import SCHEMA_VERSION, Status, Tile, Totals


def test_a_record_has_the_promised_keys_in_order(make_result):
    assert list(file_record(make_result())) == [
        "schema",
        "path",
        "output",
        "status",
        "reason",
        "message",
        "bytes_in",
        "bytes_out",
        "score",
        "worst_tile",
        "target",
        "encoder",
        "chroma_subsampling",
        "megapixels",
        "metadata_dropped",
        "metadata_left",
        "gain_map",
        "notes",
        "seconds",
    ]


def test_columns_are_the_record_with_the_tile_spread_out(make_result):
    record = file_record(make_result())
    spread = []
    for key, value in record.items():
        spread += [f"{key}_{part}" for part in value] if isinstance(value, dict) else [key]
    assert list(COLUMNS) == spread


def test_a_record_says_what_the_result_says(make_result):
    record = file_record(make_result())
    assert record["schema"] == SCHEMA_VERSION
    assert record["path"] == record["output"] == str(Path("photos/a.jpg"))
    assert record["status"] == "optimized"
    assert type(record["status"]) is str
    assert record["worst_tile"] == {"x": 512, "y": 0, "width": 512, "height": 300, "score": 79.5}


def test_undecodable_names_become_readable_json(make_result):
    name = os.fsdecode(b"caf\xe9.jpg")
    record = file_record(make_result(name, message=f"{name} is odd"))
    line = encode_line(record)
    assert json.loads(line.decode("utf-8"))["path"] == "caf\\xe9.jpg"
    assert json.loads(line)["message"] == "caf\\xe9.jpg is odd"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), None])
def test_a_number_that_is_none_is_null(make_result, number):
    result = make_result(
        score=number, worst_tile=Tile(0, 0, 1, 1, number or 0.0), megapixels=number
    )
    record = json.loads(encode_line(file_record(result)))
    assert record["score"] is None
    assert record["megapixels"] is None


def test_numbers_of_numpy_are_written_as_numbers(make_result):
    tile = Tile(np.int64(1), np.int64(2), np.int64(3), np.int64(4), np.float32(5.5))
    result = make_result(score=np.float32(85.25), worst_tile=tile)
    record = json.loads(encode_line(file_record(result)))
    assert record["score"] == 85.25
    assert record["worst_tile"] == {"x": 1, "y": 2, "width": 3, "height": 4, "score": 5.5}


def test_totals_name_every_outcome(make_result, make_failure):
    totals = Totals(seconds=2.0)
    totals.add(make_result())
    totals.add(make_failure())
    record = totals_record(totals, dry_run=True)["totals"]
    assert {str(status): record[str(status)] for status in Status} == {
        "optimized": 1,
        "lossless": 0,
        "kept": 0,
        "skipped": 0,
        "failed": 1,
    }
    assert record["files"] == 2
    assert record["bytes_in"] == 2_000_000
    assert record["bytes_out"] == 1_400_000
    assert record["saved_fraction"] == pytest.approx(0.3)
    assert record["lowest"] == {"path": str(Path("photos/a.jpg")), "score": 85.2}
    assert record["dry_run"] is True
    assert record["exit_code"] == 1


def test_totals_of_nothing_are_valid():
    record = json.loads(encode_line(totals_record(Totals(stopped="disk full"), dry_run=False)))
    assert record["totals"]["lowest"] is None
    assert record["totals"]["stopped"] == "disk full"
    assert record["totals"]["exit_code"] == 3
