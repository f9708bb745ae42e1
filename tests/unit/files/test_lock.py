"""Two runs never write to one tree, and a dead run does not keep the living out."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jpegslim.errors import RunError
from jpegslim.files import lock as room
from jpegslim.files.lock import Claim, Extent, TreeLock

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="descriptors are inherited")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(room, "GRACE_SECONDS", 0.15)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "state" / "locks"


def tree(name):
    return Claim(Path(name), Extent.TREE)


def inside(name):
    return Claim(Path(name), Extent.FOLDER)


def file(name):
    return Claim(Path(name), Extent.FILE)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (tree("/a"), tree("/a"), True),
        (tree("/a"), tree("/a/b/c"), True),
        (tree("/a"), tree("/ab"), False),
        (tree("/a"), file("/a/b/c.jpg"), True),
        (tree("/a/b"), file("/a/c.jpg"), False),
        (tree("/"), file("/a.jpg"), True),
        (tree("/a"), inside("/a/b"), True),
        (tree("/a/b"), inside("/a"), False),
        (inside("/a"), file("/a/b.jpg"), True),
        (inside("/a"), file("/a/b/c.jpg"), False),
        (file("/a/b.jpg"), file("/a/b.jpg"), True),
        (file("/a/b.jpg"), file("/a/c.jpg"), False),
    ],
    ids=str,
)
def test_claims_meet_where_two_runs_could_write_one_file(folder, one, other, meet):
    assert one.overlaps(other) is other.overlaps(one) is meet
    with TreeLock(folder) as first, TreeLock(folder) as second:
        first.claim([one])
        if meet:
            with pytest.raises(RunError, match=r"another run is at work in .* --wait"):
                second.claim([tree("/other"), other])
        else:
            second.claim([other])


def test_what_was_given_back_can_be_claimed(folder):
    with TreeLock(folder) as first:
        first.claim([tree("/a")])
    with TreeLock(folder) as second:
        assert second.claim([tree("/a")]) == []
        assert second.holds(tree("/a"))
        assert not second.holds(tree("/b"))
    assert [path.name for path in folder.iterdir()] == ["registry"]


def test_a_run_may_claim_more_as_it_goes(folder):
    with TreeLock(folder) as first, TreeLock(folder) as second:
        first.claim([inside("/a")])
        first.claim([inside("/b"), inside("/a\n\udcff")])
        for place in ("/a", "/b", "/a\n\udcff"):
            with pytest.raises(RunError) as caught:
                second.claim([inside(place)])
            assert "\n" not in str(caught.value)


def test_waiting_lasts_until_the_other_run_is_done(folder):
    first = TreeLock(folder)
    first.claim([tree("/a")])
    timer = threading.Timer(0.5, first.close)
    timer.start()
    began = time.monotonic()
    with TreeLock(folder) as second:
        second.claim([tree("/a/b")], wait=True)
    assert 0.4 < time.monotonic() - began < 5
    timer.join()


HOLDER = """
import subprocess, sys, time
from pathlib import Path
from jpegslim.files.lock import Claim, Extent, TreeLock
lock = TreeLock(Path(sys.argv[1]))
lock.claim([Claim(Path("/a"), Extent.TREE)])
if len(sys.argv) > 2:
    sleep = [sys.executable, "-c", "import time; time.sleep(1)"]
    subprocess.Popen(sleep, pass_fds=(lock.descriptor,))
print(lock.run, flush=True)
time.sleep(60)
"""


def holder(folder, *more):
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), *more],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )


def test_the_lock_of_a_killed_run_is_free_and_tells_what_it_claimed(folder):
    with holder(folder) as process:
        run = process.stdout.readline().strip()
        with TreeLock(folder) as lock:
            assert lock.is_live(run)
            with pytest.raises(RunError):
                lock.claim([tree("/a/b")])
            process.kill()
            process.wait()
            assert not lock.is_live(run)
            assert lock.claim([tree("/elsewhere")]) == []
            (dead,) = lock.claim([tree("/a/b")])
            assert (dead.run, dead.claims) == (run, (tree("/a"),))
            lock.bury(run)
        with TreeLock(folder) as lock:
            assert lock.claim([tree("/a")]) == []


def test_a_run_that_leaves_its_lock_behind_is_taken_for_dead(folder):
    with TreeLock(folder) as left:
        left.claim([tree("/a")])
        left.leave_behind()
    with TreeLock(folder) as lock:
        (dead,) = lock.claim([tree("/a/b")])
        assert (dead.run, dead.claims) == (left.run, (tree("/a"),))


@posix_only
def test_a_worker_that_lives_on_keeps_the_lock(folder):
    with holder(folder, "with a child") as process:
        run = process.stdout.readline().strip()
        process.kill()
        process.wait()
        with TreeLock(folder) as lock:
            assert lock.is_live(run)
            with pytest.raises(RunError):
                lock.claim([tree("/a")])
            lock.claim([tree("/a")], wait=True)
            assert not lock.is_live(run)


def test_a_run_that_is_not_there_is_not_live(folder):
    with TreeLock(folder) as lock:
        assert not lock.is_live("0123456789abcdef")
        assert lock.is_live(lock.run)


def test_a_folder_that_takes_no_locks_is_told_in_one_line(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(RunError, match=r"the folder for locks, .* can't be used: .* --ledger"):
        TreeLock(tmp_path / "taken" / "locks")
