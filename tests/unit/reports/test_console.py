import io
import os
import re

import pytest

from jpegslim.reports.console import (
    BACKED_UP,
    DRY_RUN,
    IN_BUCKETS,
    IN_PLACE,
    ConsoleReporter,
    Detail,
)
from jpegslim.results import Status, Totals


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def log():
    return io.StringIO()


@pytest.fixture
def terminal():
    return Terminal()


def run(console, start, results, *, totals=None, found=None):
    totals = Totals(seconds=4.0) if totals is None else totals
    with console:
        console.started(start)
        console.found(len(results) if found is None else found, 5_000_000, complete=True)
        for result in results:
            totals.add(result)
            console.finished(result)
        console.closed(totals)


def test_the_first_line_says_that_originals_are_not_kept(log, make_start, make_result):
    run(ConsoleReporter(stream=log), make_start(), [make_result()])
    assert log.getvalue().splitlines()[0] == IN_PLACE
    assert IN_PLACE == "replacing in place; originals are not kept"


def test_of_objects_the_first_line_says_that_their_bucket_decides(log, make_start, make_result):
    run(ConsoleReporter(stream=log), make_start(objects=True), [make_result()])
    assert log.getvalue().splitlines()[0] == IN_BUCKETS


def test_a_dry_run_says_so_and_speaks_of_what_it_would_do(log, make_start, make_result):
    run(ConsoleReporter(stream=log), make_start(dry_run=True), [make_result()])
    first, *rest = log.getvalue().splitlines()
    assert first == DRY_RUN == "dry run: nothing will be written"
    assert IN_PLACE not in rest
    assert any("would save 600.0 kB (60.0%)" in line for line in rest)
    assert "delivered" not in log.getvalue()


def test_with_an_output_folder_there_is_nothing_to_warn_of(log, make_start, make_result, tmp_path):
    run(ConsoleReporter(stream=log), make_start(output=tmp_path), [make_result()])
    assert IN_PLACE not in log.getvalue()


def test_the_summary_counts_and_explains(log, make_start, make_result, make_failure):
    kept = {"status": Status.KEPT, "score": None, "bytes_out": 1_000_000}
    results = [
        make_result("b.jpg", score=86.1),
        make_result("a.jpg", score=85.02),
        make_result("c.jpg", reason="too_little_to_gain", **kept),
        make_result("d.jpg", reason="too_little_to_gain", **kept),
        make_result("e.jpg", reason="hierarchical_coding", **kept),
        make_failure(),
    ]
    run(ConsoleReporter(stream=log), make_start(), results)
    assert log.getvalue().splitlines()[1:] == [
        "failed: photos/broken.jpg: the data ends early",
        "6 files: 2 optimized, 3 kept, 1 failed (4.0 s, 18.0 MP/s)",
        "6.0 MB -> 4.8 MB, saved 1.2 MB (20.0%)",
        "lowest score delivered 85.02: a.jpg",
        "kept: 2, too little to gain",
        "kept: 1, hierarchical coding",
    ]


def test_failures_far_up_in_a_log_are_named_again(log, make_start, make_result, make_failure):
    clock = Clock()
    totals = Totals()
    console = ConsoleReporter(stream=log, clock=clock)
    console.started(make_start())
    for result in (make_failure(), make_result()):
        clock.now += 6
        totals.add(result)
        console.finished(result)
    console.closed(totals)
    lines = log.getvalue().splitlines()
    assert lines[1] == lines[-1] == "failed: photos/broken.jpg: the data ends early"


def test_a_terminal_names_failures_once_at_the_end(terminal, make_start, make_failure, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    run(ConsoleReporter(stream=terminal), make_start(), [make_failure()])
    assert terminal.getvalue().count("failed: photos/broken.jpg") == 1
    assert terminal.getvalue().endswith("failed: photos/broken.jpg: the data ends early\n")


def test_a_log_is_not_wrapped_and_has_no_escapes(log, make_start, make_failure):
    long = "deep/" * 60 + "broken.jpg"
    run(ConsoleReporter(stream=log), make_start(), [make_failure(long)])
    assert f"failed: {long}: the data ends early" in log.getvalue().splitlines()
    assert "\x1b" not in log.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_names_can_neither_command_the_terminal_nor_style_themselves(
    stream, make_start, make_result, make_failure, monkeypatch
):
    monkeypatch.setenv("NO_COLOR", "1")
    out = stream()
    nasty = "[red]a[/red] :smile: \x1b]0;owned\x07\x1b[2J\nfailed: nothing" + os.fsdecode(b"\xe9")
    shown = r"[red]a[/red] :smile: \x1b]0;owned\x07\x1b[2J\x0afailed: nothing\xe9"
    run(
        ConsoleReporter(stream=out),
        make_start(),
        [make_result(nasty), make_failure(nasty, message=f"{nasty}!")],
    )
    assert f"failed: {shown}: {shown}!" in out.getvalue()
    assert f"lowest score delivered 85.20: {shown}" in out.getvalue()
    assert "\x1b]0;" not in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()


def test_quiet_says_nothing_when_all_is_well(log, make_start, make_result):
    run(ConsoleReporter(stream=log, detail=Detail.PROBLEMS), make_start(), [make_result()])
    assert log.getvalue() == ""


def test_quiet_still_tells_what_went_wrong(log, make_start, make_result, make_failure):
    totals = Totals(stopped="disk full", interrupted=True)
    console = ConsoleReporter(stream=log, detail=Detail.PROBLEMS)
    run(console, make_start(), [make_failure(), make_result()], totals=totals)
    assert log.getvalue().splitlines() == [
        "stopped: disk full",
        "interrupted: 2 files done, the rest untouched",
        "failed: photos/broken.jpg: the data ends early",
    ]


def test_quiet_shows_no_bar(terminal, make_start, make_result):
    run(ConsoleReporter(stream=terminal, detail=Detail.PROBLEMS), make_start(), [make_result()])
    assert terminal.getvalue() == ""


def test_an_interrupted_run_says_what_is_done(log, make_start, make_result):
    totals = Totals(interrupted=True)
    run(ConsoleReporter(stream=log), make_start(), [make_result()], totals=totals)
    assert "interrupted: 1 file done, the rest untouched" in log.getvalue()


def test_a_run_that_found_nothing_says_so(log, make_start):
    run(ConsoleReporter(stream=log), make_start(), [])
    assert log.getvalue().splitlines()[-1] == "no JPEG files found"


def test_a_log_gets_a_line_every_ten_seconds(log, make_start, make_result):
    clock = Clock()
    console = ConsoleReporter(stream=log, clock=clock)
    console.started(make_start())
    console.found(10, 10_000_000, complete=True)
    for _ in range(4):
        clock.now += 4
        console.finished(make_result())
    assert log.getvalue().splitlines()[1:] == ["3/10 files, saved 60.0%, 28 s left, 0.2 MB/s"]


def test_a_long_run_does_not_fill_the_log(log, make_start, make_result):
    clock = Clock()
    console = ConsoleReporter(stream=log, clock=clock)
    console.started(make_start())
    console.found(40_000, 40_000_000_000, complete=True)
    for _ in range(36_000):
        clock.now += 1
        console.finished(make_result())
    assert 50 < len(log.getvalue().splitlines()) < 150


def test_a_terminal_gets_a_bar_that_goes_away(terminal, make_start, make_result):
    run(ConsoleReporter(stream=terminal), make_start(), [make_result()])
    assert "\x1b[?25l" in terminal.getvalue()
    assert terminal.getvalue().rstrip().count("\x1b[?25h") == 1
    assert "1/1 files" in terminal.getvalue()


def test_the_bar_comes_down_when_the_run_breaks(terminal, make_start):
    def break_off():
        with ConsoleReporter(stream=terminal) as console:
            console.started(make_start())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert "\x1b[?25h" in terminal.getvalue()


def test_the_total_is_open_while_the_walk_goes_on(terminal, make_start, make_result):
    with ConsoleReporter(stream=terminal) as console:
        console.started(make_start())
        assert console._pace.parts() == ["looking for photos"]
        console.finished(make_result())
        assert console._pace.parts()[0] == "1/1+ files"
        console.found(3, 3_000_000, complete=False)
        assert console._pace.parts()[0] == "1/3+ files"
        assert console._pace.seconds_left is None


@pytest.mark.parametrize("width", ["20", "40", "60", "200"])
def test_the_bar_fits_any_width(width, terminal, make_start, make_result, monkeypatch):
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("NO_COLOR", "1")
    clock = Clock()
    with ConsoleReporter(stream=terminal, clock=clock) as console:
        console.started(make_start(output="out"))
        console.found(123_456, 10**12, complete=True)
        clock.now += 3
        console.finished(make_result())
    texts = re.split(r"\x1b\[[?\d;]*[a-zA-Z]|[\r\n]+", terminal.getvalue())
    assert all(len(text) <= int(width) for text in texts)
    assert any("1/123456" in text for text in texts)


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_dumb_terminal_gets_lines(term, terminal, make_start, make_result, monkeypatch):
    monkeypatch.setenv("TERM", term)
    run(ConsoleReporter(stream=terminal), make_start(), [make_result()])
    assert "\x1b" not in terminal.getvalue()


def test_forced_colour_does_not_make_a_log_a_terminal(log, make_start, make_result, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    run(ConsoleReporter(stream=log), make_start(), [make_result()])
    assert "\x1b[?25l" not in log.getvalue()


def test_no_color_is_respected(terminal, make_start, make_failure, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    run(ConsoleReporter(stream=terminal), make_start(), [make_failure()])
    assert "\x1b[31m" not in terminal.getvalue()


def test_lines_can_be_asked_for_on_a_terminal(terminal, make_start, make_result):
    run(ConsoleReporter(stream=terminal, bar=False), make_start(), [make_result()])
    assert "\x1b[?25l" not in terminal.getvalue()


def test_where_the_originals_are_is_told_before_and_after(log, make_start, make_result, tmp_path):
    run(ConsoleReporter(stream=log), make_start(backup=tmp_path), [make_result()])
    first, *_, last = log.getvalue().splitlines()
    assert first == f"{BACKED_UP} {tmp_path}"
    assert last == f"the originals are in {tmp_path}"


def test_where_nothing_was_replaced_no_originals_are_told_of(
    log, make_start, make_failure, tmp_path
):
    run(ConsoleReporter(stream=log), make_start(backup=tmp_path), [make_failure()])
    assert "the originals" not in log.getvalue()


def test_files_left_for_later_take_one_line(log, make_start, make_result):
    young = {"status": Status.SKIPPED, "reason": "too_young", "score": None, "megapixels": None}
    young |= {"bytes_in": 0, "bytes_out": 0, "output": None}
    run(ConsoleReporter(stream=log), make_start(), [make_result(f"{n}.jpg", **young) for n in "ab"])
    assert "skipped: 2, modified just now, left for the next run" in log.getvalue().splitlines()


CUT_SHORT = "the time limit is over; run again to go on"


def test_a_run_that_was_cut_short_says_so(log, make_start, make_result):
    totals = Totals(cut_short=CUT_SHORT)
    run(ConsoleReporter(stream=log), make_start(), [make_result()], totals=totals)
    assert log.getvalue().splitlines()[1] == f"not finished: {CUT_SHORT}"


@pytest.mark.parametrize("detail", list(Detail))
def test_a_run_cut_short_before_its_first_file_found_something(log, detail, make_start):
    run(
        ConsoleReporter(stream=log, detail=detail),
        make_start(),
        [],
        totals=Totals(cut_short=CUT_SHORT),
    )
    assert "no JPEG files" not in log.getvalue()
    # Not finished is no problem: it was asked for.
    assert (CUT_SHORT in log.getvalue()) is (detail is not Detail.PROBLEMS)


def one_line(stream, start, results, totals=None):
    run(ConsoleReporter(stream=stream, detail=Detail.ONE_LINE), start, results, totals=totals)
    return stream.getvalue().splitlines()


def test_the_short_summary_is_one_line(log, make_start, make_result, make_failure):
    assert one_line(log, make_start(), [make_result(), make_failure()]) == [
        "failed: photos/broken.jpg: the data ends early",
        "2 files: 1 optimized, 1 failed; 2.0 MB -> 1.4 MB, saved 600.0 kB (30.0%); 4.0 s",
    ]


def test_the_short_summary_of_nothing_to_do(log, make_start, make_result):
    done = make_result(status=Status.SKIPPED, bytes_out=1_000_000, score=None)
    assert one_line(log, make_start(), [done]) == ["1 file: 1 skipped; 4.0 s"]


def test_the_short_summary_where_nothing_was_found(log, make_start):
    assert one_line(log, make_start(), []) == ["no JPEG files found"]


def test_the_short_summary_of_a_run_that_ended_early(log, make_start, make_result):
    totals = Totals(cut_short=CUT_SHORT, stopped="disk full")
    stopped, line = one_line(log, make_start(), [make_result()], totals)
    assert stopped == "stopped: disk full"
    assert line.endswith(f"; not finished: {CUT_SHORT}")


def test_the_short_summary_draws_no_bar(terminal, make_start, make_result, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert len(one_line(terminal, make_start(), [make_result()])) == 1
    assert "\x1b[?25l" not in terminal.getvalue()
