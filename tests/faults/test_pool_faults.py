"""The pool goes on without the files that kill, and stops at once when it must."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from processes import children_of, gone_within

from jpegslim.errors import RunError, WorkerError
from jpegslim.files.child import BYTES_PER_MEGAPIXEL
from jpegslim.files.pool import (
    MEMORY_SHARE,
    READY_AHEAD,
    Admission,
    Outcome,
    default_jobs,
    memory_budget,
    run,
)

OTHERS: tuple[set[int], set[threading.Thread]] = (set(), set())

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def outcomes(payloads, entry, *, jobs=2, megapixels=100.0, timeout=30.0):
    return run(payloads, entry=entry, jobs=jobs, megapixels=megapixels, timeout=timeout)


@pytest.fixture(autouse=True)
def others(request):
    """Remember what other tests of the session left running: servers, their threads."""
    request.module.OTHERS = set(children_of(os.getpid())), set(threading.enumerate())


def children():
    return sorted(set(children_of(os.getpid())) - OTHERS[0])


def helpers():
    return [each for each in threading.enumerate() if each not in OTHERS[1]]


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_payload_has_one_outcome(entry, jobs):
    payloads = [("echo", number) for number in range(200)]
    done = list(outcomes(payloads, entry, jobs=jobs))
    assert sorted(outcome.payload for outcome in done) == payloads
    assert all(outcome.result == outcome.payload[1] for outcome in done)
    assert helpers() == []


def test_nothing_to_do_starts_nothing(entry):
    assert list(outcomes([], entry)) == []


def test_none_stands_for_nothing_yet(entry):
    payloads = [None, ("echo", 1), None, None, ("echo", 2), None]
    assert sorted(outcome.result for outcome in outcomes(payloads, entry)) == [1, 2]
    assert list(outcomes([None] * 10, entry)) == []


@linux_only
def test_workers_keep_open_what_they_are_to_inherit(entry, tmp_path):
    with (tmp_path / "lock").open("w") as lock:
        pool = run(
            [("is_open", lock.fileno(), str(tmp_path / "lock"))],
            entry=entry,
            jobs=1,
            megapixels=1.0,
            timeout=30.0,
            inherit=(lock.fileno(),),
        )
        assert [outcome.result for outcome in pool] == [True]


@linux_only
def test_no_more_workers_than_payloads(entry):
    seen = set()
    for _ in outcomes(["pid"], entry, jobs=8):
        seen.update(children())
    assert len(seen) == 1


POISON = {
    7: "segfault",
    13: ("leave", 3),
    21: "spin",
    22: "spin_with_the_lock",
    33: ("swallow_memory", 2000),
    34: "raise_bug",
    49: "abort_with_words",
}


@linux_only
def test_poison_among_fifty_costs_only_itself(entry):
    payloads = [POISON.get(number, ("echo", number)) for number in range(50)]
    done = {
        payloads.index(outcome.payload): outcome
        for outcome in outcomes(payloads, entry, timeout=0.5)
    }
    assert len(done) == 50
    healthy = {number: outcome for number, outcome in done.items() if number not in POISON}
    assert all(outcome.result == number for number, outcome in healthy.items())
    assert {number: done[number].error.reason for number in POISON} == {
        7: "worker_died",
        13: "worker_died",
        21: "timeout",
        22: "timeout",
        33: "out_of_memory",
        34: "internal_error",
        49: "worker_died",
    }
    assert all(isinstance(done[number].error, WorkerError) for number in POISON)


def test_an_endless_source_is_pulled_only_so_far_ahead(entry):
    pulled = 0

    def endless():
        nonlocal pulled
        for number in itertools.count():
            pulled += 1
            yield ("echo", number)

    with closing(outcomes(endless(), entry)) as stream:
        for count, outcome in enumerate(stream, start=1):
            assert isinstance(outcome, Outcome)
            assert pulled <= count + 2 + READY_AHEAD
            if count == 100:
                break


def test_a_slow_payload_does_not_hold_back_the_others(entry):
    payloads = [("sleep", 0.6), *(("echo", number) for number in range(20))]
    done = [outcome.payload[0] for outcome in outcomes(payloads, entry)]
    assert done[-1] == "sleep"


@linux_only
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_exception_in_the_consumer_leaves_no_process(entry, error):
    def consume():
        with closing(outcomes([("echo", 1), *["spin"] * 9], entry, timeout=None)) as stream:
            next(stream)
            raise error

    began = time.monotonic()
    with pytest.raises(error):
        consume()
    assert time.monotonic() - began < 2
    assert children() == []
    assert helpers() == []


@linux_only
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_exception_in_the_source_leaves_no_process(entry, error):
    def source():
        yield "spin"
        time.sleep(0.3)
        raise error

    with pytest.raises(error):
        list(outcomes(source(), entry, timeout=None))
    assert children() == []
    assert helpers() == []


@linux_only
def test_a_run_error_in_a_worker_stops_the_run(entry):
    with pytest.raises(RunError, match="no space left"):
        list(outcomes([*["spin"], "raise_run_error", *["spin"] * 5], entry, timeout=None))
    assert children() == []


def test_workers_that_cannot_start_stop_the_run():
    with pytest.raises(RunError, match=r"no\.such:entry"):
        list(outcomes([1, 2, 3], "no.such:entry"))


CTRL_C = """
import sys
from jpegslim.files.pool import run
try:
    for outcome in run([("echo", 1)] + ["spin"] * 9, entry="worker_entries:obey", jobs=2,
                       megapixels=10, timeout=None):
        print("working", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


@linux_only
def test_ctrl_c_ends_everything_at_once(entry):
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(Path(__file__).parents[2])])
    environment = {**os.environ, "PYTHONPATH": path}
    # A test run in the background has SIGINT ignored, and children inherit that.
    command = [
        sys.executable,
        "-c",
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + CTRL_C,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"working\n"
        pids = children_of(process.pid)
        assert pids
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == b"interrupted\n"
        assert process.wait(3) == 130
        assert gone_within(pids, 1)


def overlap(done):
    """Return the most megapixels that were in work at one time."""
    spans = [(*outcome.result, outcome.payload[1]) for outcome in done]
    return max(sum(size for a, b, size in spans if a <= began < b) for began, _, _ in spans)


def test_megapixels_in_work_stay_within_the_budget(entry):
    payloads = [("hold", float(size), 0.02) for size in (4, 7, 1, 9, 30, 3, 3, 3, 5, 30, 2, 8)]
    done = list(outcomes(payloads, entry, jobs=3, megapixels=10.0))
    assert all(outcome.error is None for outcome in done)
    small = [outcome for outcome in done if outcome.payload[1] < 30]
    assert overlap(small) <= 10
    # Larger than the budget: admitted, but alone.
    assert overlap(done) == 30


def test_a_large_picture_gets_its_turn():
    admission, order = Admission(10.0), []
    first = admission.admit(6.0)
    first.__enter__()

    def admit(size):
        with admission.admit(size):
            order.append(size)

    threads = []
    for size in (9.0, 1.0):
        threads.append(threading.Thread(target=admit, args=(size,)))
        threads[-1].start()
        time.sleep(0.05)
    assert order == []
    first.__exit__(None, None, None)
    for thread in threads:
        thread.join()
    assert order == [9.0, 1.0]


def test_a_picture_the_machine_has_no_memory_for_is_refused_with_the_figures(monkeypatch, entry):
    monkeypatch.setattr("jpegslim.files.pool._allowed_memory", lambda: 1_500_000_000)
    payloads = [("hold", 200.0, 0.0), ("hold", 90.0, 0.0), ("hold", 1.0, 0.0)]
    done = {outcome.payload[1]: outcome for outcome in outcomes(payloads, entry, megapixels=31.0)}
    refused = done[200.0].error
    assert (type(refused), refused.reason) == (WorkerError, "out_of_memory")
    assert str(refused) == "its 200 megapixels take about 2.3 GB of memory, and 1.5 GB are free"
    # Over the budget and alone, but within what is free; and what came after the refused one.
    assert done[90.0].error is None
    assert done[1.0].error is None


@linux_only
def test_a_decoder_that_takes_more_than_its_picture_s_share_costs_one_file(entry):
    payloads = [("echo", 1), ("swallow_memory", 2048), ("echo", 2)]
    done = list(outcomes(payloads, entry, jobs=1))
    assert [outcome.result for outcome in done] == [1, None, 2]
    error = done[1].error
    assert error.reason == "out_of_memory"
    # 256 MiB for any picture and 24 bytes for each of its pixels.
    assert "(0.3 GB for 1.0 megapixels)" in str(error)


def test_a_closed_admission_turns_away_who_waits():
    admission = Admission(1.0)
    with admission.admit(1.0):
        timer = threading.Timer(0.05, admission.close)
        timer.start()
        with pytest.raises(RuntimeError), admission.admit(1.0):
            pass
        timer.join()


def test_who_is_not_wanted_any_more_does_not_wait_for_room(monkeypatch):
    monkeypatch.setattr("jpegslim.files.pool.POLL_SECONDS", 0.01)
    admission, wanted = Admission(1.0), [True, True, False]
    with admission.admit(1.0):
        with (
            pytest.raises(RuntimeError),
            admission.admit(1.0, is_wanted=lambda: bool(wanted and wanted.pop(0))),
        ):
            pass
        assert wanted == []
    with admission.admit(1.0):
        pass


def test_a_budget_is_measured_anew_whenever_nothing_is_in_work():
    budgets = [2.0, 10.0]
    admission = Admission(lambda: budgets.pop(0))
    with admission.admit(1.0):
        turned_away = iter([True, False])
        with pytest.raises(RuntimeError), admission.admit(2.0, is_wanted=lambda: next(turned_away)):
            pass
    with admission.admit(1.0), admission.admit(9.0):
        assert budgets == []


def test_the_machine_sets_the_defaults():
    assert 1 <= default_jobs() <= os.cpu_count()
    assert memory_budget() >= 1


def test_a_container_s_limits_count(tmp_path, monkeypatch):
    monkeypatch.setattr("jpegslim.files.pool._cgroup_folders", lambda _: [tmp_path])
    free = memory_budget()
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "memory.max").write_text(f"{1 << 30}\n")
    (tmp_path / "memory.current").write_text(f"{900 << 20}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {700 << 20}\n")
    assert default_jobs() == 1
    assert memory_budget() == pytest.approx((824 << 20) * MEMORY_SHARE / BYTES_PER_MEGAPIXEL)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert default_jobs() >= 1
    assert memory_budget() == pytest.approx(free, rel=0.2)
