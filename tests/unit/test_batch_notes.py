"""A run says once what slows it down."""

from pathlib import Path

import pytest

from jpegslim import batch
from jpegslim.conducting import SLOW_METRIC
from jpegslim.engine import metric
from jpegslim.reports.reporter import RunStart
from jpegslim.results import FileResult, Totals
from jpegslim.settings import Settings


class Listener:
    """Keeps what it was told at the start."""

    def __init__(self) -> None:
        self.notes: tuple[str, ...] = ()

    def started(self, run: RunStart) -> None:
        self.notes = run.notes

    def found(self, files: int, size: int, *, complete: bool) -> None:
        pass

    def finished(self, result: FileResult) -> None:
        pass

    def closed(self, totals: Totals) -> None:
        pass


def notes_of_a_run(folder: Path) -> tuple[str, ...]:
    listener = Listener()
    batch.run([folder], Settings(), output=None, jobs=1, dry_run=True, reporters=[listener])
    return listener.notes


def test_a_missing_kernel_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(metric, "implementation", lambda: metric.NUMPY)
    assert notes_of_a_run(tmp_path) == (SLOW_METRIC,)


@pytest.mark.skipif(metric.implementation() == metric.NUMPY, reason="the kernel was not built")
def test_a_run_with_the_kernel_says_nothing(tmp_path):
    assert notes_of_a_run(tmp_path) == ()
