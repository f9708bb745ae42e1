"""Originals are kept before they are replaced, and come back where nothing else was done since."""

import json
import os
import sys

import pytest

from jpegslim import batch
from jpegslim.errors import PublishError, RunError, UsageError
from jpegslim.files import backup as room
from jpegslim.files import lock as locks
from jpegslim.files import store
from jpegslim.files.backup import Backup, paths_in, restore
from jpegslim.files.lock import Claim, Extent, TreeLock

OLD, NEW, NEWER = b"the original" * 50, b"the result" * 10, b"a later result"

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


@pytest.fixture
def place(tmp_path):
    return tmp_path / "backup"


@pytest.fixture
def photo(tmp_path):
    path = tmp_path.resolve() / "photos" / "a b.jpg"
    path.parent.mkdir()
    path.write_bytes(OLD)
    path.chmod(0o640)
    os.utime(path, ns=(1, 1_400_000_000_123_456_700))
    return path


def replace(photo, place, new, *, again=False):
    """Keep and replace a file as a run does."""
    _, identity = store.read(photo)
    with Backup(place) as backup:
        backup.keep(photo, identity, result=store.digest(new), again=again)
    staged = store.stage(new, photo, like=photo)
    store.publish(staged, source=photo, identity=identity, in_place=True, replaces=None)


def outcomes(place, **options):
    return {each.path.name: str(each.outcome) for each in restore(place, **options)}


@pytest.fixture(params=["links", "no links"])
def links(request, monkeypatch):
    if request.param == "no links":
        monkeypatch.setattr(store, "link", lambda *_: False)


def test_an_original_is_kept_and_comes_back_as_it_was(photo, place, links):
    replace(photo, place, NEW)
    assert photo.read_bytes() == NEW
    kept = place / "originals" / photo.relative_to(photo.anchor)
    assert kept.read_bytes() == OLD
    assert outcomes(place, dry_run=True) == {"a b.jpg": "restored"}
    assert photo.read_bytes() == NEW
    assert outcomes(place) == {"a b.jpg": "restored"}
    assert photo.read_bytes() == OLD
    assert photo.stat().st_nlink == 1
    if sys.platform != "win32":
        assert photo.stat().st_mode & 0o777 == 0o640
    assert photo.stat().st_mtime_ns == 1_400_000_000_123_456_700
    assert kept.read_bytes() == OLD
    assert outcomes(place) == {"a b.jpg": "unchanged"}


def test_a_file_that_changed_since_is_told_and_left(photo, place):
    replace(photo, place, NEW)
    photo.write_bytes(b"edited")
    (each,) = restore(place)
    assert each.outcome == "changed"
    assert str(place / "originals") in each.message
    assert photo.read_bytes() == b"edited"


def test_a_file_that_is_gone_comes_back(photo, place):
    replace(photo, place, NEW)
    photo.unlink()
    photo.parent.rmdir()
    assert outcomes(place) == {"a b.jpg": "restored"}
    assert photo.read_bytes() == OLD


def test_the_original_is_never_overwritten_by_a_result(photo, place):
    replace(photo, place, NEW)
    replace(photo, place, NEWER, again=True)
    assert photo.read_bytes() == NEWER
    assert outcomes(place) == {"a b.jpg": "restored"}
    assert photo.read_bytes() == OLD


def test_a_result_whose_original_was_never_kept_is_kept_itself(photo, place):
    replace(photo, place, NEW, again=True)
    assert outcomes(place) == {"a b.jpg": "restored"}
    assert photo.read_bytes() == OLD


def test_another_original_of_the_same_name_is_kept_beside_the_first(photo, place):
    replace(photo, place, NEW)
    photo.write_bytes(b"edited since")
    replace(photo, place, NEWER)
    assert outcomes(place) == {"a b.jpg": "restored"}
    assert photo.read_bytes() == b"edited since"
    kept = [path.read_bytes() for path in place.rglob("*.jpg")]
    assert sorted(kept) == sorted([OLD, b"edited since"])


def test_the_same_original_is_kept_once(photo, place):
    replace(photo, place, NEW)
    assert outcomes(place) == {"a b.jpg": "restored"}
    replace(photo, place, NEW)
    assert len(list(place.rglob("*.jpg"))) == 1
    assert outcomes(place) == {"a b.jpg": "restored"}


def test_a_damaged_original_is_not_put_back(photo, place):
    replace(photo, place, NEW)
    kept = place / "originals" / photo.relative_to(photo.anchor)
    kept.write_bytes(b"rot")
    (each,) = restore(place)
    assert (each.outcome, photo.read_bytes()) == ("failed", NEW)
    assert "is damaged" in each.message
    kept.unlink()
    (each,) = restore(place)
    assert (each.outcome, photo.read_bytes()) == ("failed", NEW)


@posix_only
def test_names_that_are_not_utf_8_or_too_long_for_the_mirror_are_kept(place, photo):
    odd = photo.with_name("caf\udce9\n.jpg")
    odd.write_bytes(OLD)
    replace(odd, place, NEW)
    deep = photo.parent.joinpath(*["d" * 200] * 18)
    deep.mkdir(parents=True)
    long = deep / ("n" * (4000 - len(str(deep))) + ".jpg") if len(str(deep)) < 4000 else None
    if long is not None and len(long.name) < 255:
        long.write_bytes(b"deep" + OLD)
        replace(long, place, NEWER)
        assert len(list((place / "versions").iterdir())) == 1
    assert set(outcomes(place).values()) == {"restored"}
    assert odd.read_bytes() == OLD


def test_a_manifest_cut_short_by_a_crash_is_read_and_continued(photo, place):
    replace(photo, place, NEW)
    with (place / room.MANIFEST).open("ab") as manifest:
        manifest.write(b'{"path": "/half')
    other = photo.with_name("b.jpg")
    other.write_bytes(OLD + b"b")
    replace(other, place, NEWER)
    assert outcomes(place) == {"a b.jpg": "restored", "b.jpg": "restored"}
    lines = (place / room.MANIFEST).read_bytes().splitlines()
    assert json.loads(lines[-1])["path"] == str(other)


def test_a_file_that_changes_meanwhile_is_not_passed_off_as_the_original(photo, place, links):
    _, identity = store.read(photo)
    (photo.parent / "new").write_bytes(b"somebody's")
    (photo.parent / "new").replace(photo)
    with Backup(place) as backup, pytest.raises(PublishError) as caught:
        backup.keep(photo, identity, result=store.digest(NEW), again=False)
    assert "changed by another program" in str(caught.value)
    assert list(place.rglob("*.jpg")) == []


def test_a_folder_that_holds_no_backup_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="holds no backup"):
        paths_in(tmp_path)
    with pytest.raises(UsageError, match="holds no backup"):
        batch.restore(tmp_path)


def test_a_backup_that_can_not_be_written_stops_the_run(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(RunError, match="choose another --backup"):
        Backup(tmp_path / "taken" / "backup")


def test_restoring_waits_for_no_one_and_refuses_beside_a_run(photo, place, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "GRACE_SECONDS", 0.1)
    replace(photo, place, NEW)
    ledger = tmp_path / "state" / "ledger.sqlite"
    with TreeLock(ledger.parent / "locks") as lock:
        lock.claim([Claim(photo.parent, Extent.TREE)])
        with pytest.raises(RunError, match="another run is at work"):
            list(batch.restore(place, ledger=ledger))
    assert photo.read_bytes() == NEW
    assert [each.outcome for each in batch.restore(place, ledger=ledger)] == ["restored"]
