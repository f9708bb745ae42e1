"""What a Dask worker of ours is spared, and what it does not take for a scheduler."""

import socket
import sys
import time

import cluster_entries
import pytest
from cluster_tasks import in_place

from jpegslim.cluster import station
from jpegslim.cluster.gateway import Gateway
from jpegslim.cluster.window import run
from jpegslim.errors import RunError, WorkerError


def test_python_3_11_is_spared_a_look_that_can_lock_it_up(dask, photos, tmp_path):
    folder = photos(tmp_path / "photos", 1)
    dask.start()
    dask.work("only")
    with Gateway(dask.address) as gateway:
        (outcome,) = run(
            [in_place(folder / "000.jpg")],
            gateway=gateway,
            entry="cluster_entries:by_name",
            timeout=30.0,
        )
        assert outcome.error is None
        (worker,) = gateway._client.nthreads()
        looks = gateway.ask(worker, cluster_entries.is_profiling)
    assert looks is (sys.version_info >= (3, 12))


class Unwanted:
    """A station whose client is gone."""

    def call(self, *_):
        raise WorkerError("was not finished: nobody waits for it", reason="stopped")

    def is_wanted(self, _):
        return False


@pytest.mark.parametrize("seen", [True, False])
def test_only_what_a_worker_reserved_is_its_own_to_clear_away(photos, tmp_path, monkeypatch, seen):
    """One that does not see the photo takes no name, and the task's own may be another's."""
    folder = photos(tmp_path / "photos", 1)
    task = in_place(folder / "000.jpg")
    task.staged.temporary.write_bytes(b"another's")
    if not seen:
        task.source.unlink()
    before = sorted(folder.iterdir())
    monkeypatch.setattr(station, "station_of", lambda _: Unwanted())
    with pytest.raises(WorkerError):
        station._work(None, station.Job("window", task, "entry", None))
    assert sorted(folder.iterdir()) == before
    assert task.staged.temporary.read_bytes() == b"another's"


def test_what_takes_a_connection_and_says_nothing_is_no_scheduler():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with (
            pytest.raises(RunError, match="no Dask scheduler answers at"),
            Gateway(address, connect_seconds=1.0),
        ):
            pass
        assert time.monotonic() - began < 5


def test_a_worker_is_no_scheduler(dask):
    dask.start()
    dask.work("only")
    with Gateway(dask.address) as gateway:
        (worker,) = gateway._client.nthreads()
    with (
        pytest.raises(RunError, match=f"no Dask scheduler answers at {worker}"),
        Gateway(worker, connect_seconds=2.0),
    ):
        pass
