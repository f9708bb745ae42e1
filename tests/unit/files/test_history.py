import os
import sqlite3
import time
from pathlib import Path

import pytest

from jpegslim.errors import RunError
from jpegslim.files import history
from jpegslim.files.history import History, beside, is_news
from jpegslim.results import FileResult, Reason, Status, Tile, Totals, View

OPTIONS = {"output": None}
NOW = 1_800_000_000.0


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "ledger.runs.sqlite"


def result(name="a.jpg", status=Status.OPTIMIZED, **changes):
    values = {"reason": "target_met", "message": "fine", "bytes_in": 10, "bytes_out": 4}
    return FileResult(path=Path(name), status=status, **(values | {"seconds": 1.0} | changes))


def remember(file, *results, began=NOW, totals=None):
    with History(file) as open_history:
        run = open_history.begin(OPTIONS, began=began)
        for each in results:
            open_history.add(run, each)
        open_history.end(run, totals or Totals())
    return run


def test_results_come_back_as_they_were(file):
    full = result(
        os.fsdecode(b"caf\xe9/\x01.jpg"),
        output=Path("out/a.jpg"),
        original=Path("kept/a.jpg"),
        score=85.25,
        worst_tile=Tile(512, 0, 512, 300, 79.5),
        target=85.0,
        encoder="ajpegli 1.0.0",
        chroma_subsampling="4:2:0",
        megapixels=12.5,
        metadata_dropped=7,
        gain_map=9,
        notes=("one", "two"),
        full_encodes=3,
        orientation=6,
    )
    plain = result("b.jpg", Status.FAILED, message="broken \u202e")
    run = remember(file, full, plain)
    with History(file, read_only=True) as again:
        assert [*again.results(run)] == [full, plain]


def test_pictures_and_tracebacks_are_not_kept(file):
    view = View(
        before=b"b",
        after=b"a",
        media_type="image/webp",
        tile=Tile(0, 0, 1, 1, 1.0),
        thumbnail=b"t",
    )
    run = remember(file, result(traceback="Traceback", view=view))
    with History(file) as again:
        (kept,) = again.results(run)
    assert kept.traceback is kept.view is None


def test_totals_come_back(file):
    totals = Totals(bytes_in=10, bytes_out=4, megapixels=1.5, seconds=2.0, cut_short="time")
    totals.counts.update({Status.OPTIMIZED: 3, Status.SKIPPED: 90_000})
    number = remember(file, totals=totals)
    with History(file) as again:
        run = again.run(number)
    assert run.totals == totals
    assert (run.began, run.options, run.results) == (NOW, OPTIONS, 0)


def test_the_latest_comes_first_and_last_is_the_latest(file):
    numbers = [remember(file, began=NOW + day) for day in range(3)]
    with History(file) as again:
        assert [run.number for run in again.runs()] == numbers[::-1]
        assert again.run(None).number == numbers[-1]
        assert again.run(99) is None


def test_a_run_that_was_killed_keeps_what_was_committed(file):
    with History(file) as killed:
        run = killed.begin(OPTIONS, began=NOW)
        for number in range(history._PENDING_ROWS + 1):
            killed.add(run, result(f"{number}.jpg"))
    with History(file) as again:
        assert again.run(run).totals is None
        assert len([*again.results(run)]) == history._PENDING_ROWS


def test_a_slow_run_commits_as_it_goes(file, monkeypatch):
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with History(file) as running, History(file) as looking:
        run = running.begin(OPTIONS, began=NOW)
        running.add(run, result())
        assert len([*looking.results(run)]) == 1


def test_runs_past_keeping_are_forgotten_with_their_results(file):
    old = remember(file, result(), began=NOW - (history.KEPT_DAYS + 1) * 86_400)
    recent = remember(file, result(), began=NOW - 86_400)
    remember(file, result(), began=NOW)
    with History(file) as again:
        assert [run.number for run in again.runs()][-1] == recent
        assert [*again.results(old)] == []


def test_the_number_of_runs_is_bounded(file, monkeypatch):
    monkeypatch.setattr(history, "KEPT_RUNS", 3)
    numbers = [remember(file, began=NOW + day) for day in range(6)]
    with History(file) as again:
        assert [run.number for run in again.runs()] == numbers[:2:-1]


def test_the_number_of_results_is_bounded(file, monkeypatch):
    monkeypatch.setattr(history, "KEPT_RESULTS", 5)
    for _ in range(4):
        remember(file, result("a.jpg"), result("b.jpg"))
    with History(file) as again:
        assert [run.results for run in again.runs()] == [2, 2, 2]


def test_one_run_is_bounded_and_says_what_is_missing(file, monkeypatch):
    monkeypatch.setattr(history, "LARGEST_RUN", 2)
    number = remember(file, *(result(f"{each}.jpg") for each in range(5)))
    with History(file) as again:
        run = again.run(number)
        assert (run.results, run.left_out) == (2, 3)
        assert len([*again.results(number)]) == 2


def test_two_runs_at_once_keep_apart(file):
    with History(file) as one, History(file) as other:
        first, second = one.begin(OPTIONS, began=NOW), other.begin(OPTIONS, began=NOW)
        one.add(first, result("a.jpg"))
        other.add(second, result("b.jpg"))
        one.end(first, Totals())
        other.end(second, Totals())
        assert [each.path.name for each in one.results(first)] == ["a.jpg"]
        assert [each.path.name for each in one.results(second)] == ["b.jpg"]


@pytest.mark.parametrize(
    ("news", "changes"),
    [
        (True, {"status": Status.OPTIMIZED}),
        (True, {"status": Status.KEPT, "seconds": 0.5}),
        (True, {"status": Status.FAILED, "seconds": 0.0}),
        (True, {"status": Status.KEPT, "seconds": 0.0, "metadata_left": True}),
        (False, {"status": Status.KEPT, "seconds": 0.0}),
        (False, {"status": Status.SKIPPED, "seconds": 0.0, "reason": Reason.TOO_BIG}),
        (False, {"status": Status.SKIPPED, "seconds": 0.5, "reason": Reason.ALREADY_OPTIMIZED}),
    ],
)
def test_what_is_only_known_again_is_no_news(news, changes):
    assert is_news(result(**changes)) is news


def test_the_history_stands_beside_its_ledger():
    assert beside(Path("state/ledger.sqlite")) == Path("state/ledger.runs.sqlite")
    assert beside(Path("mine")) == Path("mine.runs")


def test_a_damaged_history_is_named(file):
    file.parent.mkdir()
    file.write_bytes(b"not a database, and long enough to be seen as none" * 50)
    with pytest.raises(RunError, match=r"ledger\.runs\.sqlite can't be used .*: move it away"):
        History(file)


def test_another_programs_database_is_left_alone(file):
    file.parent.mkdir()
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    with pytest.raises(RunError, match="another program's database"):
        History(file)


def test_a_newer_history_is_refused(file):
    remember(file)
    with sqlite3.connect(file) as db:
        db.execute(f"PRAGMA user_version = {history.SCHEMA + 1}")
    db.close()
    with pytest.raises(RunError, match="newer jpegslim"):
        History(file)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="can't be used"):
        History(tmp_path / "file" / "x.sqlite")
