"""What a file system may be like, met by whole runs."""

import os
import subprocess
from pathlib import Path

import pytest
from test_kill_parent import photograph

from jpegslim import batch
from jpegslim.errors import ExitCode
from jpegslim.files.discovery import Candidate
from jpegslim.results import Status
from jpegslim.settings import Settings


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(("A.jpg", "a.JPG")):
        (folder / name).write_bytes(photograph(number))
    return folder


def go(*paths, tmp_path, output=None):
    return batch.run(
        list(paths),
        Settings(marker=False),
        output=output,
        jobs=2,
        dry_run=False,
        ledger=tmp_path / "state" / "ledger.sqlite",
    )


def test_names_that_meet_in_an_output_folder_that_ignores_case_cost_no_photo(
    tree, tmp_path, monkeypatch
):
    if len(list(tree.iterdir())) < 2:
        pytest.skip("this file system ignores case itself")
    # What the folder would do to both names.
    place = Candidate.place.fget
    monkeypatch.setattr(
        Candidate, "place", property(lambda self: Path(str(place(self)).lower())), raising=True
    )
    for _ in range(2):
        totals = go(tree, tmp_path=tmp_path, output=tmp_path / "out")
        assert totals.exit_code is ExitCode.SOME_FAILED
        (failure,) = totals.failures
        assert failure.reason == "exists"
        (made,) = (path for path in (tmp_path / "out").rglob("*") if path.is_file())
        assert made.name == "a.jpg"
    assert len(list(tree.iterdir())) == 2


def test_a_file_that_may_not_be_replaced_is_told_and_leaves_no_temporary(tree, tmp_path):
    fixed = tree / "A.jpg"
    try:
        subprocess.run(["chattr", "+i", str(fixed)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("files can't be made immutable here")
    try:
        before = fixed.read_bytes()
        totals = go(tree, tmp_path=tmp_path)
        assert totals.counts[Status.OPTIMIZED] == 1
        (failure,) = totals.failures
        assert failure.message == "can't be written: operation not permitted"
        assert fixed.read_bytes() == before
        assert len(list(tree.iterdir())) == 2
    finally:
        subprocess.run(["chattr", "-i", str(fixed)], check=True)
    # It was no fault of the picture: the next run tries again.
    assert go(tree, tmp_path=tmp_path).counts[Status.OPTIMIZED] == 1


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes")
def test_attributes_owner_and_time_survive_a_run_in_place(tree, tmp_path):
    one = tree / "A.jpg"
    try:
        os.setxattr(one, "user.xdg.tags", b"holiday")
    except OSError as error:
        pytest.skip(f"no extended attributes here: {error}")
    if os.geteuid() == 0:
        os.chown(one, 1234, 2345)
    os.utime(one, ns=(1, 1_400_000_000_123_456_789))
    before = one.stat()
    assert go(one, tmp_path=tmp_path).counts[Status.OPTIMIZED] == 1
    after = one.stat()
    assert os.getxattr(one, "user.xdg.tags") == b"holiday"
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_mtime_ns == before.st_mtime_ns
    assert after.st_size < before.st_size


def test_an_input_listed_twice_is_worked_on_once(tree, tmp_path):
    totals = go(tree, tree / "A.jpg", tree / ".." / "photos", tmp_path=tmp_path)
    assert totals.counts == {Status.OPTIMIZED: 2}
