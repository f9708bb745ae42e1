"""How a run ends: exit codes, Ctrl-C, a worker killed from outside, a disk that takes no more."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from processes import children_of, gone_within

import jpegslim

posix = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def slow(tmp_path, picture):
    """A folder that keeps two workers busy for a while: photos of 5 megapixels."""
    top = tmp_path / "slow"
    top.mkdir()
    for number in range(5):
        (top / f"{number}.jpg").write_bytes(picture(number, size=(640, 480), scale=4))
    return top


def whole(path, source):
    """Tell whether a file is its original or a finished result for it."""
    data = path.read_bytes()
    return data == source or jpegslim.compare(source, data).score >= 85


def test_all_fine_is_0_even_when_nothing_was_worth_doing(command, tmp_path, picture):
    assert command("optimize", tmp_path).returncode == 0
    (tmp_path / "a.jpg").write_bytes(jpegslim.optimize(picture()).data)
    assert command("optimize", tmp_path).returncode == 0


def test_a_broken_file_among_good_ones_is_1_and_the_good_ones_are_done(command, tmp_path, picture):
    good, bad = tmp_path / "good.jpg", tmp_path / "bad.jpg"
    good.write_bytes(picture())
    bad.write_bytes(picture()[:8000])
    assert command("optimize", bad, good).returncode == 1
    assert good.stat().st_size < len(picture())
    assert bad.read_bytes() == picture()[:8000]


def test_a_path_that_is_not_there_is_1_and_the_others_are_done(command, tmp_path, picture):
    good = tmp_path / "good.jpg"
    good.write_bytes(picture())
    ran = command("optimize", tmp_path / "none", good)
    assert ran.returncode == 1
    assert "no such file or folder" in ran.stderr.decode()
    assert good.stat().st_size < len(picture())


@pytest.mark.parametrize(
    "wrong",
    [
        ["optimize"],
        ["optimize", ".", "--quality", "nice"],
        ["optimize", ".", "--quality", "101"],
        ["optimize", ".", "--jobs", "0"],
        ["optimize", ".", "--report", "report.xls"],
        ["optimize", "-", "--json"],
        ["shrink", "."],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2_and_nothing_happens(command, tmp_path, picture, wrong):
    (tmp_path / "a.jpg").write_bytes(picture())
    ran = command(*wrong, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert (tmp_path / "a.jpg").read_bytes() == picture()
    assert "Traceback" not in ran.stderr.decode()


def test_an_output_that_is_a_file_is_3(command, tmp_path, picture):
    photo, out = tmp_path / "a.jpg", tmp_path / "out"
    photo.write_bytes(picture())
    out.write_text("in the way")
    for place in (out, out / "below"):
        ran = command("optimize", photo, "--output", place)
        assert ran.returncode == 3
        assert "can't be used" in ran.stderr.decode()
    assert out.read_text() == "in the way"


def test_a_report_that_can_not_be_written_is_3_before_any_work(command, tmp_path, picture):
    photo = tmp_path / "a.jpg"
    photo.write_bytes(picture())
    ran = command("optimize", photo, "--report", tmp_path / "none" / "r.jsonl")
    assert ran.returncode == 3
    assert photo.read_bytes() == picture()


@posix
def test_a_disk_that_takes_no_more_is_3_and_loses_nothing(command, folder, contents):
    import resource

    before = contents(folder)

    def limit():
        # The smallest results still fit; the first that does not ends the run.
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    ran = command("optimize", folder, preexec_fn=limit)
    assert ran.returncode == 3
    told = ran.stderr.decode()
    assert "stopped:" in told
    assert "Traceback" not in told
    assert contents(folder).keys() == before.keys()
    assert contents(folder) == before


@pytest.fixture
def mounted(tmp_path):
    """Return a function that mounts a small disk of its own in memory; skips where it may not."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options):
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(place)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("only root may mount a small disk")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@linux
def test_a_full_disk_is_3_and_what_is_there_is_whole(command, fill, tmp_path, mounted, contents):
    top = fill(tmp_path / "photos")
    (top / "broken.jpg").unlink()
    before = contents(top)
    # Two results of some 12 kB fit, more do not.
    disk = mounted("size=40k")
    ran = command("optimize", top, "--output", disk / "out", "--json", "--jobs", "1")
    assert ran.returncode == 3
    told = ran.stderr.decode()
    assert "no space left" in told
    assert "free some and run again" in told
    assert contents(top) == before
    made = contents(disk)
    assert made
    for name, data in made.items():
        assert not name.endswith(".tmp")
        assert jpegslim.compare(before[name.removeprefix("out/photos/")], data).score >= 85
    totals = json.loads(ran.stdout.splitlines()[-1])["totals"]
    assert totals["files"] == len(made)
    assert totals["exit_code"] == 3


@linux
def test_a_full_disk_in_place_loses_nothing(command, fill, mounted, contents):
    disk = mounted("size=400k")
    top = fill(disk / "photos")
    (disk / "ballast").write_bytes(bytes(1000))
    with suppress(OSError), (disk / "ballast").open("ab", buffering=0) as ballast:
        while ballast.write(bytes(4096)):
            pass
    before = contents(top)
    ran = command("optimize", top)
    assert ran.returncode == 3
    assert contents(top) == before


@linux
def test_a_read_only_output_is_3(command, tmp_path, picture, mounted):
    photo = tmp_path / "a.jpg"
    photo.write_bytes(picture())
    place = mounted("ro")
    for output in (place, place / "out"):
        ran = command("optimize", photo, "--output", output)
        assert ran.returncode == 3
        assert "read-only" in ran.stderr.decode()


@linux
def test_ctrl_c_stops_at_once_and_leaves_every_photo_whole(started, slow, contents):
    before = contents(slow)
    process = started("optimize", slow, "--jobs", "2", "--json")
    first = json.loads(process.stdout.readline())
    workers = children_of(process.pid)
    assert workers
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    rest, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - asked < 3
    assert gone_within(workers, 2)
    assert contents(slow).keys() == before.keys()
    for name, source in before.items():
        assert whole(slow / name, source)
    assert (slow / Path(first["path"]).name).stat().st_size == first["bytes_out"]
    untouched = [name for name, source in before.items() if (slow / name).read_bytes() == source]
    assert untouched
    totals = json.loads(rest.splitlines()[-1])["totals"]
    assert totals["interrupted"] is True
    assert totals["files"] == len(before) - len(untouched)
    assert "interrupted: " in told.decode()
    assert "Traceback" not in told.decode()


@linux
def test_a_killed_worker_costs_only_its_own_file(started, slow, contents):
    before = contents(slow)
    process = started("optimize", slow, "--jobs", "1", "--json")
    lines = [process.stdout.readline()]
    (worker,) = children_of(process.pid)
    os.kill(worker, signal.SIGKILL)
    rest, told = process.communicate(timeout=120)
    *files, last = map(json.loads, [*lines, *rest.splitlines()])
    failed = [record for record in files if record["status"] == "failed"]
    assert process.returncode == 1
    assert [record["reason"] for record in failed] == ["worker_died"]
    assert "SIGKILL" in failed[0]["message"]
    assert last["totals"]["optimized"] == len(before) - 1
    lost = Path(failed[0]["path"]).name
    assert (slow / lost).read_bytes() == before[lost]
    assert contents(slow).keys() == before.keys()
    assert "Traceback" not in told.decode()


@linux
def test_workers_end_with_a_parent_that_was_killed(started, slow, contents):
    before = contents(slow)
    process = started("optimize", slow, "--jobs", "2", "--json")
    process.stdout.readline()
    workers = children_of(process.pid)
    assert workers
    process.kill()
    process.wait()
    assert gone_within(workers, 2)
    for name, source in before.items():
        assert whole(slow / name, source)
