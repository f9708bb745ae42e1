import asyncio
import errno
import os
import socket
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from jpegslim.web.crew import Crew
from jpegslim.web.limits import Limits
from jpegslim.web.spool import Spool

HANGS = "web_entries:hang"


def replace_entry(monkeypatch, entry):
    """Let workers run a function of `web_entries`, which they find through PYTHONPATH."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setitem(Crew.__init__.__kwdefaults__, "entry", entry)


def test_a_file_over_the_limit_is_refused_from_its_length(open_service, photo):
    service = open_service(file_bytes=1000)
    answer = service.put("/v1/optimize", content=photo(0))
    assert answer.status_code == 413
    assert answer.json()["reason"] == "too_large"


def test_a_file_over_the_limit_is_refused_while_it_arrives(open_service, photo, stored):
    service = open_service(file_bytes=1000)
    pieces = (photo(0)[at : at + 500] for at in range(0, 20_000, 500))
    answer = service.put("/v1/optimize", content=pieces)
    assert answer.status_code == 413
    assert stored() == []
    assert "jpegslim_stored_bytes 0" in service.get("/metrics").text


def test_a_picture_with_too_many_pixels_is_refused(open_service, photo):
    service = open_service(megapixels=0.05)
    answer = service.put("/v1/optimize", content=photo(0))
    assert answer.status_code == 422
    assert answer.json()["reason"] == "too_big"


def test_a_full_store_is_told_with_when_to_come_again(open_service, photo):
    data = photo(0)
    service = open_service(file_bytes=len(data), stored_bytes=len(data) + 100)
    job = service.post("/v1/jobs", json={}).json()["id"]
    assert service.put(f"/v1/jobs/{job}/files?path=a.jpg", content=data).status_code == 202
    answer = service.put(f"/v1/jobs/{job}/files?path=b.jpg", content=data)
    assert answer.status_code == 429
    assert answer.json()["reason"] == "storage_full"
    assert int(answer.headers["retry-after"]) >= 1
    assert service.get(f"/v1/jobs/{job}").json()["totals"]["files"] == 1


@pytest.fixture
def busy(open_service, photo, monkeypatch):
    """Return a function that opens a service whose workers hang, with one picture at work."""
    replace_entry(monkeypatch, HANGS)
    started = []

    def start(**limits):
        service = open_service(workers=1, **limits)
        fill(service, 1)
        return service

    def fill(service, number):
        for _ in range(number):
            thread = threading.Thread(
                target=service.put, args=("/v1/optimize",), kwargs={"content": photo(0)}
            )
            thread.start()
            started.append(thread)

    start.fill = fill
    yield start
    for thread in started:
        thread.join(60)


def gauge(service, name):
    lines = service.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_full_queue_answers_429_with_when_to_come_again(busy, photo):
    service = busy(queue=4, work_seconds=3, stop_seconds=0.1)
    wait_for(lambda: gauge(service, "jpegslim_working") == 1)
    busy.fill(service, 1)
    wait_for(lambda: gauge(service, "jpegslim_waiting") == 1)
    answer = service.put("/v1/optimize", content=photo(1))
    assert answer.status_code == 429
    assert answer.json()["reason"] == "queue_full"
    assert 1 <= int(answer.headers["retry-after"]) <= 120


def test_a_picture_that_hangs_its_worker_costs_only_itself(open_service, photo, monkeypatch):
    replace_entry(monkeypatch, HANGS)
    service = open_service(workers=1, work_seconds=0.5)
    answer = service.put("/v1/optimize", content=photo(0))
    assert answer.status_code == 422
    assert answer.json()["reason"] == "timeout"
    assert service.get("/health").status_code == 200


def test_a_picture_that_kills_its_worker_costs_only_itself(
    open_service, photo, monkeypatch, stored
):
    replace_entry(monkeypatch, "web_entries:die_on_small")
    service = open_service(workers=1)
    dead = service.put("/v1/optimize", content=photo(0, size=(160, 120)))
    assert dead.status_code == 422
    assert dead.json()["reason"] == "worker_died"
    assert service.put("/v1/optimize", content=photo(1)).status_code == 200
    assert stored() == []


@pytest.mark.parametrize(
    ("limit", "pause"), [("idle_seconds", 30), ("upload_seconds", 0.01)], ids=["stalls", "trickles"]
)
@pytest.mark.parametrize("target", ["PUT /v1/optimize", "POST /v1/jobs"])
def test_a_body_that_never_ends_is_given_up(open_service, photo, limit, pause, target):
    service = open_service(**{limit: 0.1})
    method, path = target.split()
    pieces = iter([photo(0)[:1000]] if method == "PUT" else [])
    sent = []

    async def receive():
        if (piece := next(pieces, None)) is None:
            await asyncio.sleep(pause)
        return {"type": "http.request", "body": piece or b" ", "more_body": True}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    }
    service.portal.call(service.app, scope, receive, send)
    assert sent[0]["status"] == 408
    assert gauge(service, "jpegslim_stored_bytes") == 0


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
def test_the_folder_of_uploads_is_locked_against_those_who_tidy_up(tmp_path):
    import fcntl

    spool = Spool(Limits(), parent=tmp_path)
    (folder,) = tmp_path.iterdir()
    tidier = os.open(folder, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(tidier, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(tidier)
    spool.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="the folders are not swept there")
def test_a_link_that_looks_like_a_dead_services_folder_leads_nowhere(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "photo.jpg").write_text("precious")
    place = tmp_path / "place"
    place.mkdir()
    (place / "jpegslim-serve-link").symlink_to(mine)
    Spool(Limits(), parent=place).close()
    assert (mine / "photo.jpg").read_text() == "precious"


def test_a_full_disk_is_told_and_leaves_nothing(open_service, photo, stored, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    service = open_service()
    monkeypatch.setattr("jpegslim.web.spool._append", refuse)
    answer = service.put("/v1/optimize", content=photo(0))
    assert answer.status_code == 507
    assert answer.json()["reason"] == "disk_full"
    assert int(answer.headers["retry-after"]) >= 1
    assert stored() == []
    assert gauge(service, "jpegslim_stored_bytes") == 0


def test_a_client_that_leaves_halfway_leaves_nothing(launch, photo, tmp_path):
    running = launch("--store-in", tmp_path)
    address = urlsplit(running.url)
    data = photo(0)
    with socket.create_connection((address.hostname, address.port)) as raw:
        head = (
            f"PUT /v1/optimize HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        raw.sendall(head.encode() + data[: len(data) // 2])
        time.sleep(0.3)
    (folder,) = tmp_path.glob("jpegslim-serve-*")
    wait_for(lambda: list(folder.iterdir()) == [])
    assert httpx2.get(f"{running.url}/health").status_code == 200
    assert running.stop() == 0
    assert "Traceback" not in "".join(running.lines)
    assert not folder.exists()
