"""Originals are kept by the run that replaces them, or nothing is replaced."""

import os
import sys
from pathlib import Path

import pytest

from jpegslim import batch
from jpegslim.errors import ExitCode, PublishError, UsageError
from jpegslim.files import store
from jpegslim.files.backup import Backup
from jpegslim.results import Status
from jpegslim.settings import Settings


@pytest.fixture
def tree(tmp_path, photograph):
    folder = tmp_path.resolve() / "photos"
    (folder / "b").mkdir(parents=True)
    for number, name in enumerate(("1.jpg", "b/1.jpg")):
        (folder / name).write_bytes(photograph(number))
    return folder


def go(tree, tmp_path, *, target=85.0, output=None, dry_run=False, **options):
    return batch.run(
        [tree],
        Settings(target=target, marker=False),
        output=output,
        jobs=1,
        dry_run=dry_run,
        ledger=tmp_path / "state" / "ledger.sqlite",
        **options,
    )


def contents(tree):
    return {path.relative_to(tree): path.read_bytes() for path in tree.rglob("*.jpg")}


def test_what_is_replaced_can_be_restored(tree, tmp_path):
    before = contents(tree)
    backup = tmp_path / "backup"
    assert go(tree, tmp_path, backup=backup).counts[Status.OPTIMIZED] == 2
    assert contents(tree) != before
    assert go(tree, tmp_path, backup=backup, target=50.0).counts[Status.OPTIMIZED] == 2
    outcomes = [str(each.outcome) for each in batch.restore(backup)]
    assert outcomes == ["restored", "restored"]
    assert contents(tree) == before


def test_a_backup_inside_the_tree_is_no_input(tree, tmp_path):
    backup = tree / "originals of mine"
    for _ in range(2):
        totals = go(tree, tmp_path, backup=backup)
        assert totals.files == 2
    assert {str(each.outcome) for each in batch.restore(backup)} == {"restored"}


def test_a_dry_run_keeps_nothing(tree, tmp_path):
    go(tree, tmp_path, backup=tmp_path / "backup", dry_run=True)
    assert not (tmp_path / "backup").exists()


def test_a_file_whose_original_can_not_be_kept_is_not_replaced(tree, tmp_path, monkeypatch):
    before = contents(tree)

    def refuse(*_, **__):
        raise PublishError("no links on Sundays")

    monkeypatch.setattr(Backup, "_copy", refuse)
    totals = go(tree, tmp_path, backup=tmp_path / "backup")
    assert totals.exit_code is ExitCode.SOME_FAILED
    assert {failure.message for failure in totals.failures} == {
        "can't be backed up: no links on Sundays"
    }
    assert contents(tree) == before
    assert [path.name for path in tree.iterdir() if path.name.startswith(".")] == []


def test_a_backup_folder_that_can_not_be_written_stops_the_run(tree, tmp_path):
    before = contents(tree)
    (tmp_path / "taken").write_text("")
    totals = go(tree, tmp_path, backup=tmp_path / "taken" / "backup")
    assert totals.exit_code is ExitCode.STOPPED
    assert "choose another --backup" in totals.stopped
    assert contents(tree) == before


def test_a_backup_of_what_is_not_replaced_is_wrong_usage(tree, tmp_path):
    with pytest.raises(UsageError, match="with --output none are"):
        go(tree, tmp_path, backup=tmp_path / "backup", output=tmp_path / "out")


def test_a_backup_that_is_the_input_is_wrong_usage(tree, tmp_path):
    with pytest.raises(UsageError, match="is what is to be optimized"):
        go(tree, tmp_path, backup=tree / ".." / "photos")


def test_lossy_after_lossless_still_goes_back_to_the_very_original(tree, tmp_path):
    before = contents(tree)
    backup = tmp_path / "backup"
    assert go(tree, tmp_path, backup=backup, target=None).counts[Status.LOSSLESS] == 2
    totals = go(tree, tmp_path, backup=backup)
    assert totals.counts[Status.OPTIMIZED] == 2
    assert {str(each.outcome) for each in batch.restore(backup)} == {"restored"}
    assert contents(tree) == before


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX links")
def test_the_link_of_a_run_that_was_killed_does_not_make_a_file_hard_linked(tree, tmp_path):
    backup = tmp_path / "backup"
    one = tree / "1.jpg"
    _, identity = store.read(one)
    with Backup(backup) as interrupted:
        interrupted.keep(one, identity, result="ab" * 32, again=False)
    assert one.stat().st_nlink == 2
    assert go(tree, tmp_path, backup=backup).counts[Status.OPTIMIZED] == 2
    assert {str(each.outcome) for each in batch.restore(backup)} == {"restored"}


def test_a_relative_path_with_dots_stays_inside_the_backup(tree, tmp_path, monkeypatch):
    monkeypatch.chdir(tree / "b")
    before = contents(tree)
    go(Path("..", "..", "photos"), tmp_path, backup=tmp_path / "backup")
    assert {path.parts[0] for path in contents(tmp_path / "backup")} == {"originals"}
    monkeypatch.chdir(os.sep)
    assert {str(each.outcome) for each in batch.restore(tmp_path / "backup")} == {"restored"}
    assert contents(tree) == before
