from pathlib import Path

import pytest

from jpegslim.reports.reporter import RunStart
from jpegslim.results import FileResult, Status, Tile
from jpegslim.settings import Settings


@pytest.fixture
def make_result():
    def make(path="photos/a.jpg", status=Status.OPTIMIZED, **changes):
        values = {
            "path": Path(path),
            "output": Path(path),
            "status": status,
            "reason": "target_met",
            "message": "score 85.20 at 4:2:0",
            "bytes_in": 1_000_000,
            "bytes_out": 400_000,
            "score": 85.2,
            "worst_tile": Tile(512, 0, 512, 300, 79.5),
            "target": 85.0,
            "encoder": "ajpegli 1.0.0",
            "chroma_subsampling": "4:2:0",
            "megapixels": 12.0,
            "seconds": 0.5,
        }
        return FileResult(**(values | changes))

    return make


@pytest.fixture
def make_failure(make_result):
    def make(path="photos/broken.jpg", message="the data ends early", **changes):
        values = {
            "status": Status.FAILED,
            "reason": "broken",
            "message": message,
            "output": None,
            "bytes_out": 1_000_000,
            "score": None,
            "worst_tile": None,
        }
        return make_result(path, **(values | changes))

    return make


@pytest.fixture
def make_start():
    def make(**changes):
        values = {"settings": Settings(), "output": None, "dry_run": False, "jobs": 2}
        return RunStart(**(values | changes))

    return make
