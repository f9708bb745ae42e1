"""Totals: the counts of a run, and the exit code that follows from them."""

from pathlib import Path

import pytest

from jpegslim.errors import ExitCode
from jpegslim.results import FileResult, Probe, SearchTrace, Status, Totals


def result(status=Status.OPTIMIZED, name="a.jpg", **more):
    return FileResult(path=Path(name), status=status, reason="r", message="m", **more)


def total(*results, **more):
    totals = Totals(**more)
    for each in results:
        totals.add(each)
    return totals


def test_sums_and_counts():
    totals = total(
        result(bytes_in=100, bytes_out=40, megapixels=2.0, seconds=0.1),
        result(Status.KEPT, bytes_in=50, bytes_out=50),
    )
    assert (totals.files, totals.bytes_in, totals.bytes_out) == (2, 150, 90)
    assert totals.saved_fraction == pytest.approx(0.4)
    assert totals.megapixels == 2.0
    assert totals.counts == {Status.OPTIMIZED: 1, Status.KEPT: 1}


def test_what_an_earlier_run_saved_is_not_saved_again():
    totals = total(result(Status.SKIPPED, bytes_in=100, bytes_out=40, megapixels=2.0, seconds=0.1))
    assert totals.saved_fraction == 0
    assert totals.megapixels == 0


def test_pictures_answered_without_a_look_do_not_count_as_work():
    assert total(result(Status.KEPT, bytes_in=9, bytes_out=9, megapixels=2.0)).megapixels == 0


def test_an_empty_run_saved_nothing_and_is_fine():
    assert (total().files, total().saved_fraction, total().exit_code) == (0, 0.0, ExitCode.OK)


def test_the_lowest_score_is_kept_with_its_file():
    totals = total(
        result(score=86.0), result(score=85.1, name="low.jpg"), result(score=99.0), result()
    )
    assert totals.lowest.path == Path("low.jpg")


def test_failures_are_kept_whole():
    failed = result(Status.FAILED, name="bad.jpg")
    assert total(result(), failed).failures == [failed]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.FAILED])
def test_nothing_but_a_failure_changes_the_exit_code(status):
    assert total(result(status)).exit_code is ExitCode.OK


def test_the_strongest_ending_wins():
    failed = result(Status.FAILED)
    assert total(failed).exit_code is ExitCode.SOME_FAILED
    assert total(failed, stopped="disk full").exit_code is ExitCode.STOPPED
    assert total(failed, stopped="disk full", interrupted=True).exit_code is ExitCode.INTERRUPTED


def test_the_trace_counts_whole_pictures():
    probes = [Probe(stage, "4:2:0", 1.0, 1, 85.0) for stage in ("sample", "full", "sample", "full")]
    assert SearchTrace(tuple(probes)).full_encodes == 2
    assert SearchTrace().full_encodes == 0
