"""Full disks, read-only folders and races: the source and everybody else's files survive."""

import contextlib
import errno
import os
import subprocess
import sys
import threading
from fnmatch import fnmatch
from pathlib import Path

import pytest

from jpegslim.errors import FileError, PublishError, RunError
from jpegslim.files import store
from jpegslim.files.store import TEMPORARY, publish, read, stage

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


def leftovers(folder):
    return [path for path in folder.rglob("*") if fnmatch(path.name, TEMPORARY)]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"old bytes")
    return path


@contextlib.contextmanager
def mounted(folder, *options):
    """Mount a tmpfs with these options over `folder`, where we may."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "none", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command")
    if done.returncode:
        pytest.skip(f"can't mount here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_stops_the_run_and_leaves_no_temporary(tmp_path, source):
    disk = tmp_path / "disk"
    with mounted(disk, "size=64k"):
        for _ in range(3):
            with pytest.raises(RunError, match=r"no space left in .*disk: free some"):
                stage(b"x" * 200_000, disk / "out.jpg", like=source)
            assert list(disk.iterdir()) == []
        stage(b"x" * 20_000, disk / "out.jpg", like=source)


def test_a_disk_without_room_for_another_name_stops_the_run(tmp_path, source):
    disk = tmp_path / "disk"
    with mounted(disk, "nr_inodes=3"):
        stage(b"x", disk / "first.jpg", like=source)
        stage(b"x", disk / "second.jpg", like=source)
        with pytest.raises(RunError, match="no space left"):
            stage(b"x", disk / "third.jpg", like=source)


def test_a_read_only_disk_stops_the_run(tmp_path, source):
    disk = tmp_path / "disk"
    with mounted(disk, "ro"), pytest.raises(RunError, match="is read-only"):
        stage(b"x", disk / "out.jpg", like=source)


LIMITED = """
import resource, sys
from pathlib import Path
from jpegslim.errors import RunError
from jpegslim.files.store import stage
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
source, destination = map(Path, sys.argv[1:])
try:
    stage(bytes(1_000_000), destination, like=source)
except RunError as error:
    print(error)
"""


@posix_only
def test_a_file_size_limit_stops_the_run_and_leaves_no_temporary(tmp_path, source):
    command = [sys.executable, "-c", LIMITED, str(source), str(tmp_path / "out" / "a.jpg")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "ulimit -f" in done.stdout
    assert list((tmp_path / "out").iterdir()) == []


@posix_only
def test_a_folder_that_may_not_be_written_is_this_file_s_trouble(tmp_path, source):
    if os.geteuid() == 0:
        pytest.skip("permissions don't bind root")
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(PublishError, match="can't be written: permission denied"):
        stage(b"x", folder / "out.jpg", like=source)


AS_NOBODY = """
import os, sys
from pathlib import Path
from jpegslim.errors import FileError, PublishError
from jpegslim.files.store import read, stage
source, locked, secret = map(Path, sys.argv[1:])
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    stage(b"x", locked / "out.jpg", like=source)
except PublishError as error:
    print(error)
try:
    read(secret)
except FileError as error:
    print(error.reason, error)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to drop")
def test_permissions_bind_who_is_not_root(tmp_path, source):
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    locked = tmp_path / "locked"
    locked.mkdir()
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"x")
    secret.chmod(0o600)
    command = [sys.executable, "-c", AS_NOBODY, *map(str, (source, locked, secret))]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "can't be written: permission denied",
        "unreadable can't be read: permission denied",
    ], done.stderr


def test_the_sync_that_fails_leaves_no_temporary(tmp_path, source, monkeypatch):
    def fail(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(PublishError, match="input/output error"):
        stage(b"x", tmp_path / "out.jpg", like=source)
    assert leftovers(tmp_path) == []


def test_an_interruption_while_staging_leaves_no_temporary(tmp_path, source, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        stage(b"x", tmp_path / "out.jpg", like=source)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("links", [True, False])
def test_one_of_many_racing_for_a_name_gets_it(tmp_path, source, monkeypatch, links):
    if not links:

        def refuse(*_):
            raise PermissionError(1, "no links here")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    _, identity = read(source)
    destination = tmp_path / "out" / "a.jpg"
    contents = [bytes([number]) * 100 for number in range(16)]
    staged = [stage(content, destination, like=source) for content in contents]
    barrier, won = threading.Barrier(len(staged)), []

    def race(number):
        barrier.wait()
        with contextlib.suppress(PublishError):
            publish(staged[number], source=source, identity=identity, in_place=False, replaces=None)
            won.append(number)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(len(staged))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert destination.read_bytes() == contents[won[0]]
    assert list(destination.parent.iterdir()) == [destination]


def test_a_destination_that_appears_after_the_look_is_left_alone(tmp_path, source, monkeypatch):
    _, identity = read(source)
    destination = tmp_path / "out.jpg"
    staged = stage(b"new", destination, like=source)
    link = Path.hardlink_to

    def too_late(path, target):
        path.write_bytes(b"somebody's")
        link(path, target)

    monkeypatch.setattr(Path, "hardlink_to", too_late)
    with pytest.raises(PublishError) as caught:
        publish(staged, source=source, identity=identity, in_place=False, replaces=None)
    assert caught.value.reason == "exists"
    assert destination.read_bytes() == b"somebody's"


def test_reading_while_another_writes_is_whole_or_refused(tmp_path):
    path = tmp_path / "live.jpg"
    versions = {bytes([number]) * 300_000 for number in range(2)}
    path.write_bytes(next(iter(versions)))
    stop = threading.Event()

    def rewrite():
        while not stop.is_set():
            for version in versions:
                replacement = path.with_name("next")
                replacement.write_bytes(version)
                replacement.replace(path)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(100):
            with contextlib.suppress(FileError):
                data, identity = read(path)
                assert data in versions
                assert store._identify(path) is None or identity.size == len(data)
    finally:
        stop.set()
        writer.join()


def test_a_quota_that_is_used_up_stops_the_run_and_leaves_no_temporary(source, monkeypatch):
    # No quota can be set up without a file system of one's own: the refusal itself is made.
    def refuse(descriptor, data):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(store.os, "write", refuse)
    with pytest.raises(RunError, match="quota"):
        stage(b"new bytes", source, like=source)
    assert leftovers(source.parent) == []
    assert source.read_bytes() == b"old bytes"
