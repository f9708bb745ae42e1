import asyncio
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
import uvicorn

from jpegslim.web.connections import bounded_protocol
from jpegslim.web.limits import Limits

TOKEN = "a token of fair length"  # noqa: S105 - of a service of the test


@pytest.fixture
def serve(environment):
    """Return a function that runs `jpegslim serve` to its end, for what it refuses at once."""

    def run(*args, **variables):
        return subprocess.run(
            [sys.executable, "-m", "jpegslim", "serve", *map(str, args)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**environment, **variables},
            timeout=60,
            check=False,
        )

    return run


def put(url, data, answers):
    answers.append(httpx2.put(f"{url}/v1/optimize?quality=80", content=data, timeout=60))


def working(url):
    return "jpegslim_working 1" in httpx2.get(f"{url}/metrics").text


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_no_codec_is_loaded_into_the_services_own_process():
    script = (
        "import sys, jpegslim.web.server\n"
        "heavy = {'numpy', 'PIL', 'ajpegli', 'simplejpeg'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - to see it refused
def test_it_does_not_listen_beyond_this_machine_without_a_token(serve, host):
    ended = serve("--host", host, "--port", 0)
    assert ended.returncode == 2
    assert "can be reached from other machines: give --token-file" in ended.stderr
    assert len(ended.stderr.splitlines()) == 2


@pytest.mark.parametrize("way", ["token", "open"])
def test_it_listens_beyond_this_machine_where_that_is_safe_or_asked_for(launch, tmp_path, way):
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    how = ["--token-file", token] if way == "token" else ["--insecure-no-token"]
    running = launch("--host", "0.0.0.0", *how)  # noqa: S104 - what is tested
    url = running.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
    assert httpx2.get(f"{url}/v1/service").status_code == (401 if way == "token" else 200)
    assert running.stop() == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [("short", "too short to be safe"), ("", "has no token"), (None, "can't read the token")],
)
def test_a_token_that_is_none_is_told(serve, tmp_path, text, said):
    file = tmp_path / "token"
    if text is not None:
        file.write_text(text)
    ended = serve("--token-file", file)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_a_port_that_is_taken_is_told(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = serve("--port", port)
    assert ended.returncode == 3
    assert f"port {port}" in ended.stderr
    assert "--port chooses another" in ended.stderr


def test_without_the_extra_it_says_what_to_install(serve, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'uvicorn':\n"
        "            raise ModuleNotFoundError(name)\n"
        "import importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'uvicorn' else real(name, *rest)\n"
    )
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    ended = serve(PYTHONPATH=path)
    assert ended.returncode == 2
    assert "pip install 'jpegslim[web]'" in ended.stderr
    assert len(ended.stderr.splitlines()) == 2


def test_a_stop_finishes_what_runs_and_leaves_nothing(launch, photo, tmp_path):
    running = launch("--jobs", 1, "--store-in", tmp_path)
    answers = []
    picture = photo(0, size=(1000, 500))
    asking = threading.Thread(target=put, args=(running.url, picture, answers))
    asking.start()
    wait_for(lambda: working(running.url))
    assert running.stop() == 0
    asking.join(60)
    assert answers[0].status_code == 200
    assert answers[0].headers["jpegslim-status"] == "optimized"
    assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in "".join(running.lines)


def test_a_second_signal_stops_at_once(launch, photo, tmp_path):
    running = launch("--jobs", 1, "--store-in", tmp_path)
    address = urlsplit(running.url)
    with socket.create_connection((address.hostname, address.port)) as slow:
        # An upload that would hold up the first signal for as long as it trickles.
        slow.sendall(b"PUT /v1/optimize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n")
        slow.sendall(photo(0)[:500])
        wait_for(lambda: "jpegslim_stored_bytes 500" in httpx2.get(f"{running.url}/metrics").text)
        running.process.terminate()
        time.sleep(0.5)
        assert running.process.poll() is None
        running.process.terminate()
        running.process.wait(10)
    assert running.wait() == 0
    assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in "".join(running.lines)


def test_a_stop_ends_the_news(launch):
    running = launch()
    job = httpx2.post(f"{running.url}/v1/jobs", json={}).json()["id"]
    with httpx2.stream("GET", f"{running.url}/v1/jobs/{job}/events", timeout=30) as news:
        lines = news.iter_lines()
        assert next(lines) == "event: job"
        running.process.terminate()
        assert 'data: {"reason": "stopping"}' in list(lines)
    assert running.wait() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and flock")
def test_what_a_killed_service_left_is_swept_away_by_the_next(launch, photo, tmp_path):
    killed = launch("--store-in", tmp_path)
    job = httpx2.post(f"{killed.url}/v1/jobs", json={}).json()["id"]
    url = f"{killed.url}/v1/jobs/{job}/files?path=a.jpg"
    assert httpx2.put(url, content=photo(0)).status_code == 202
    killed.process.send_signal(signal.SIGKILL)
    killed.wait()
    (left,) = tmp_path.iterdir()
    lives = launch("--store-in", tmp_path)
    assert not left.exists()
    third = launch("--store-in", tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert lives.stop() == third.stop() == 0
    assert list(tmp_path.iterdir()) == []


def closed(connection):
    """Tell whether the next thing that comes is the end."""
    try:
        return connection.recv(1000) == b""
    except ConnectionResetError:
        return True


async def word(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"word"})


@pytest.fixture
def bounded():
    """Return a function that serves an app, or one word, over connections with these limits."""
    stops = []

    def start(app=word, *, proxy=None, **limits):
        listener = socket.create_server(("127.0.0.1", 0))
        protocol = bounded_protocol(Limits(**limits), proxy=proxy)
        config = uvicorn.Config(app, http=protocol, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        stops.append((server, thread, listener))
        return listener.getsockname()

    yield start
    for server, thread, listener in stops:
        server.should_exit = True
        thread.join(30)
        listener.close()


def test_headers_that_never_come_end_the_connection(bounded):
    with socket.create_connection(bounded(idle_seconds=0.2), timeout=20) as slow:
        slow.sendall(b"GET / HT")
        assert closed(slow)


def test_headers_of_a_second_request_that_never_come_end_it_too(bounded):
    with socket.create_connection(bounded(idle_seconds=0.2), timeout=20) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in slow.recv(1000)
        slow.sendall(b"GET / HT")
        while not closed(slow):
            pass


def test_one_client_can_not_take_all_connections(bounded):
    address = bounded(connections=8)  # two of one client
    held = [socket.create_connection(address, timeout=20) for _ in range(2)]
    for one in held:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in one.recv(1000)
    with socket.create_connection(address, timeout=20) as third:
        assert closed(third)
    with socket.create_connection(address, timeout=20, source_address=("127.0.0.2", 0)) as somebody:
        somebody.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in somebody.recv(1000)
    held.pop().close()
    time.sleep(0.2)
    with socket.create_connection(address, timeout=20) as again:
        again.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in again.recv(1000)
    held.pop().close()


def test_a_proxy_is_not_held_to_what_one_client_may_have(bounded):
    address = bounded(connections=8, proxy=ipaddress.ip_network("127.0.0.1/32"))
    held = [socket.create_connection(address, timeout=20) for _ in range(5)]
    for one in held:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in one.recv(1000)
        one.close()


def test_a_client_that_stops_reading_is_let_go(bounded):
    gone = threading.Event()

    async def endless(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        left = asyncio.create_task(receive())
        while not left.done():
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        gone.set()

    with socket.create_connection(bounded(endless, idle_seconds=0.2), timeout=20) as deaf:
        deaf.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert gone.wait(20)


def test_a_proxy_that_is_no_address_is_told(serve):
    ended = serve("--trust-proxy", "localhost", "--port", 0)
    assert ended.returncode == 2
    assert "--trust-proxy localhost: give its address" in ended.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_what_the_help_shows_works(launch, photo, tmp_path):
    running = launch()
    (tmp_path / "in.jpg").write_bytes(photo(0))
    command = "curl --fail -T in.jpg -o out.jpg 'http://127.0.0.1:8765/v1/optimize?quality=high'"
    shown = subprocess.run(
        [sys.executable, "-m", "jpegslim", "serve", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ).stdout
    assert command in shown
    here = command.replace("http://127.0.0.1:8765", running.url)
    subprocess.run(["bash", "-ec", here], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "out.jpg").stat().st_size < (tmp_path / "in.jpg").stat().st_size
    assert running.stop() == 0
