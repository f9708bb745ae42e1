"""Staging and publishing: whole or not at all, and looking like the source."""

import errno
import hashlib
import os
import stat
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from jpegslim.errors import FileError, PublishError
from jpegslim.files import store
from jpegslim.files.store import TEMPORARY, Staged, discard, publish, read, stage

OLD, NEW = b"old bytes" * 100, b"new bytes"

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in" / "a\n\udcff.jpg"
    path.parent.mkdir()
    path.write_bytes(OLD)
    os.utime(path, ns=(1_500_000_000_123_456_700, 1_400_000_000_123_456_700))
    return path


def leftovers(folder):
    return [path for path in folder.rglob("*") if fnmatch(path.name, TEMPORARY)]


def put(data, destination, source, *, replaces=None):
    _, identity = read(source)
    staged = stage(data, destination, like=source)
    publish(
        staged,
        source=source,
        identity=identity,
        in_place=destination == source,
        replaces=replaces,
    )


def test_read_returns_the_bytes_and_what_identifies_them(source):
    data, identity = read(source)
    status = source.stat()
    assert data == OLD
    assert identity.digest == hashlib.sha256(OLD).hexdigest()
    assert (identity.device, identity.inode) == (status.st_dev, status.st_ino)
    assert (identity.size, identity.mtime_ns) == (len(OLD), status.st_mtime_ns)


def test_read_of_an_empty_file(tmp_path):
    (tmp_path / "x").touch()
    assert read(tmp_path / "x")[0] == b""


def test_read_refuses_with_a_reason(tmp_path, source):
    def reason(path, **options):
        with pytest.raises(FileError) as caught:
            read(path, **options)
        return caught.value.reason

    assert reason(tmp_path / "nothing.jpg") == "not_found"
    assert reason(source, limit=len(OLD) - 1) == "too_big"
    assert read(source, limit=len(OLD))[0] == OLD
    if sys.platform != "win32":
        assert reason(tmp_path) == "not_a_regular_file"
        assert reason(source / "x") == "unreadable"
        os.mkfifo(tmp_path / "fifo.jpg")
        assert reason(tmp_path / "fifo.jpg") == "not_a_regular_file"


@pytest.mark.parametrize("change", [b"more", b""])
def test_a_file_that_changes_while_it_is_read_is_refused(source, monkeypatch, change):
    whole = store._read_up_to

    def read_and_meddle(descriptor, size):
        data = whole(descriptor, size)
        if change:
            with source.open("ab") as file:
                file.write(change)
        else:
            os.utime(source)
        return data

    monkeypatch.setattr(store, "_read_up_to", read_and_meddle)
    with pytest.raises(FileError) as caught:
        read(source)
    assert caught.value.reason == "changed"


def test_staging_shows_nothing_yet(source):
    staged = stage(NEW, source, like=source)
    assert source.read_bytes() == OLD
    assert staged.temporary.parent == source.parent
    assert fnmatch(staged.temporary.name, TEMPORARY)
    assert staged.temporary.read_bytes() == NEW
    discard(staged)
    discard(staged)
    assert leftovers(source.parent) == []


def test_what_another_staged_under_the_same_name_stays(source):
    name = "a" * 8
    first = stage(NEW, source, like=source, token=name)
    with pytest.raises(PublishError):
        stage(OLD, source, like=source, token=name)
    assert first.temporary.read_bytes() == NEW


def test_publishing_in_place(source):
    put(NEW, source, source)
    assert source.read_bytes() == NEW
    assert leftovers(source.parent) == []


def test_publishing_to_a_folder_that_is_not_there_yet(tmp_path, source):
    destination = tmp_path / "out" / "deep" / source.name
    put(NEW, destination, source)
    assert destination.read_bytes() == NEW
    assert source.read_bytes() == OLD
    assert destination.stat().st_nlink == 1
    assert leftovers(tmp_path) == []


@posix_only
@pytest.mark.parametrize("mode", [0o400, 0o640, 0o664, 0o777])
def test_times_and_rights_follow_the_source(tmp_path, source, mode):
    source.chmod(mode)
    before = source.stat()
    for destination in (tmp_path / "out.jpg", source):
        put(NEW, destination, source)
        after = destination.stat()
        assert stat.S_IMODE(after.st_mode) == mode
        assert after.st_mtime_ns == before.st_mtime_ns


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes")
def test_the_user_s_extended_attributes_follow(tmp_path, source):
    try:
        os.setxattr(source, "user.xdg.tags", b"holiday")
    except OSError as error:
        pytest.skip(f"no extended attributes here: {error}")
    put(NEW, source, source)
    assert os.getxattr(source, "user.xdg.tags") == b"holiday"


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs root")
def test_the_owner_follows(source):
    os.chown(source, 12345, 54321)
    put(NEW, source, source)
    assert (source.stat().st_uid, source.stat().st_gid) == (12345, 54321)


@posix_only
def test_a_group_that_cannot_follow_takes_its_rights_with_it(source, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "fchown", refuse)
    source.chmod(0o664)
    put(NEW, source, source)
    assert stat.S_IMODE(source.stat().st_mode) == 0o644


@pytest.mark.parametrize("change", ["rewritten", "swapped", "removed", "same size and time"])
def test_a_source_that_changed_meanwhile_is_left_alone(source, change):
    _, identity = read(source)
    staged = stage(NEW, source, like=source)
    if change == "rewritten":
        source.write_bytes(b"edited")
    elif change == "swapped":
        other = source.with_name("other")
        other.write_bytes(OLD)
        os.utime(other, ns=(identity.mtime_ns, identity.mtime_ns))
        other.replace(source)
    elif change == "removed":
        source.unlink()
    else:
        source.write_bytes(OLD[::-1])
        os.utime(source, ns=(identity.mtime_ns, identity.mtime_ns))
    now = source.read_bytes() if source.exists() else None
    with pytest.raises(PublishError) as caught:
        publish(staged, source=source, identity=identity, in_place=True, replaces=None)
    assert caught.value.reason == "changed"
    assert (source.read_bytes() if source.exists() else None) == now
    assert leftovers(source.parent) == []


def test_what_already_stands_in_the_output_stays(tmp_path, source):
    destination = tmp_path / "out.jpg"
    destination.write_bytes(b"somebody's")
    for replaces in (None, "0" * 64):
        with pytest.raises(PublishError) as caught:
            put(NEW, destination, source, replaces=replaces)
        assert caught.value.reason == "exists"
    assert destination.read_bytes() == b"somebody's"
    assert leftovers(tmp_path) == []


def test_our_own_earlier_result_is_replaced(tmp_path, source):
    destination = tmp_path / "out.jpg"
    put(NEW, destination, source)
    put(b"newer", destination, source, replaces=hashlib.sha256(NEW).hexdigest())
    assert destination.read_bytes() == b"newer"


def test_an_output_that_leads_back_to_the_source_is_refused(tmp_path, source):
    destination = tmp_path / "out.jpg"
    destination.hardlink_to(source)
    with pytest.raises(PublishError):
        put(NEW, destination, source, replaces=hashlib.sha256(OLD).hexdigest())
    assert source.read_bytes() == OLD


@posix_only
def test_a_link_at_the_destination_is_not_followed(tmp_path, source):
    target = tmp_path / "target"
    for aim in (target, tmp_path / "nowhere"):
        target.write_bytes(NEW)
        destination = tmp_path / f"{aim.name}.jpg"
        destination.symlink_to(aim)
        with pytest.raises(PublishError):
            put(b"newer", destination, source, replaces=hashlib.sha256(NEW).hexdigest())
        assert destination.is_symlink()
        assert target.read_bytes() == NEW
    assert not (tmp_path / "nowhere").exists()


@posix_only
@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_without_hard_links_the_name_is_still_claimed_exclusively(
    tmp_path, source, monkeypatch, code
):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    destination = tmp_path / "out.jpg"
    put(NEW, destination, source)
    assert destination.read_bytes() == NEW
    # Somebody takes the name after we looked and before we claim it.
    with monkeypatch.context() as racing:
        racing.setattr(os.path, "lexists", lambda _: False)
        with pytest.raises(PublishError) as caught:
            put(b"newer", destination, source)
    assert caught.value.reason == "exists"
    assert destination.read_bytes() == NEW
    assert leftovers(tmp_path) == []


def test_an_output_deeper_than_the_recursion_limit(tmp_path, source, deep):
    destination = tmp_path.joinpath(*deep, "a.jpg")
    put(NEW, destination, source)
    assert destination.read_bytes() == NEW


def test_a_folder_that_cannot_be_made_is_this_file_s_trouble(tmp_path, source):
    (tmp_path / "out").write_bytes(b"a file")
    with pytest.raises(PublishError, match="can't be written"):
        stage(NEW, tmp_path / "out" / "a.jpg", like=source)
    name = "n" * 250
    with pytest.raises(PublishError, match="name too long"):
        stage(NEW, tmp_path / (name * 2) / "a.jpg", like=source)


def test_publishing_twice_fails_and_harms_nothing(tmp_path, source):
    _, identity = read(source)
    staged = stage(NEW, tmp_path / "out.jpg", like=source)
    options = {"source": source, "identity": identity, "in_place": False, "replaces": None}
    publish(staged, **options)
    with pytest.raises(PublishError):
        publish(staged, **options)
    with pytest.raises(PublishError):
        publish(Staged(staged.temporary, tmp_path / "else.jpg"), **options)
    assert staged.destination.read_bytes() == NEW
    assert not (tmp_path / "else.jpg").exists()
