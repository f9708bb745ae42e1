"""A run on a cluster goes on without what dies, and stops at once when it must."""

import os
import signal
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from cluster_tasks import LOSSLESS, in_place
from dask import config
from patience import left_at_last

from jpegslim.cluster.gateway import Gateway
from jpegslim.cluster.window import AHEAD, SPARE, run
from jpegslim.errors import RunError, WorkerError
from jpegslim.files import store, work
from jpegslim.results import Status
from jpegslim.version import VERSION

ENTRY = "cluster_entries:by_name"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def outcomes(gateway, tasks, *, entry=ENTRY, timeout=30.0):
    return run(tasks, gateway=gateway, entry=entry, timeout=timeout)


def publish(outcome):
    """Do what a run's writer does in the end."""
    task, done = outcome.payload, outcome.result
    store.publish(
        done.staged,
        source=task.source,
        identity=done.identity,
        in_place=True,
        replaces=done.replaces,
    )


def leftovers(folder):
    return [path.name for path in folder.rglob("*") if path.name.endswith(".tmp")]


def wait_until(is_so):
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for(count, gateway):
    wait_until(lambda: gateway.threads() >= count)


def test_poison_costs_only_itself(two_workers, photos, tmp_path):
    folder = photos(tmp_path / "photos", 8)
    poison = {"segfault": "worker_died", "spin": "timeout", "bug": "internal_error"}
    for name, path in zip(poison, sorted(folder.iterdir()), strict=False):
        path.rename(folder / f"{name}.jpg")
    tasks = [in_place(path) for path in sorted(folder.iterdir())]
    with Gateway(two_workers) as gateway:
        done = {each.payload.source.stem: each for each in outcomes(gateway, tasks, timeout=1.0)}
    assert len(done) == 8
    assert {name: done.pop(name).error.reason for name in poison} == poison
    assert {each.result.result.status for each in done.values()} == {Status.LOSSLESS}


def test_a_worker_is_named_where_it_is_to_blame(two_workers, photos, tmp_path):
    folder = photos(tmp_path / "photos", 1)
    (folder / "000.jpg").rename(folder / "segfault.jpg")
    with Gateway(two_workers) as gateway:
        (outcome,) = outcomes(gateway, [in_place(folder / "segfault.jpg")])
    assert isinstance(outcome.error, WorkerError)
    assert "SIGSEGV" in str(outcome.error)
    assert "on the Dask worker anna" in str(outcome.error) or "otto" in str(outcome.error)


def test_a_run_error_on_a_worker_stops_the_run(two_workers, photos, tmp_path):
    folder = photos(tmp_path / "photos", 2)
    (folder / "000.jpg").rename(folder / "full.jpg")
    with Gateway(two_workers) as gateway, pytest.raises(RunError, match=r"no space.*Dask worker"):
        list(outcomes(gateway, [in_place(path) for path in folder.iterdir()]))
    assert leftovers(folder) == []


def test_only_so_many_tasks_are_out_at_once(two_workers, photos, tmp_path):
    folder, pulled = photos(tmp_path / "photos", 1), 0

    def endless():
        nonlocal pulled
        while True:
            pulled += 1
            yield None if pulled % 3 == 0 else in_place(folder / "000.jpg")

    with Gateway(two_workers) as gateway:
        wait_for(2, gateway)
        with closing(outcomes(gateway, endless())) as stream:
            for count, _ in enumerate(stream, start=1):
                out = pulled - pulled // 3 - count
                assert out <= 2 * (1 + AHEAD) + SPARE
                if count == 20:
                    break
    assert leftovers(folder) == []


def test_nothing_to_do_ends_at_once(two_workers):
    with Gateway(two_workers) as gateway:
        assert list(outcomes(gateway, [])) == []
        assert list(outcomes(gateway, [None] * 5)) == []


def test_names_come_back_as_they_were_given(two_workers, photos, tmp_path, monkeypatch):
    photos(tmp_path / "photos", 1)
    monkeypatch.chdir(tmp_path)
    task = in_place(Path("photos/000.jpg"), ledger=tmp_path / "elsewhere.sqlite")
    with Gateway(two_workers) as gateway:
        (outcome,) = outcomes(gateway, [task])
    assert outcome.payload is task
    assert (outcome.result.result.path, outcome.result.result.output) == (task.source, task.source)


def test_another_machine_s_numbers_for_devices_do_not_matter(two_workers, photos, tmp_path):
    folder = photos(tmp_path / "photos", 1)
    before = (folder / "000.jpg").stat()
    entry = "cluster_entries:on_another_machine"
    with Gateway(two_workers) as gateway:
        for outcome in outcomes(gateway, [in_place(folder / "000.jpg")], entry=entry):
            publish(outcome)
    assert (folder / "000.jpg").stat().st_size < before.st_size
    assert leftovers(folder) == []


def test_a_stopped_consumer_leaves_nothing(two_workers, photos, tmp_path):
    folder = photos(tmp_path / "photos", 12)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    tasks = [in_place(path) for path in sorted(folder.iterdir())]
    with Gateway(two_workers) as gateway:
        with closing(outcomes(gateway, tasks, entry="cluster_entries:slowly")) as stream:
            next(stream)
        assert leftovers(folder) == []
        # Not only for now: nobody is still at work on them.
        time.sleep(1)
        assert leftovers(folder) == []
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_task_that_hangs_is_ended_where_nobody_waits(dask, photos, tmp_path):
    folder = photos(tmp_path / "photos", 2)
    good, spin = folder / "000.jpg", folder / "spin.jpg"
    (folder / "001.jpg").rename(spin)
    dask.start()
    dask.work("only")
    with Gateway(dask.address) as gateway:
        tasks = [in_place(good), in_place(spin)]
        with closing(outcomes(gateway, tasks, timeout=None)) as stream:
            assert next(stream).payload.source == good
            time.sleep(0.5)
        began = time.monotonic()
        # It would have held the only thread there is for half a minute.
        assert [each.error for each in outcomes(gateway, tasks[:1])] == [None]
        assert time.monotonic() - began < 10
    assert leftovers(folder) == []


def test_a_client_that_vanishes_leaves_nobody_at_work(dask, photos, tmp_path):
    folder = photos(tmp_path / "photos", 3)
    good, spin = folder / "000.jpg", folder / "spin.jpg"
    (folder / "001.jpg").rename(spin)
    dask.start()
    dask.work("only")
    tasks = [in_place(good), in_place(spin)]
    with Gateway(dask.address) as gateway, closing(outcomes(gateway, tasks)) as stream:
        publish(next(stream))
        time.sleep(0.5)
        # As where it is killed: nothing is taken back.
        gateway._client.close()
        with Gateway(dask.address) as other:
            began = time.monotonic()
            (outcome,) = outcomes(other, [in_place(folder / "002.jpg")])
            assert outcome.error is None
            assert time.monotonic() - began < 10


def test_what_a_vanished_client_would_have_published_goes(dask, photos, tmp_path):
    folder = photos(tmp_path / "photos", 2)
    dask.start()
    dask.work("only")
    tasks = [in_place(path) for path in sorted(folder.iterdir())]
    with (
        Gateway(dask.address) as gateway,
        closing(outcomes(gateway, tasks, entry="cluster_entries:slowly")) as stream,
    ):
        publish(next(stream))
        wait_until(lambda: leftovers(folder))
        gateway._client.close()
        assert left_at_last(lambda: leftovers(folder)) == []


def test_a_killed_worker_s_files_are_worked_on_again(dask, photos, tmp_path):
    folder = photos(tmp_path / "photos", 6)
    dask.start()
    first = dask.work("first")
    tasks = [in_place(path) for path in sorted(folder.iterdir())]
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = []
    with Gateway(dask.address) as gateway:
        for outcome in outcomes(gateway, tasks, entry="cluster_entries:slowly"):
            assert outcome.error is None
            publish(outcome)
            done.append(outcome.payload.source)
            if len(done) == 2:
                wait_until(lambda: leftovers(folder))
                # In the middle: something is staged and not answered.
                first.send_signal(signal.SIGKILL)
                dask.work("second")
    assert sorted(done) == sorted(before)
    for path, data in before.items():
        assert path.read_bytes() == work_here(data)
    assert leftovers(folder) == []


def work_here(data):
    return work.run_bytes((data, LOSSLESS), lambda _: None).data


@linux_only
def test_what_kills_dask_workers_is_given_up(dask, photos, tmp_path, monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    folder = photos(tmp_path / "photos", 2)
    (folder / "000.jpg").rename(folder / "killer.jpg")
    dask.start()
    first, second = dask.work("first"), dask.work("second")
    with Gateway(dask.address) as gateway:
        wait_for(2, gateway)
        (outcome,) = outcomes(gateway, [in_place(folder / "killer.jpg")])
        assert outcome.error.reason == "worker_died"
        assert "every Dask worker that had it died, 1 in all; the last was tcp://" in str(
            outcome.error
        )
        (outcome,) = outcomes(gateway, [in_place(folder / "001.jpg")])
        assert outcome.error is None
    assert [first.poll(), second.poll()].count(None) == 1


@linux_only
def test_a_worker_without_the_folder_is_named(dask, photos, tmp_path):
    # /proc/self/cwd leads each process elsewhere, like a path that only one machine mounts.
    folder = Path("/proc/self/cwd/photos")
    here, there = tmp_path / "here", tmp_path / "there"
    photos(here / "photos", 2)
    there.mkdir()
    before = {path: path.read_bytes() for path in (here / "photos").iterdir()}
    dask.start()
    dask.work("far", cwd=there)
    os_cwd = Path.cwd()
    os.chdir(here)
    try:
        with Gateway(dask.address) as gateway, pytest.raises(RunError) as stop:
            list(outcomes(gateway, [in_place(folder / "000.jpg"), in_place(folder / "001.jpg")]))
        assert f"the Dask worker far ({gateway_address(stop)}) has no folder {folder}" in str(
            stop.value
        )
        # The folder is there now, but one file isn't: that file alone fails.
        (there / "photos").mkdir()
        (there / "photos" / "001.jpg").symlink_to(here / "photos" / "001.jpg")
        with Gateway(dask.address) as gateway:
            (lost,) = outcomes(gateway, [in_place(folder / "000.jpg")])
            assert lost.error.reason == "not_found"
            assert "Dask worker far" in str(lost.error)
            # A folder of the same name is not the same folder.
            with pytest.raises(RunError, match="is not to be seen here"):
                list(outcomes(gateway, [in_place(folder / "001.jpg")]))
    finally:
        os.chdir(os_cwd)
    assert {path: path.read_bytes() for path in before} == before
    assert leftovers(tmp_path) == []


def gateway_address(stop):
    return str(stop.value).partition("(")[2].partition(")")[0]


def test_a_worker_of_another_version_is_refused_before_and_in_the_run(dask, photos, tmp_path):
    folder = photos(tmp_path / "photos", 40)
    tasks = [in_place(path) for path in sorted(folder.iterdir())]
    words = rf"Dask worker old .* runs jpegslim 0\.0\.1, and this is {VERSION}"
    dask.start()
    new = dask.work("new")
    with Gateway(dask.address) as gateway, pytest.raises(RunError, match=words):
        for number, _ in enumerate(
            outcomes(gateway, tasks * 50, entry="cluster_entries:slowly"), start=1
        ):
            if number == 1:
                dask.work("old", "--preload", "old_version")
    new.kill()
    new.wait()
    with pytest.raises(RunError, match=words), Gateway(dask.address):
        pass
    assert left_at_last(lambda: leftovers(folder)) == []


def test_a_worker_without_jpegslim_is_refused(dask):
    dask.start()
    dask.work("bare", "--preload", "no_jpegslim")
    with pytest.raises(RunError, match=rf"Dask worker bare .* has no jpegslim.*{VERSION}"):
        Gateway(dask.address).__enter__()


def test_a_lost_scheduler_stops_the_run(dask, photos, tmp_path):
    folder = photos(tmp_path / "photos", 8)
    address = dask.start()
    dask.work("only")
    tasks = [in_place(path) for path in sorted(folder.iterdir())]
    with (
        pytest.raises(RunError, match=rf"^lost the Dask scheduler {address}: run again .* left$"),
        Gateway(address) as gateway,
    ):
        for _ in outcomes(gateway, tasks, entry="cluster_entries:slowly"):
            dask.scheduler.kill()
    assert left_at_last(lambda: leftovers(folder)) == []


def test_a_cluster_without_workers_is_told(dask):
    address = dask.start()
    with pytest.raises(RunError, match=f"has had no worker.*dask worker {address}"):
        Gateway(address, workers_seconds=1.0).__enter__()


def test_no_scheduler_is_told():
    with pytest.raises(RunError, match=r"^no Dask scheduler answers at tcp://127\.0\.0\.1:1: "):
        Gateway("tcp://127.0.0.1:1", connect_seconds=0.5).__enter__()


def test_certificates_are_asked_for_where_dask_has_none():
    with pytest.raises(RunError, match=r"^tls://127\.0\.0\.1:1 asks for certificates: "):
        Gateway("tls://127.0.0.1:1").__enter__()
    tls = {f"distributed.comm.tls.{name}": "/nowhere.pem" for name in ("ca-file", "client.cert")}
    missing = pytest.raises(RunError, match="certificates in Dask's configuration can't be used")
    with config.set(tls), missing:
        Gateway("tls://127.0.0.1:1").__enter__()


@linux_only
def test_what_cannot_be_taken_back_is_told_and_stages_nothing(dask, photos, tmp_path, monkeypatch):
    """A scheduler that says nothing tells no worker that the run is over."""
    monkeypatch.setattr("jpegslim.cluster.gateway.WITHDRAW_SECONDS", 0.2)
    folder = photos(tmp_path / "photos", 1)
    dask.start()
    dask.work("only")

    def tasks():
        yield in_place(folder / "000.jpg")
        wait_until(lambda: leftovers(folder))
        dask.scheduler.send_signal(signal.SIGSTOP)
        raise KeyboardInterrupt

    with Gateway(dask.address) as gateway:
        assert not gateway.is_unsure()
        with pytest.raises(KeyboardInterrupt):
            list(outcomes(gateway, tasks(), entry="cluster_entries:late"))
        assert gateway.is_unsure()
        assert left_at_last(lambda: leftovers(folder), seconds=4) == []
        dask.scheduler.send_signal(signal.SIGCONT)
