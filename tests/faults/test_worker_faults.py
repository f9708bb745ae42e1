"""A worker meets every way a picture can go wrong, and says which it was."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from processes import gone_within, is_running

from jpegslim.errors import BrokenJpeg, RunError, WorkerError
from jpegslim.files.worker import Worker

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="uses what only Linux has")


def test_a_worker_answers_again_and_again_from_one_process(worker):
    assert worker.call(("echo", "é\udcff")) == "é\udcff"
    assert worker.call("pid") == worker.call("pid") == worker.pid != os.getpid()


def test_start_does_not_wait(entry):
    with Worker(entry) as worker:
        worker.start()
        pid = worker.pid
        assert worker.call("pid") == pid


def test_errors_about_the_file_travel_as_they_are(worker):
    with pytest.raises(BrokenJpeg, match=r"^is cut in half$") as caught:
        worker.call("raise_broken")
    assert caught.value.reason == "truncated"
    with pytest.raises(RunError, match=r"^no space left$"):
        worker.call("raise_run_error")
    pid = worker.pid
    assert worker.call("pid") == pid


def test_a_bug_is_one_line_and_carries_its_traceback(worker):
    with pytest.raises(WorkerError) as caught:
        worker.call("raise_bug")
    assert caught.value.reason == "internal_error"
    assert str(caught.value) == "internal error: ZeroDivisionError: two lines [31m"
    assert "in raise_bug" in caught.value.__notes__[0]


def test_a_result_that_cannot_travel_is_a_bug(worker):
    with pytest.raises(WorkerError, match="internal error"):
        worker.call("unpicklable")
    assert worker.call(("echo", 1)) == 1


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("segfault", r"Segmentation fault.*\(SIGSEGV\)"),
        (("die_of", "SIGKILL"), r"\(SIGKILL\), perhaps for lack of memory"),
        (("leave", 0), "exit code 0"),
        (("leave", 7), "exit code 7"),
        ("abort_with_words", r"\(SIGABRT\); it last said: free\(\): invalid \[2Jpointer$"),
    ],
)
def test_a_death_is_told_in_plain_words_and_the_next_call_works(worker, order, words):
    with pytest.raises(WorkerError, match=words) as caught:
        worker.call(order)
    assert caught.value.reason == "worker_died"
    assert worker.pid is None
    assert worker.call(("echo", 1)) == 1


def test_words_about_one_file_are_not_told_of_the_next(worker):
    worker.call("mutter")
    with pytest.raises(WorkerError) as caught:
        worker.call(("leave", 1))
    assert "odd" not in str(caught.value)


@pytest.mark.parametrize("order", ["spin", "spin_with_the_lock", "spin_in_c"])
def test_an_endless_loop_is_killed_after_the_timeout(worker, order):
    worker.call("pid")
    pid = worker.pid
    began = time.monotonic()
    with pytest.raises(WorkerError, match=r"took longer than 0\.3 seconds") as caught:
        worker.call(order, timeout=0.3)
    assert caught.value.reason == "timeout"
    assert time.monotonic() - began < 1.5
    assert not is_running(pid)
    assert worker.call(("echo", 1), timeout=5) == 1


def test_waiting_for_admission_is_not_on_the_clock(worker):
    @contextmanager
    def slow(megapixels):
        time.sleep(0.5)
        yield

    worker.call("pid")
    assert worker.call(("echo", 1), timeout=0.3, admit=slow) == 1


def test_admission_is_held_until_the_child_is_dead(worker):
    seen = []

    @contextmanager
    def admit(megapixels):
        pid = worker.pid
        try:
            yield
        finally:
            seen.append((megapixels, is_running(pid)))

    with pytest.raises(WorkerError):
        worker.call("spin", timeout=0.2, admit=admit)
    assert seen == [(1.0, False)]


@linux_only
def test_memory_beyond_the_picture_s_share_is_refused_and_the_process_renewed(worker):
    assert worker.call(("swallow_memory", 100)) == 100 << 20
    pid = worker.pid
    with pytest.raises(WorkerError, match="memory") as caught:
        worker.call(("swallow_memory", 1024))
    assert caught.value.reason == "out_of_memory"
    assert worker.call("pid") != pid


@linux_only
def test_the_limit_ends_with_its_job(worker):
    assert worker.call(("echo", 1)) == 1
    assert worker.call(("swallow_memory_unasked", 1024)) == 1024 << 20


def test_what_a_library_prints_or_reads_does_not_touch_the_protocol(worker):
    assert worker.call("shout") == ""
    assert worker.call(("echo", 1)) == 1


@linux_only
def test_a_child_that_was_killed_while_idle_costs_nobody(worker):
    pid = worker.call("pid")
    os.kill(pid, signal.SIGKILL)
    # Dead with all its threads, and left for the worker to reap.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert worker.call(("echo", 1)) == 1


@linux_only
def test_calls_and_deaths_leave_no_descriptors_open(worker):
    inside = worker.call("descriptors")
    outside = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(WorkerError):
            worker.call(("leave", 1))
        assert worker.call("descriptors") == inside
    assert len(list(Path("/proc/self/fd").iterdir())) == outside


def test_kill_from_another_thread_ends_the_call(worker):
    worker.call("pid")
    timer = threading.Timer(0.2, worker.kill)
    timer.start()
    with pytest.raises(WorkerError):
        worker.call(("sleep", 60))
    timer.join()
    assert worker.pid is None


def test_close_is_quick_and_may_come_twice(entry):
    worker = Worker(entry)
    pid = worker.call("pid")
    began = time.monotonic()
    worker.close()
    worker.close()
    assert time.monotonic() - began < 1
    assert not is_running(pid)


def test_an_entry_that_cannot_be_loaded_stops_the_run(entry):
    with Worker("worker_entries:nothing") as worker, pytest.raises(RunError, match="nothing"):
        worker.call(1)
    with Worker("no.such:thing") as worker, pytest.raises(RunError, match=r"no\.such:thing"):
        worker.call(1)


def test_the_child_uses_one_thread_and_ignores_ctrl_c(worker):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    assert worker.call(("environment", *names)) == ["1", "1", "1"]
    os.kill(worker.pid, signal.SIGINT)
    assert worker.call(("echo", 1)) == 1
    assert os.getsid(worker.pid) != os.getsid(0)


def test_modules_among_the_photos_are_never_imported(entry, tmp_path, monkeypatch):
    for name in ("jpegslim", "pickle", "queue", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run from the photos')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with Worker(entry) as worker:
        assert worker.call(("echo", 1)) == 1


def test_a_folder_that_was_deleted_under_us_is_no_obstacle(entry, tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with Worker(entry) as worker:
        assert worker.call(("echo", 1)) == 1


def _call_from_a_daemon(entry, answers):
    with Worker(entry) as worker:
        answers.send(worker.call(("echo", "from a daemon")))


def test_a_daemonic_process_may_have_a_worker(entry):
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_call_from_a_daemon, args=(entry, theirs), daemon=True)
    process.start()
    theirs.close()
    with ours:
        assert ours.poll(20)
        assert ours.recv() == "from a daemon"
    process.join(10)
    process.close()


PARENT = """
import sys
from jpegslim.files.worker import Worker
workers = [Worker("worker_entries:obey") for _ in sys.argv[1:]]
print(*(worker.call("pid") for worker in workers), flush=True)
import threading
for worker, order in zip(workers, sys.argv[1:]):
    threading.Thread(target=worker.call, args=(order,), daemon=True).start()
threading.Event().wait()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_no_child_outlives_a_killed_parent_by_two_seconds(entry):
    """Not even one that is deep in C code, with the interpreter lock or without it."""
    orders = ["spin", "spin_with_the_lock", "spin_in_c"]
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(Path(__file__).parents[2])])
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *orders],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    with parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        try:
            assert len(pids) == len(orders)
            time.sleep(0.3)
            assert all(is_running(pid) for pid in pids)
            parent.kill()
            assert gone_within(pids, 2)
        finally:
            parent.kill()
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
