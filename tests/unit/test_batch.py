"""A run over real workers: what is known stays, what is not ours to touch stays, all is told."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jpegslim import batch
from jpegslim.engine.optimizer import optimize
from jpegslim.errors import ExitCode, UsageError
from jpegslim.files import lock as locks
from jpegslim.files import store
from jpegslim.files.ledger import Ledger
from jpegslim.files.lock import Claim, Extent, TreeLock
from jpegslim.files.pool import Worker
from jpegslim.files.remembered import Intent
from jpegslim.files.writer import Writer
from jpegslim.results import Reason, Status
from jpegslim.settings import Settings

BARE = Settings(marker=False)
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


class Notes:
    """A reporter that remembers the results by name."""

    def __init__(self):
        self.results = {}
        self.found_files = None

    def started(self, run):
        pass

    def found(self, files, size, *, complete):  # noqa: ARG002
        self.found_files = files if complete else None

    def finished(self, result):
        self.results[result.path.name] = result

    def closed(self, totals):
        self.totals = totals


@pytest.fixture
def tree(tmp_path, photograph):
    """Three photos in two folders, and nothing else."""
    folder = tmp_path / "photos"
    (folder / "b").mkdir(parents=True)
    for number, name in enumerate(("1.jpg", "2.jpg", "b/3.jpg")):
        (folder / name).write_bytes(photograph(number))
    return folder


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "state" / "ledger.sqlite"


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def go(*paths, settings=BARE, output=None, dry_run=False, jobs=1, **options):
    """Run, and return the results by name; `totals` are under the empty name."""
    notes = Notes()
    totals = batch.run(
        list(paths),
        settings,
        output=output,
        jobs=jobs,
        dry_run=dry_run,
        reporters=[notes],
        **options,
    )
    return {**notes.results, "": totals}


def statuses(results):
    return {name: str(result.status) for name, result in results.items() if name}


@pytest.fixture
def no_worker(monkeypatch):
    """Let nothing be worked on."""

    def refuse(*_, **__):
        raise AssertionError("a worker was called")

    def arm():
        monkeypatch.setattr(Worker, "call", refuse)

    return arm


def test_a_second_run_touches_nothing_and_reads_nothing(tree, ledger, no_worker):
    before = contents(tree)
    assert set(statuses(go(tree, ledger=ledger)).values()) == {"optimized"}
    after = contents(tree)
    assert after.keys() == before.keys()
    assert all(len(after[name]) < len(before[name]) for name in before)
    no_worker()
    results = go(tree, ledger=ledger)
    assert set(statuses(results).values()) == {"skipped"}
    one = results["1.jpg"]
    assert one.reason == Reason.ALREADY_OPTIMIZED
    assert one.message.startswith("jpegslim ")
    assert one.bytes_in == one.bytes_out == len(after["1.jpg"])
    assert contents(tree) == after
    assert results[""].exit_code is ExitCode.OK


def test_moving_renaming_and_copying_make_no_photo_new(tree, ledger, tmp_path, no_worker):
    go(tree, ledger=ledger)
    (tree / "1.jpg").rename(tree / "renamed.jpg")
    (tree / "b").rename(tree / "c")
    shutil.copyfile(tree / "2.jpg", tree / "copy.jpg")
    before = contents(tree)
    results = go(tree, ledger=ledger)
    assert set(statuses(results).values()) == {"skipped"}
    assert contents(tree) == before
    no_worker()
    assert set(statuses(go(tree, ledger=ledger)).values()) == {"skipped"}


def test_neither_another_version_nor_other_settings_nor_a_higher_target_make_a_generation(
    tree, ledger, monkeypatch
):
    go(tree, ledger=ledger)
    before = contents(tree)
    monkeypatch.setattr("jpegslim.files.ledger.VERSION", "99")
    for target in (85.0, 90.0, None):
        settings = Settings(target=target, marker=False, progressive=False, minimum_saving=0.0)
        assert set(statuses(go(tree, settings=settings, ledger=ledger)).values()) == {"skipped"}
    assert contents(tree) == before


@pytest.mark.parametrize("known_by", ["ledger", "marker"])
def test_a_lower_target_is_allowed_and_says_what_it_costs(tree, ledger, known_by):
    options = {"ledger": ledger} if known_by == "ledger" else {}
    marker = known_by == "marker"
    go(tree / "1.jpg", settings=Settings(target=85.0, marker=marker), **options)
    results = go(tree / "1.jpg", settings=Settings(target=50.0, marker=marker), **options)
    assert statuses(results) == {"1.jpg": "optimized"}
    assert results["1.jpg"].reason == "another_generation"
    assert results["1.jpg"].message.endswith(
        "; made from a picture that was optimized at 85 before: one more generation"
    )


def test_kept_and_broken_files_are_answered_from_the_ledger(tree, ledger, photograph, no_worker):
    (tree / "1.jpg").write_bytes(photograph(1)[:3000])
    settings = Settings(target=99.9, marker=False, minimum_saving=0.9)
    first = go(tree, settings=settings, ledger=ledger)
    assert statuses(first) == {"1.jpg": "failed", "2.jpg": "kept", "3.jpg": "kept"}
    no_worker()
    second = go(tree, settings=settings, ledger=ledger)
    assert statuses(second) == statuses(first)
    assert second["1.jpg"].message == first["1.jpg"].message
    assert second["2.jpg"].reason == first["2.jpg"].reason
    assert second[""].exit_code is ExitCode.SOME_FAILED


def test_without_marker_and_ledger_nothing_is_replaced(tree):
    before = contents(tree)
    with pytest.raises(UsageError, match="--no-marker or --no-ledger"):
        go(tree)
    assert contents(tree) == before


def test_an_output_folder_is_as_good_the_second_time(tree, ledger, tmp_path):
    out = tmp_path / "out"
    before = contents(tree)
    go(tree, output=out, ledger=ledger)
    assert contents(tree) == before
    made = contents(out)
    stamps = {path: path.stat().st_ino for path in out.rglob("*")}
    results = go(tree, output=out, ledger=ledger)
    assert set(statuses(results).values()) == {"skipped"}
    assert contents(out) == made
    assert {path: path.stat().st_ino for path in out.rglob("*")} == stamps


def test_an_output_folder_that_is_known_is_not_read(tree, ledger, tmp_path, photograph):
    out = tmp_path / "out"
    packed = optimize(photograph(9, quality=15), Settings(target=None, marker=False))
    (tree / "kept.jpg").write_bytes(packed.data)
    first = go(tree, output=out, ledger=ledger)
    assert first["kept.jpg"].status is Status.KEPT
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "call", None)
        results = go(tree, output=out, ledger=ledger)
    assert statuses(results) == {
        "1.jpg": "skipped",
        "2.jpg": "skipped",
        "3.jpg": "skipped",
        "kept.jpg": "kept",
    }
    one = results["1.jpg"]
    assert one.output == out / "photos" / "1.jpg"
    assert one.bytes_out == one.output.stat().st_size < one.bytes_in
    (out / "photos" / "1.jpg").unlink()
    (tree / "2.jpg").write_bytes(photograph(7))
    results = go(tree, output=out, ledger=ledger)
    assert statuses(results)["1.jpg"] == "optimized"
    assert results["2.jpg"].reason == "exists"
    settings = Settings(target=50.0, marker=False)
    assert statuses(go(tree, output=out, ledger=ledger, settings=settings))["3.jpg"] == "optimized"


def test_a_result_of_ours_is_copied_and_not_coded_again(tree, ledger, tmp_path):
    go(tree, ledger=ledger)
    results = go(tree, output=tmp_path / "out", ledger=ledger)
    assert set(statuses(results).values()) == {"skipped"}
    assert contents(tmp_path / "out" / "photos") == contents(tree)


def test_output_on_another_file_system(tree, ledger):
    memory = Path("/dev/shm")  # noqa: S108 - another file system is what is wanted
    if not memory.is_dir() or memory.stat().st_dev == tree.stat().st_dev:
        pytest.skip("no other file system here")
    out = memory / f"jpegslim-test-{os.getpid()}"
    try:
        assert set(statuses(go(tree, output=out, ledger=ledger)).values()) == {"optimized"}
        assert contents(out / "photos").keys() == contents(tree).keys()
    finally:
        shutil.rmtree(out, ignore_errors=True)


def test_a_dry_run_leaves_no_trace_and_asks_a_ledger_that_is_there(tree, ledger, tmp_path):
    before = contents(tmp_path)
    assert set(statuses(go(tree, ledger=ledger, dry_run=True)).values()) == {"optimized"}
    assert contents(tmp_path) == before
    go(tree, ledger=ledger)
    before = contents(tree)
    assert set(statuses(go(tree, ledger=ledger, dry_run=True)).values()) == {"skipped"}
    assert contents(tree) == before


def test_a_damaged_ledger_stops_the_run_before_anything_is_touched(tree, ledger):
    ledger.parent.mkdir()
    ledger.write_bytes(b"scribble" * 1000)
    before = contents(tree)
    totals = go(tree, ledger=ledger)[""]
    assert "is damaged or no ledger" in totals.stopped
    assert "--no-ledger" in totals.stopped
    assert totals.exit_code is ExitCode.STOPPED
    assert contents(tree) == before


ODD_NAMES = [
    b"-q.jpg",
    b"two words.jpg",
    b"line\nbreak.jpg",
    b"caf\xe9.jpg",
    b"y" * 246 + b".jpg",
]


@posix_only
@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: ascii(name[:12]))
def test_names_of_every_kind(tmp_path, ledger, photograph, name, no_worker):
    folder = tmp_path / "odd"
    folder.mkdir()
    path = folder / os.fsdecode(name)
    path.write_bytes(photograph())
    backup = tmp_path / "backup"
    assert set(statuses(go(folder, ledger=ledger, backup=backup)).values()) == {"optimized"}
    assert [os.fsencode(each.name) for each in folder.iterdir()] == [name]
    no_worker()
    assert set(statuses(go(folder, ledger=ledger, backup=backup)).values()) == {"skipped"}
    (restored,) = batch.restore(backup)
    assert (restored.path, restored.outcome) == (path, "restored")
    assert path.read_bytes() == photograph()


@posix_only
def test_a_file_with_several_names_is_left_alone_and_can_be_had_in_an_output(
    tree, ledger, tmp_path
):
    os.link(tree / "1.jpg", tree / "b" / "same.jpg")
    before = contents(tree)
    results = go(tree, ledger=ledger)
    assert statuses(results) == {
        "1.jpg": "skipped",
        "same.jpg": "skipped",
        "2.jpg": "optimized",
        "3.jpg": "optimized",
    }
    assert results["1.jpg"].reason == Reason.HARD_LINKED
    assert "has 2 names (hard links)" in results["1.jpg"].message
    assert (tree / "1.jpg").read_bytes() == before["1.jpg"]
    assert (tree / "1.jpg").samefile(tree / "b" / "same.jpg")
    results = go(tree / "1.jpg", output=tmp_path / "out", ledger=ledger)
    assert statuses(results) == {"1.jpg": "optimized"}


@posix_only
def test_a_read_only_file_is_replaced_and_stays_read_only(tree, ledger):
    one = tree / "1.jpg"
    one.chmod(0o444)
    os.utime(one, ns=(1, 1_400_000_000_123_456_789))
    assert statuses(go(one, ledger=ledger)) == {"1.jpg": "optimized"}
    assert one.stat().st_mode & 0o777 == 0o444
    assert one.stat().st_mtime_ns == 1_400_000_000_123_456_789


def meddle(monkeypatch, action):
    """Do something to each source after it was read and before it is replaced."""
    publish = Writer.publish

    def after_action(self, task, done):
        action(task.source)
        return publish(self, task, done)

    monkeypatch.setattr(Writer, "publish", after_action)


def grow(path):
    with path.open("ab") as file:
        file.write(b"more")


@pytest.mark.parametrize("change", ["grow", "rewrite in place", "replace", "vanish"])
def test_a_file_that_changes_while_it_is_worked_on_is_never_replaced(
    tree, ledger, monkeypatch, change
):
    one, other = tree / "1.jpg", (tree / "2.jpg").read_bytes()
    old = one.read_bytes()

    def rewrite(path):
        stamp = path.stat()
        with path.open("r+b") as file:
            file.seek(500)
            file.write(b"!")
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))

    def replace(path):
        (path.parent / "new").write_bytes(other)
        (path.parent / "new").replace(path)

    actions = {
        "grow": (grow, old + b"more"),
        "rewrite in place": (rewrite, old[:500] + b"!" + old[501:]),
        "replace": (replace, other),
        "vanish": (Path.unlink, None),
    }
    action, expected = actions[change]
    meddle(monkeypatch, action)
    results = go(one, ledger=ledger)
    assert statuses(results) == {"1.jpg": "failed"}
    assert results["1.jpg"].reason == "changed"
    assert (one.read_bytes() if one.exists() else None) == expected
    assert [path.name for path in tree.iterdir() if path.name.startswith(".")] == []
    with Ledger(ledger) as known:
        assert known.intents() == []


def temporary(tree, run):
    path = tree / f".jpegslim-{run}0123abcd.tmp"
    path.write_bytes(b"half a picture")
    return path


def die(folder, *claims, live=False):
    """Leave what a killed run leaves; return its name, and the lock where it is to live on."""
    lock = TreeLock(folder)
    lock.claim(claims)
    if not live:
        os.close(lock.descriptor)
    return lock


def test_only_the_temporaries_of_dead_runs_are_swept(tree, ledger, tmp_path):
    folder = ledger.parent / "locks"
    dead = die(folder, Claim(tree, Extent.TREE))
    elsewhere = die(folder, Claim(tmp_path / "elsewhere", Extent.TREE))
    live = die(folder, Claim(tmp_path / "live", Extent.TREE), live=True)
    mine = [temporary(tree, dead.run), temporary(tree / "b", dead.run)]
    others = [temporary(tree, run) for run in (elsewhere.run, live.run, "fedcba9876543210")]
    go(tree, ledger=ledger)
    assert not any(path.exists() for path in mine)
    assert all(path.exists() for path in others)
    live.close()
    assert not (folder / f"{dead.run}.lock").exists()


def test_an_open_intent_is_resolved_by_digest(tree, ledger, no_worker):
    one, two = tree / "1.jpg", tree / "2.jpg"
    go(one, ledger=ledger)
    digest = store.digest(one.read_bytes())
    with Ledger(ledger) as known:
        for path, result in ((one, digest), (two, "ab" * 32)):
            left = temporary(tree, f"dead{path.stem}")
            known.intend(
                Intent(
                    run=f"dead{path.stem}",
                    path=os.fsencode(path),
                    temporary=os.fsencode(left),
                    source="cd" * 32,
                    result=result,
                ),
                None,
            )
        known._db.execute("DELETE FROM paths")
    no_worker()
    assert statuses(go(one, ledger=ledger)) == {"1.jpg": "skipped"}
    with Ledger(ledger) as known:
        assert known.intents() == []
    assert [path.name for path in tree.iterdir() if path.name.startswith(".")] == []


def test_a_second_run_on_the_same_tree_refuses_or_waits(tree, ledger, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "GRACE_SECONDS", 0.1)
    first = die(ledger.parent / "locks", Claim(tree / "b", Extent.TREE), live=True)
    before = contents(tree)
    totals = go(tree, ledger=ledger)[""]
    assert totals.exit_code is ExitCode.STOPPED
    assert "another run is at work" in totals.stopped
    assert contents(tree) == before
    assert statuses(go(tree / "1.jpg", ledger=ledger)) == {"1.jpg": "optimized"}
    timer = threading.Timer(0.5, first.close)
    timer.start()
    results = go(tree, ledger=ledger, wait=True)
    timer.join()
    assert results[""].exit_code is ExitCode.OK
    assert len(statuses(results)) == 3


def test_a_list_is_taken_name_by_name_and_what_another_run_holds_is_refused(
    tree, ledger, monkeypatch
):
    names = (tree / name for name in ("2.jpg", "b/3.jpg", "2.jpg", "none.jpg"))
    notes = Notes()
    totals = batch.run(
        [], BARE, output=None, jobs=1, dry_run=False, reporters=[notes], listed=names, ledger=ledger
    )
    assert totals.counts[Status.OPTIMIZED] == 2
    assert notes.results["none.jpg"].reason == "not_found"
    assert notes.found_files == 4
    monkeypatch.setattr(locks, "GRACE_SECONDS", 0.1)
    holder = die(ledger.parent / "locks", Claim(tree, Extent.TREE), live=True)
    totals = go(listed=iter([tree / "1.jpg"]), ledger=ledger)[""]
    holder.close()
    assert "another run is at work" in totals.stopped


def test_too_many_failures_stop_the_run(tree, photograph, ledger):
    for number in range(20):
        (tree / f"0{number:02}.jpg").write_bytes(photograph(number)[:2000])
    totals = go(tree, ledger=ledger, max_errors=3)[""]
    assert totals.exit_code is ExitCode.STOPPED
    assert "--max-errors" in totals.stopped
    # What was started is finished: one at work and those handed out ahead of it.
    assert 3 <= totals.counts[Status.FAILED] <= 9


def test_after_the_time_limit_nothing_new_is_started(tree, ledger):
    results = go(tree, ledger=ledger, time_limit=0.0)
    assert statuses(results) == {}
    assert "time limit" in results[""].cut_short
    assert results[""].exit_code is ExitCode.OK
    assert go(tree, ledger=ledger, time_limit=600.0)[""].cut_short is None


def test_a_worker_that_takes_too_long_costs_its_file(tree, ledger):
    before = contents(tree)
    results = go(tree / "1.jpg", ledger=ledger, timeout=0.0001)
    assert results["1.jpg"].reason == "timeout"
    assert contents(tree) == before
    assert statuses(go(tree / "1.jpg", ledger=ledger)) == {"1.jpg": "optimized"}


SIGNALLED = """
import sys
from pathlib import Path
from jpegslim.batch import run
from jpegslim.settings import Settings
class Tell:
    started = found = closed = lambda *_, **__: None
    def finished(self, result):
        print("finished", flush=True)
totals = run([Path(sys.argv[1])], Settings(), output=None, jobs=1, dry_run=False,
    reporters=[Tell()])
sys.exit(int(totals.exit_code))
"""


@posix_only
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_request_to_end_is_taken_as_ctrl_c(tmp_path, photograph, name):
    tree = tmp_path / "many"
    tree.mkdir()
    for number in range(12):
        (tree / f"{number}.jpg").write_bytes(photograph(number, size=(640, 480)))
    before = contents(tree)
    process = subprocess.Popen(
        [sys.executable, "-c", SIGNALLED, str(tree)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    with process:
        process.stdout.readline()
        began = time.monotonic()
        process.send_signal(getattr(signal, name))
        process.stdout.read()
    assert time.monotonic() - began < 5
    assert process.returncode == ExitCode.INTERRUPTED
    assert contents(tree).keys() == before.keys()


@posix_only
def test_the_handlers_of_the_caller_come_back(tree, ledger):
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    go(tree / "1.jpg", ledger=ledger)
    after = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    assert after == before
