"""The ledger knows bytes by digest and places by path, and says so when it can't be used."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from jpegslim.errors import RunError
from jpegslim.files import ledger as room
from jpegslim.files.ledger import Ledger
from jpegslim.files.mounts import on_network
from jpegslim.files.remembered import Intent, Output
from jpegslim.files.store import Identity
from jpegslim.results import FileResult, Reason, Status
from jpegslim.settings import Settings

SOURCE, RESULT, OTHER = "aa" * 32, "bb" * 32, "cc" * 32
PATH = os.fsencode("/photos/a\n\udcff.jpg")
HIGH = Settings()
INTENT = Intent(run="r", path=PATH, temporary=b"/photos/.t", source=SOURCE, result=RESULT)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "ledger \udcff?.sqlite"


@pytest.fixture
def ledger(file):
    with Ledger(file) as ledger:
        yield ledger


def identity(digest=SOURCE, size=100, mtime_ns=1_500_000_000_123_456_789):
    return Identity(1, 2, size, mtime_ns, digest)


def publish(ledger, *, target=85.0, score=85.2):
    ledger.intend(INTENT, Output(target=target, score=score, source=SOURCE, version="0.1"))
    ledger.settle(INTENT, identity(RESULT, size=50))
    ledger.flush()


def result(status, reason, message="as it is"):
    return FileResult(path=Path("a.jpg"), status=status, reason=reason, message=message)


def known(ledger, settings=HIGH, *, path=PATH, size=50, mtime_ns=1_500_000_000_123_456_789):
    return ledger.known(path, size, mtime_ns, settings)


def test_what_is_new_is_not_known(ledger):
    assert known(ledger) is None
    assert ledger.verdict(SOURCE, HIGH) is None
    assert ledger.output(SOURCE) is None
    assert ledger.intents() == []


def test_a_result_is_known_in_its_place_and_by_its_bytes(ledger):
    publish(ledger)
    for verdict in (known(ledger), ledger.verdict(RESULT, HIGH)):
        assert verdict.status is Status.SKIPPED
        assert verdict.reason == Reason.ALREADY_OPTIMIZED
        assert verdict.message == "jpegslim 0.1 optimized it before, at 85, score 85.20"
    assert ledger.output(RESULT).source == SOURCE
    assert known(ledger, size=51) is None
    assert known(ledger, mtime_ns=1) is None
    assert known(ledger, path=b"/photos/b.jpg") is None
    assert ledger.verdict(SOURCE, HIGH) is None


@pytest.mark.parametrize(
    "settings",
    [
        Settings(target=85.0),
        Settings(target=90.0),
        Settings(target=None),
        Settings(progressive=False, marker=False, tile_margin=None, minimum_saving=0.0),
    ],
    ids=repr,
)
def test_a_result_is_never_tried_again_at_the_same_or_a_higher_target(ledger, settings):
    publish(ledger)
    assert known(ledger, settings) is not None
    assert ledger.verdict(RESULT, settings) is not None


def test_a_lower_target_or_lossy_after_lossless_goes_on(ledger):
    publish(ledger)
    assert ledger.verdict(RESULT, Settings(target=80.0)) is None
    publish(ledger, target=None, score=None)
    assert ledger.verdict(RESULT, HIGH) is None
    assert ledger.verdict(RESULT, Settings(target=None)) is not None


def test_kept_and_broken_files_are_tried_again_under_other_settings_or_versions(
    ledger, monkeypatch
):
    ledger.record(PATH, identity(size=50), result(Status.KEPT, Reason.TOO_LITTLE_TO_GAIN), HIGH)
    ledger.record(b"/b", identity(OTHER), result(Status.FAILED, "broken", "cut in half"), HIGH)
    ledger.flush()
    assert known(ledger).status is Status.KEPT
    assert known(ledger).message == "as it is"
    assert ledger.verdict(OTHER, HIGH).status is Status.FAILED
    assert known(ledger, Settings(target=84.0)) is None
    monkeypatch.setattr(room, "VERSION", "99")
    assert known(ledger) is None


def test_an_intent_is_on_disk_before_it_returns_and_its_result_is_known(file, ledger):
    ledger.intend(INTENT, Output(target=85.0, score=85.2, source=SOURCE))
    with Ledger(file, read_only=True) as other:
        assert other.intents() == [INTENT]
        assert other.verdict(RESULT, HIGH) is not None
    ledger.settle(INTENT, None)
    ledger.flush()
    assert ledger.intents() == []
    assert known(ledger) is None


def test_a_copy_that_was_not_changed_is_no_result_of_ours(ledger):
    ledger.intend(INTENT, None)
    assert ledger.output(RESULT) is None


def test_what_is_pending_is_written_on_closing_and_with_the_next_intent(file):
    with Ledger(file) as ledger:
        ledger.record(PATH, identity(size=50), result(Status.KEPT, "x"), HIGH)
        assert known(ledger) is None
        ledger.intend(INTENT, None)
        assert known(ledger) is not None
        ledger.record(b"/b", identity(OTHER), result(Status.KEPT, "x"), HIGH)
    with Ledger(file) as ledger:
        assert known(ledger) is not None
        assert ledger.verdict(OTHER, HIGH) is not None


def test_many_findings_are_written_now_and_then(ledger, monkeypatch):
    monkeypatch.setattr(room, "_PENDING_ROWS", 3)
    for number in range(3):
        row = result(Status.KEPT, "x")
        ledger.record(b"/%d" % number, identity(f"{number:064x}", size=50), row, HIGH)
    assert known(ledger, path=b"/0") is not None


def test_the_log_is_ahead_where_it_may_be_and_every_commit_is_synced(file, monkeypatch):
    def mode(path):
        with closing(sqlite3.connect(path)) as db:
            return db.execute("PRAGMA journal_mode").fetchone()[0]

    with Ledger(file) as ledger:
        assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert mode(file) == "wal"
    monkeypatch.setattr(room, "on_network", lambda _: True)
    with Ledger(file):
        assert mode(file) == "delete"


@pytest.mark.parametrize(
    ("kind", "network"),
    [("nfs4", True), ("cifs", True), ("9p", True), ("fuse.sshfs", True), ("ext4", False)],
)
def test_network_file_systems_are_told_by_the_mount_that_holds_the_folder(
    tmp_path, monkeypatch, kind, network
):
    folder = tmp_path / "a b"
    folder.mkdir()
    table = tmp_path / "mountinfo"
    point = str(folder.resolve()).replace(" ", r"\040")
    table.write_text(
        "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
        f"30 22 0:40 / {point} rw shared:1 master:2 - {kind} host:/x rw\n"
        f"31 22 0:41 / {point}x rw - nfs host:/y rw\n"
    )
    monkeypatch.setattr("jpegslim.files.mounts._MOUNTS", table)
    assert on_network(folder) is network
    assert on_network(folder / "below") is network
    assert not on_network(tmp_path)


def refused(file, **options):
    with pytest.raises(RunError, match="--no-ledger") as caught, Ledger(file, **options):
        pass
    message = str(caught.value)
    assert file.name in message or ascii(file.name)[1:-1] in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 999])
def test_a_damaged_ledger_is_refused_and_left_as_it_is(tmp_path, content):
    file = tmp_path / "ledger.sqlite"
    file.write_bytes(content)
    assert "is damaged" in refused(file)
    assert file.read_bytes() == content


def test_damage_inside_is_told_when_it_is_met(tmp_path):
    file = tmp_path / "ledger.sqlite"
    with Ledger(file) as ledger:
        for number in range(2000):
            row = result(Status.KEPT, "x")
            ledger.record(b"/%d" % number, identity(f"{number:064x}"), row, HIGH)
    data = bytearray(file.read_bytes())
    data[8192:] = b"\xa5" * (len(data) - 8192)
    file.write_bytes(data)

    def look_everywhere():
        with Ledger(file) as ledger:
            for number in range(2000):
                ledger.verdict(f"{number:064x}", HIGH)

    with pytest.raises(RunError, match=r"is damaged.*--no-ledger"):
        look_everywhere()


def test_another_program_s_database_is_refused_and_left_as_it_is(tmp_path):
    file = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE bookmarks (x)")
        db.commit()
    assert "another program's database" in refused(file)
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("bookmarks",)]


def test_a_ledger_of_a_newer_version_is_refused(file):
    with Ledger(file) as ledger:
        ledger._db.execute(f"PRAGMA user_version = {room.SCHEMA + 1}")
    assert "newer jpegslim" in refused(file)


def test_a_ledger_that_can_not_be_made_is_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    assert "can't be made" in refused(tmp_path / "taken" / "ledger.sqlite")
    (tmp_path / "folder").mkdir()
    assert "can't be opened" in refused(tmp_path / "folder")
    assert "can't be opened" in refused(tmp_path / "none.sqlite", read_only=True)
    assert not (tmp_path / "none.sqlite").exists()


def test_a_ledger_that_another_program_holds_is_told_after_a_while(file, monkeypatch):
    monkeypatch.setattr(room, "_BUSY_SECONDS", 0.1)
    with Ledger(file) as ledger, closing(sqlite3.connect(file)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(RunError, match=r"is locked by another program.*--no-ledger"):
            ledger.intend(INTENT, None)
        db.rollback()
        ledger.intend(INTENT, None)


FILL = """
import sys
from pathlib import Path
from jpegslim.files.ledger import Ledger
from jpegslim.files.remembered import Intent, Output
from jpegslim.files.store import Identity
number = int(sys.argv[2])
with Ledger(Path(sys.argv[1])) as ledger:
    for step in range(50):
        intent = Intent(
            run=f"r{number}", path=b"/%d/%d" % (number, step), temporary=b"/t",
            source="aa" * 32, result=f"{number * 1000 + step:064x}",
        )
        ledger.intend(intent, Output(target=85.0, score=None, source="aa" * 32))
        ledger.settle(intent, Identity(1, 2, 3, 4, intent.result))
"""


def test_several_runs_share_one_ledger(file):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    runs = [
        subprocess.Popen([sys.executable, "-c", FILL, str(file), str(number)], env=environment)
        for number in range(3)
    ]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    with Ledger(file) as ledger:
        assert ledger.intents() == []
        for number in range(3):
            for step in range(50):
                assert ledger.verdict(f"{number * 1000 + step:064x}", HIGH) is not None
