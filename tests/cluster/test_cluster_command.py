"""`optimize --cluster` keeps the promises of `optimize`."""

import json
import re
import shutil
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from patience import left_at_last
from PIL import Image
from processes import children_of

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def mixed(photos, tmp_path):
    """A folder like a real one: photos here and below, a broken one, one that is none."""
    folder = photos(tmp_path / "photos", 6)
    (folder / "trip").mkdir()
    (folder / "000.jpg").rename(folder / "trip" / "zero.jpeg")
    (folder / "broken.jpg").write_bytes((folder / "001.jpg").read_bytes()[:6000])
    (folder / "none.jpg").write_bytes(b"GIF89a, really")
    (folder / "notes.txt").write_bytes(b"not a photo")
    return folder


def told(out):
    """Return what a JSON report says of each file, without what no two runs share."""
    lines = [json.loads(line) for line in out.splitlines()]
    for line in lines:
        line.pop("seconds", None)
    return sorted((line for line in lines if "path" in line), key=lambda line: line["path"])


def timeless(err):
    """Return what is printed, without how long it took."""
    return re.sub(r"\([0-9.]+ s.*\)", "", err)


def ledger(tmp_path, name):
    return "--ledger", tmp_path / f"{name}.sqlite"


@pytest.mark.parametrize("options", [(), ("--output", "run/done")])
def test_a_cluster_gives_the_bytes_and_the_report_of_a_local_run(
    command, two_workers, mixed, contents, options
):
    runs, tmp_path = {}, mixed.parent
    for name, where in {"here": (), "there": ("--cluster", two_workers)}.items():
        shutil.copytree(mixed, tmp_path / "run" / "photos")
        code, out, err = command(
            *("optimize", "run/photos", "--json", "--metadata", "safe", *options),
            *ledger(tmp_path, name),
            *where,
        )
        runs[name] = code, told(out), timeless(err), contents(tmp_path / "run")
        shutil.move(tmp_path / "run", tmp_path / name)
    assert runs["there"] == runs["here"]
    assert {line["status"] for line in runs["there"][1]} == {"optimized", "skipped", "failed"}


def test_a_dry_run_on_a_cluster_writes_nothing(command, two_workers, mixed, tmp_path, contents):
    before = contents(mixed)
    code, out, _ = command("optimize", mixed, "--dry-run", "--json", "--cluster", two_workers)
    assert code == 1
    assert len(told(out)) == 8
    assert contents(mixed) == before


def test_a_second_run_finds_nothing_to_do(command, two_workers, mixed, tmp_path, contents):
    run = ("optimize", mixed, "--json", *ledger(tmp_path, "one"), "--cluster", two_workers)
    command(*run)
    before = contents(mixed)
    _, out, _ = command(*run)
    assert {line["status"] for line in told(out)} == {"skipped", "failed"}
    assert contents(mixed) == before


def test_workers_learn_what_only_the_ledger_knows(command, two_workers, photos, tmp_path, contents):
    runs = {}
    for name, where in {"here": (), "there": ("--cluster", two_workers)}.items():
        folder = photos(tmp_path / "run" / "photos", 3)
        remembered = ledger(tmp_path, name)
        # Without a marker nothing but the ledger can tell that these are results.
        command("optimize", folder, "--no-marker", *remembered)
        command("optimize", folder, "--output", tmp_path / "run" / "copies", *remembered)
        (folder / "000.jpg").rename(folder / "moved.jpg")
        code, out, err = command(
            *("optimize", folder, "--no-marker", "--metadata", "strip", "--json"),
            *remembered,
            *where,
        )
        assert {line["reason"] for line in told(out)} == {"metadata_dropped"}
        runs[name] = code, told(out), timeless(err), contents(tmp_path / "run")
        shutil.move(tmp_path / "run", tmp_path / name)
    assert runs["there"] == runs["here"]


def test_a_copy_without_a_marker_is_known_to_be_ours(command, two_workers, photos, tmp_path):
    folder = photos(tmp_path / "photos", 2)
    run = ("optimize", folder, "--output", tmp_path / "done", "--no-marker", "--json")
    run = (*run, *ledger(tmp_path, "one"), "--cluster", two_workers)
    assert command(*run)[0] == 0
    for path in folder.iterdir():
        path.touch()
    code, out, _ = command(*run)
    assert code == 0
    assert {line["reason"] for line in told(out)} == {"already_optimized"}


def busy(process, folder, before):
    """Wait until the first photo of a run has been replaced."""
    deadline = time.monotonic() + 60
    while all(path.read_bytes() == data for path, data in before.items()):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def large(folder, count):
    """Write photos that take a while."""
    folder.mkdir()
    examples = sorted((Path(__file__).parents[2] / "examples" / "photos").glob("*.jpg"))
    for number in range(count):
        with Image.open(examples[number % len(examples)]) as whole:
            whole.convert("RGB").save(folder / f"{number:02}.jpg", quality=95 - number)
    return {path: path.read_bytes() for path in folder.iterdir()}


def temporaries(folder):
    return [path.name for path in folder.iterdir() if path.suffix == ".tmp"]


def test_ctrl_c_ends_it_and_the_next_run_goes_on(start, command, two_workers, tmp_path):
    folder = tmp_path / "photos"
    before = large(folder, 5)
    run = ("optimize", folder, "--json", "--cluster", two_workers)
    process = start(*run)
    busy(process, folder, before)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert temporaries(folder) == []
    untouched = [path for path, data in before.items() if path.read_bytes() == data]
    assert untouched
    code, out, _ = command(*run)
    assert code == 0
    assert len(told(out)) == 5


@linux_only
def test_a_killed_command_leaves_nobody_at_work(start, command, dask, tmp_path):
    folder = tmp_path / "photos"
    before = large(folder, 4)
    dask.start()
    worker = dask.work("only")
    process = start("optimize", folder, "--json", "--cluster", dask.address)
    busy(process, folder, before)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 5
    while not is_idle(worker.pid):
        assert time.monotonic() < deadline
    # What was staged and waited to be published goes with the next run, on whatever engine.
    code, _, _ = command("optimize", folder, "--json")
    assert code == 0
    assert temporaries(folder) == []


def ticks(pid):
    """Return the processor time that the children of a process have used."""
    fields = [
        Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        for child in children_of(pid)
    ]
    return sum(int(each[11]) + int(each[12]) for each in fields)


def is_idle(pid):
    before = ticks(pid)
    time.sleep(0.4)
    return ticks(pid) == before


def test_a_lost_scheduler_is_one_line_and_the_next_run_goes_on(start, command, dask, tmp_path):
    folder = tmp_path / "photos"
    before = large(folder, 4)
    dask.start()
    dask.work("only")
    process = start("optimize", folder, "--json", "--cluster", dask.address)
    busy(process, folder, before)
    dask.scheduler.kill()
    _, err = process.communicate(timeout=20)
    assert process.returncode == 3
    stopped = f"lost the Dask scheduler {dask.address}: run again to go on with what is left"
    assert f"stopped: {stopped}" in err.splitlines()
    assert "Traceback" not in err
    assert "distributed" not in err
    assert left_at_last(lambda: temporaries(folder)) == []
    code, out, _ = command("optimize", folder, "--json")
    assert code == 0
    assert len(told(out)) == 4


@linux_only
def test_a_run_that_lost_a_worker_is_swept_behind_by_the_next(start, command, dask, tmp_path):
    """It may only have been cut off, and stage something when it comes back."""
    folder = tmp_path / "photos"
    before = large(folder, 8)
    dask.start()
    first = dask.work("first")
    ours = ledger(tmp_path, "ledger")
    process = start("optimize", folder, "--json", *ours, "--cluster", dask.address)
    busy(process, folder, before)
    first.kill()
    dask.work("second")
    assert process.wait(60) == 0
    (lock,) = tmp_path.rglob("*.lock")
    late = folder / f".jpegslim-{lock.stem}0123abcd.tmp"
    late.write_bytes(b"half a picture")
    assert command("optimize", folder, *ours)[0] == 0
    assert temporaries(folder) == []
    assert list(tmp_path.rglob("*.lock")) == []


@linux_only
def test_a_cluster_on_this_machine_listens_to_this_machine_alone(start, photos, tmp_path):
    folder = tmp_path / "photos"
    before = large(folder, 4)
    process = start("optimize", folder, "--json", "--cluster", "local:2")
    busy(process, folder, before)
    listening = ports_of(process.pid)
    assert listening
    assert {address for address, _ in listening} <= {"127.0.0.1", "::1"}
    assert process.wait(60) == 0


def ports_of(pid):
    import psutil

    connections = psutil.Process(pid).net_connections("inet")
    return {(each.laddr.ip, each.laddr.port) for each in connections if each.status == "LISTEN"}


def test_what_answers_otherwise_is_told_in_one_line(command, photos, tmp_path):
    """Dask's client would wait for a farewell, and tell of that by a traceback at the exit."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"ws://127.0.0.1:{server.server_port}"
    folder = photos(tmp_path / "photos", 1)
    began = time.monotonic()
    code, _, err = command("optimize", folder, "--cluster", address)
    server.shutdown()
    server.server_close()
    assert code == 3
    assert f"stopped: no Dask scheduler answers at {address}: start one there" in err
    assert "Traceback" not in err
    assert time.monotonic() - began < 18
