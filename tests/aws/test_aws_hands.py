"""The threads of a run: bounded, in the right order, and gone when it ends early."""

import signal
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jpegslim.aws.addresses import Address
from jpegslim.aws.content import Content, held
from jpegslim.aws.hands import work_through
from jpegslim.aws.making import Job
from jpegslim.aws.note import make_note
from jpegslim.aws.objects import Fetched
from jpegslim.aws.traits import PLAIN
from jpegslim.aws.treatment import Prepared, Settled
from jpegslim.errors import RunError
from jpegslim.results import Status
from jpegslim.settings import Settings

SETTINGS = Settings()


def job(number):
    return Job(source=Address("b", f"{number}"), destination=None, settings=SETTINGS)


def settled(job):
    return Settled(job=job, result=job.told(Status.KEPT, "kept", ""))


class Watch:
    """Steps that count how many run at once, and on which threads."""

    def __init__(self, folder):
        self._folder = folder
        self.now = self.most = 0
        self.committed, self.delivered, self.let_go, self.late = [], [], [], []
        self.allowed = 0
        self.threads = set()
        self.stopped = threading.Event()
        self._lock = threading.Lock()

    def _run(self):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.threads.add(threading.current_thread())
        time.sleep(0.005)
        with self._lock:
            self.now -= 1

    def prepare(self, job):
        self._run()
        path = self._folder / job.source.key
        path.write_bytes(b"result")
        fetched = Fetched(
            name=job.source,
            content=held(b"source"),
            etag="e",
            traits=PLAIN,
            modified=datetime.now(UTC),
            versioned=False,
        )
        note = make_note(
            SETTINGS,
            size=6,
            digest="0" * 64,
            source="0" * 64,
            origin="o",
            etag="e",
            score=None,
            copy=False,
        )
        return Prepared(
            job=job,
            fetched=fetched,
            result=job.told(Status.KEPT, "kept", ""),
            content=Content(6, "0" * 64, None, path),
            note=note,
        )

    def commit(self, ready):
        self.committed.append((ready.job, threading.current_thread()))
        return ready

    def deliver(self, ready):
        self._run()
        self.delivered.append(ready.job)
        ready.discard()
        return settled(ready.job)

    def done(self, job):
        self.let_go.append(job)

    def hands(self):
        return self.allowed

    def stop(self):
        self.stopped.set()

    def through(self, jobs, *, hands=4, commit=None):
        self.allowed = hands
        return work_through(jobs, self, commit=commit or self.commit, late=self.late.append)


@pytest.fixture
def watch(tmp_path):
    """Steps to watch; nothing of theirs is left, neither threads nor files."""
    watching = Watch(tmp_path)
    yield watching
    assert not any(thread.is_alive() for thread in watching.threads)
    assert list(tmp_path.iterdir()) == []


def test_each_job_is_prepared_committed_here_and_delivered(watch):
    jobs = [job(number) for number in range(30)]
    done = [each.job for each in watch.through(jobs)]
    assert sorted(done, key=str) == sorted(jobs, key=str)
    assert {each for each, _ in watch.committed} == set(watch.delivered) == set(jobs)
    assert set(watch.let_go) == set(jobs)
    assert {thread for _, thread in watch.committed} == {threading.current_thread()}
    assert threading.current_thread() not in watch.threads
    assert not watch.stopped.is_set()


def test_never_more_are_on_their_way_than_there_are_hands(watch):
    pulled = []

    def jobs():
        for number in range(40):
            pulled.append(number)
            yield job(number)

    for done, _ in enumerate(watch.through(jobs(), hands=3), start=1):
        assert len(pulled) - done <= 3
    assert watch.most <= 3
    assert len(watch.threads) == 3


def test_what_commit_settles_is_not_delivered(watch):
    def commit(ready):
        ready.discard()
        return settled(ready.job)

    assert len(list(watch.through(map(job, range(5)), commit=commit))) == 5
    assert watch.delivered == []


def test_nothing_yet_is_no_job(watch):
    assert len(list(watch.through([None, job(1), None, None, job(2), None]))) == 2


def test_what_commit_asks_for_again_is_prepared_again(watch):
    def commit(ready):
        if ready.job.timeout is not None:
            return ready
        ready.discard()
        return replace(ready.job, timeout=1.0)

    done = list(watch.through(map(job, range(5)), commit=commit))
    assert {each.job for each in done} == {replace(job(number), timeout=1.0) for number in range(5)}
    assert watch.most <= 4


def test_what_a_delivery_gives_back_is_committed_and_delivered_again(watch):
    deliver, lost = watch.deliver, []

    def deliver_second(ready):
        if ready.job in lost:
            return deliver(ready)
        lost.append(ready.job)
        return watch.prepare(ready.job)

    watch.deliver = deliver_second
    jobs = [job(number) for number in range(8)]
    assert {each.job for each in watch.through(jobs)} == set(jobs)
    assert sorted(each.source.key for each, _ in watch.committed) == sorted("01234567" * 2)
    assert set(watch.delivered) == set(watch.let_go) == set(jobs)


def test_more_hands_are_used_as_soon_as_they_are_there(watch):
    for number, _ in enumerate(watch.through(map(job, range(200)), hands=1)):
        if number == 5:
            assert watch.most == 1
            watch.allowed = 3
    assert watch.most == 3


def test_what_a_thread_raises_ends_the_run(watch):
    def deliver(ready):
        ready.discard()
        raise RunError("nothing goes any more")

    watch.deliver = deliver
    with pytest.raises(RunError, match="nothing goes"):
        list(watch.through(map(job, range(50))))
    assert watch.stopped.is_set()


@pytest.mark.parametrize("step", ["prepare", "deliver"])
def test_a_bug_costs_one_photo(watch, step):
    right = getattr(watch, step)

    def wrong(what):
        key = (what if step == "prepare" else what.job).source.key
        if key != "3":
            return right(what)
        if step == "deliver":
            what.discard()
        raise OverflowError("too large")

    setattr(watch, step, wrong)
    done = {each.job.source.key: each for each in watch.through(map(job, range(6)))}
    assert len(done) == 6
    result = done["3"].result
    assert (result.status, result.reason) == (Status.FAILED, "internal_error")
    assert result.message == "internal error: OverflowError: too large"
    assert isinstance(done["3"].error.__cause__, OverflowError)


def test_what_ends_the_wait_is_raised_while_nothing_is_answered(watch, monkeypatch):
    monkeypatch.setattr("jpegslim.aws.hands.POLL_SECONDS", 0.01)
    began = threading.Event()

    def prepare(job):
        began.set()
        assert watch.stopped.wait(10)
        return settled(job)

    def hands():
        if began.is_set():
            raise RunError("nobody is there")
        return 1

    watch.prepare, watch.hands = prepare, hands
    with pytest.raises(RunError, match="nobody"):
        list(watch.through([job(1)]))


def test_a_run_that_is_left_early_leaves_nothing_behind(watch):
    outcomes = watch.through(map(job, range(1000)))
    next(outcomes)
    outcomes.close()
    assert watch.stopped.is_set()
    assert len(watch.delivered) < 20


def test_what_is_delivered_while_a_run_is_ended_is_told(watch):
    deliver, began = watch.deliver, threading.Event()

    def deliver_at_last(ready):
        if ready.job.source.key == "1":
            began.set()
            assert watch.stopped.wait(10)
        return deliver(ready)

    watch.deliver = deliver_at_last
    outcomes = watch.through([job(1), *(job(number) for number in range(2, 500))])
    next(outcomes)
    assert began.wait(10)
    outcomes.close()
    assert job(1) in [each.job for each in watch.late]
    # Each once: the first one was yielded.
    assert len(watch.late) == len(watch.delivered) - 1


@pytest.mark.parametrize("lines", range(1, 200, 7))
def test_ctrl_c_at_any_moment_sends_every_thread_home(watch, lines):
    """A signal between two lines of `threading` once left a thread waiting for its call."""
    outcomes = watch.through(map(job, range(500)), hands=3)
    for _ in range(6):
        next(outcomes)
    left = lines

    def interrupt(frame, event, arg):
        nonlocal left
        if Path(frame.f_code.co_filename).name not in ("hands.py", "queue.py", "threading.py"):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                signal.raise_signal(signal.SIGINT)
        return interrupt

    began, before = time.monotonic(), sys.gettrace()
    sys.settrace(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            for _ in range(50):
                next(outcomes)
    finally:
        sys.settrace(before)
    assert time.monotonic() - began < 5


def test_all_threads_together_are_waited_for_only_so_long(watch, monkeypatch):
    monkeypatch.setattr("jpegslim.aws.hands._JOIN_SECONDS", 0.5)
    asked, over = [], threading.Event()

    def prepare(job):
        watch.threads.add(threading.current_thread())
        asked.append(job)
        over.wait(30)
        return settled(job)

    def hands():
        if len(asked) == 20:
            raise RunError("nobody is there")
        return 20

    watch.prepare, watch.hands = prepare, hands
    began = time.monotonic()
    with pytest.raises(RunError, match="nobody"):
        list(watch.through(map(job, range(20))))
    assert time.monotonic() - began < 5
    over.set()
    for thread in watch.threads:
        thread.join()
