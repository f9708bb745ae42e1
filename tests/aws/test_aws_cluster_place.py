"""A photo's way over a cluster: what is prepared, delivered, lost on the way, and thrown away."""

import os
import shutil
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="needs the extra: pip install 'jpegslim[cluster]'")

from cluster_parts import Ours, kept, left_on, temporaries
from dask_parts import Dask
from distributed import Client

import jpegslim
from jpegslim.aws.landing import Landed
from jpegslim.aws.treatment import Prepared, Settled
from jpegslim.errors import RunError, WorkerError
from jpegslim.results import Status

HERE = Path(__file__).parent
posix_only = pytest.mark.skipif(os.name != "posix", reason="POSIX signals and limits")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, weed):
    cluster = Dask(tmp_path_factory.mktemp("dask"), HERE)
    mine = Ours(cluster, weed)
    yield mine
    mine.close()
    cluster.close()


@pytest.fixture
def whole(unbroken, real_bucket):
    """A cluster whose worker stays whole, and nothing on it."""
    assert left_on(unbroken.dask) == []
    return unbroken.turn_to(real_bucket.keep_versions())


@pytest.fixture
def begin(dask, weed, real_bucket):
    """Return a function that starts a cluster that a test may break."""
    running = []

    def start(*options, **how):
        running.append(Ours(dask, weed, *options, **how))
        return running[-1].turn_to(real_bucket.keep_versions())

    yield start
    for mine in running:
        mine.close()


def test_no_pixels_cross_and_nothing_is_written_before_it_is_delivered(whole, photo):
    whole.bucket.put("a.jpg", photo())
    prepared = whole.prepared("a.jpg")
    for content in (prepared.content, prepared.fetched.content):
        assert (content.data, content.path) == (None, None)
    assert len(whole.bucket.versions("a.jpg")) == 1
    settled = whole.place.deliver(prepared)
    assert settled.result.status is Status.OPTIMIZED
    assert settled.written.content == prepared.content
    assert settled.etag == whole.bucket.head("a.jpg")["ETag"]
    assert left_on(whole.dask) == []


def test_a_newer_upload_wins_over_what_a_worker_prepared(whole, photo):
    whole.bucket.put("a.jpg", photo())
    prepared = whole.prepared("a.jpg")
    whole.bucket.put("a.jpg", photo(1))
    assert whole.place.deliver(prepared).result.reason == "stale"
    assert whole.bucket.get("a.jpg") == photo(1)


def test_poison_costs_only_itself_and_the_worker_is_named(whole, photo):
    reasons = {b"POISON": "worker_died", b"HANGS": "timeout"}
    for ending, reason in reasons.items():
        whole.bucket.put("bad.jpg", photo() + ending)
        settled = whole.place.prepare(whole.job("bad.jpg"))
        assert isinstance(settled, Settled)
        assert (settled.result.status, settled.result.reason) == (Status.FAILED, reason)
        assert "(on the Dask worker first (tcp://" in settled.result.message
    whole.bucket.put("good.jpg", photo())
    assert whole.place.deliver(whole.prepared("good.jpg")).result.status is Status.OPTIMIZED
    assert left_on(whole.dask) == []


def test_a_poisoned_photo_is_copied_where_results_go_elsewhere(whole, photo, tmp_path):
    poison = photo() + b"POISON"
    whole.bucket.put("bad.jpg", poison)
    settled = whole.place.deliver(whole.prepared("bad.jpg", destination="out/bad.jpg"))
    assert whole.bucket.get("out/bad.jpg") == poison
    landed = whole.place.prepare(whole.job("bad.jpg", landing=tmp_path / "bad.jpg"))
    assert isinstance(landed, Landed)
    assert landed.done.staged.temporary.read_bytes() == poison
    for result in (settled.result, landed.done.result):
        assert (result.status, result.reason) == (Status.FAILED, "worker_died")
        assert "(on the Dask worker first (tcp://" in result.message
        assert result.message.endswith("; copied as it is")
    landed.discard()
    assert temporaries(tmp_path) == []


def test_what_is_let_go_is_thrown_away(whole, photo):
    whole.bucket.put("a.jpg", photo())
    prepared = whole.prepared("a.jpg")
    assert len(kept(whole.dask)) == 2
    whole.place.done(prepared.job)
    assert left_on(whole.dask) == []


def test_a_stopped_place_turns_everybody_away(whole, photo):
    whole.bucket.put("a.jpg", photo())
    prepared = whole.prepared("a.jpg")
    whole.place.stop()
    assert kept(whole.dask) == []
    for step in (
        lambda: whole.place.prepare(whole.job("a.jpg")),
        lambda: whole.place.deliver(prepared),
    ):
        with pytest.raises(WorkerError, match="stopped"):
            step()
    assert len(whole.bucket.versions("a.jpg")) == 1


def test_trouble_of_ours_while_writing_is_told_as_such(whole, photo):
    whole.bucket.put("a.jpg", photo())
    prepared = whole.prepared("a.jpg")
    for path in kept(whole.dask):
        path.unlink()
    settled = whole.place.deliver(prepared)
    assert (settled.result.status, settled.result.reason) == (Status.FAILED, "internal_error")
    assert "(on the Dask worker first (tcp://" in settled.result.message
    assert "FileNotFoundError" in settled.error.__notes__[0]
    assert whole.bucket.get("a.jpg") == photo()


def test_a_run_asks_anew_who_it_is(begin, photo, tmp_path, monkeypatch):
    signed = tmp_path / "credentials"
    known = [os.environ[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(signed))
    form = "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n"
    signed.write_text(form.format("expired", "long ago"))
    mine = begin()
    mine.bucket.put("a.jpg", photo())
    with pytest.raises(RunError, match=r"see to your credentials \(on the Dask worker first"):
        mine.place.prepare(mine.job("a.jpg"))
    signed.write_text(form.format(*known))
    mine.turn_to(mine.bucket)
    assert mine.place.deliver(mine.prepared("a.jpg")).result.status is Status.OPTIMIZED


def test_who_was_denied_access_is_named(begin, photo):
    mine = begin("--preload", "denied")
    mine.bucket.put("a.jpg", photo())
    settled = mine.place.prepare(mine.job("a.jpg"))
    assert (settled.result.status, settled.result.reason) == (Status.FAILED, "access_denied")
    assert "reading it (on the Dask worker first (tcp://" in settled.result.message


def test_a_worker_that_joins_later_and_lacks_something_is_named(begin, photo):
    mine = begin()
    mine.bucket.put("slow.jpg", photo() + b"HANGS")
    mine.bucket.put("a.jpg", photo())

    def keep_busy():
        # Until the place is stopped.
        with suppress(WorkerError):
            mine.place.prepare(replace(mine.job("slow.jpg"), timeout=60.0))

    busy = threading.Thread(target=keep_busy)
    busy.start()
    with Client(mine.dask.address, set_as_default=False) as another:
        while not any(another.processing().values()):
            time.sleep(0.01)
        mine.dask.work("bare", "--preload", "no_boto3")
        another.wait_for_workers(2, timeout=60)
    with pytest.raises(RunError, match=r"the Dask worker bare \(tcp://.*\) has no boto3: install"):
        # The one that is free gets one of two.
        for _ in range(2):
            mine.place.prepare(mine.job("a.jpg"))
    mine.place.stop()
    busy.join()


def test_what_went_down_with_its_worker_is_prepared_anew(begin, photo):
    mine = begin()
    mine.bucket.put("a.jpg", photo())
    mine.bucket.put("b.jpg", photo(1))
    first, other = mine.prepared("a.jpg"), mine.prepared("b.jpg")
    mine.lose()
    # Nothing of a result that stands no more is written: the newer photo is worked on.
    mine.bucket.put("b.jpg", photo(2))
    mine.dask.work("second")
    for prepared in (first, other):
        again = mine.place.deliver(prepared)
        assert isinstance(again, Prepared)
        assert mine.place.deliver(again).result.status is Status.OPTIMIZED
    assert mine.bucket.get("a.jpg") == jpegslim.optimize(photo()).data
    assert mine.bucket.get("b.jpg") == jpegslim.optimize(photo(2)).data
    assert len(mine.bucket.versions("a.jpg")) == 2


@posix_only
def test_what_a_lost_worker_had_written_is_told_as_done(begin, photo):
    mine = begin("--preload", "dies_after_writing")
    mine.bucket.put("a.jpg", photo())
    in_place = mine.prepared("a.jpg")
    mine.dask.work("second", "--preload", "dies_after_writing")
    mine.bucket.put("b.jpg", photo(1))
    settled = mine.place.deliver(in_place)
    assert settled.result.status is Status.OPTIMIZED
    assert settled.written.content == in_place.content
    assert settled.etag == mine.bucket.head("a.jpg")["ETag"]
    assert len(mine.bucket.versions("a.jpg")) == 2
    elsewhere = mine.prepared("b.jpg", destination="out/b.jpg")
    mine.dask.work("third")
    settled = mine.place.deliver(elsewhere)
    assert settled.result.status is Status.OPTIMIZED
    assert settled.etag == mine.bucket.head("out/b.jpg")["ETag"]
    assert len(mine.bucket.versions("out/b.jpg")) == 1


def test_a_worker_that_is_retired_hands_nothing_over(begin, photo):
    mine = begin()
    mine.bucket.put("a.jpg", photo())
    prepared = mine.prepared("a.jpg")
    mine.dask.work("second")
    with Client(mine.dask.address, set_as_default=False) as another:
        another.wait_for_workers(2, timeout=60)
        first = next(each for each, about in workers(another) if about["name"] == "first")
        another.retire_workers([first])
    again = mine.place.deliver(prepared)
    assert isinstance(again, Prepared)
    assert mine.place.deliver(again).result.status is Status.OPTIMIZED
    assert len(mine.bucket.versions("a.jpg")) == 2
    assert left_on(mine.dask) == []


def workers(client):
    return client.scheduler_info(n_workers=-1)["workers"].items()


@posix_only
def test_a_frozen_worker_holds_nobody_up_for_good(begin, photo, monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "3s")
    mine = begin()
    mine.bucket.put("a.jpg", photo())
    prepared = mine.prepared("a.jpg")
    mine.worker.send_signal(signal.SIGSTOP)
    mine.dask.work("second")
    again = mine.place.deliver(prepared)
    assert isinstance(again, Prepared)
    settled = mine.place.deliver(again)
    # What it was asked for meanwhile, it does now, and too late.
    mine.worker.send_signal(signal.SIGCONT)
    assert settled.result.status is Status.OPTIMIZED
    assert left_on(mine.dask) == []
    assert len(mine.bucket.versions("a.jpg")) == 2


@posix_only
def test_a_run_ends_without_a_worker_that_is_frozen(begin, photo, monkeypatch):
    monkeypatch.setattr("jpegslim.cluster.gateway.WITHDRAW_SECONDS", 1.0)
    mine = begin()
    mine.bucket.put("a.jpg", photo())
    mine.prepared("a.jpg")
    mine.worker.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    mine.place.stop()
    assert time.monotonic() - began < 10
    mine.worker.send_signal(signal.SIGCONT)
    assert left_on(mine.dask) == []


@posix_only
def test_a_worker_without_room_ends_the_run(begin, photo):
    mine = begin("--preload", "small_disk")
    mine.bucket.put("a.jpg", photo())
    assert len(photo()) > 10_000
    with pytest.raises(RunError, match=r"has no room for a photo of .* \(on the Dask worker first"):
        mine.place.prepare(mine.job("a.jpg"))
    assert kept(mine.dask) == []


def test_a_worker_without_a_folder_of_its_own_ends_the_run(begin, photo):
    mine = begin()
    mine.bucket.put("a.jpg", photo())
    shutil.rmtree(mine.dask.folder / "first" / "dask-scratch-space")
    with pytest.raises(RunError, match=r"can't be used: .* \(on the Dask worker first"):
        mine.place.prepare(mine.job("a.jpg"))


@linux_only
def test_what_kills_dask_workers_is_given_up_and_copied(begin, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    mine = begin(nanny=True)
    killer = photo() + b"KILLER"
    mine.bucket.put("killer.jpg", killer)
    settled = mine.place.prepare(mine.job("killer.jpg"))
    copied = mine.place.deliver(mine.prepared("killer.jpg", destination="out/killer.jpg"))
    landed = mine.place.prepare(mine.job("killer.jpg", landing=tmp_path / "killer.jpg"))
    for result in (settled.result, copied.result, landed.done.result):
        assert (result.status, result.reason) == (Status.FAILED, "worker_died")
        assert "every Dask worker that had it died, 1 in all" in result.message
    assert mine.bucket.get("killer.jpg") == mine.bucket.get("out/killer.jpg") == killer
    assert landed.done.staged.temporary.read_bytes() == killer
    landed.discard()
    mine.place.done(landed.job)
    assert temporaries(tmp_path) == []


def test_nothing_goes_through_a_gateway_that_is_closed(begin, photo):
    mine = begin()
    mine.bucket.put("a.jpg", photo())
    mine.gateway.__exit__(None, None, None)
    with pytest.raises(RunError, match="lost the Dask scheduler"):
        mine.place.prepare(mine.job("a.jpg"))
