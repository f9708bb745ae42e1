import json
from pathlib import Path

import pytest

from jpegslim.errors import ExitCode, RunError
from jpegslim.files.backup import Restored, RestoreOutcome


@pytest.fixture
def backup(monkeypatch):
    """Stand in for the backup folder: what is in it, and how it was asked for."""
    calls, results = [], []

    def restore(folder, *, dry_run, ledger):
        calls.append((folder, dry_run, ledger))
        yield from results

    monkeypatch.setattr("jpegslim.batch.restore", restore)
    return calls, results


def restored(path, outcome, message="is the original again"):
    return Restored(Path(path), RestoreOutcome(outcome), message)


def test_what_went_back_is_told_and_counted(invoke, backup):
    calls, results = backup
    results += [restored("a.jpg", "restored"), restored("b\n.jpg", "unchanged")]
    outcome = invoke("restore", "kept")
    assert calls == [(Path("kept"), False, None)]
    assert outcome.exit_code == ExitCode.OK
    assert outcome.stdout.splitlines() == [
        "restored: a.jpg: is the original again",
        "2 files: 1 restored, 1 unchanged",
    ]
    assert outcome.stderr == ""


@pytest.mark.parametrize("kind", ["changed", "failed"])
def test_an_original_that_could_not_go_back_is_exit_code_1(invoke, backup, kind):
    backup[1].extend([restored("a.jpg", "restored"), restored("b\n.jpg", kind, "was\x1b edited")])
    outcome = invoke("restore", "kept")
    assert outcome.exit_code == ExitCode.SOME_FAILED
    assert f"{kind}: b\\x0a.jpg: was\\x1b edited" in outcome.stdout.splitlines()
    assert outcome.stdout.splitlines()[-1] == f"2 files: 1 restored, 1 {kind}"


def test_json_is_an_object_a_line(invoke, backup):
    backup[1].extend([restored("ä.jpg", "restored"), restored("b.jpg", "changed", "was edited")])
    outcome = invoke("restore", "kept", "--json", "-n", "--ledger", "l.db")
    first, second, last = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert backup[0] == [(Path("kept"), True, Path("l.db"))]
    assert (first["path"], first["status"]) == ("ä.jpg", "restored")
    assert second["message"] == "was edited"
    assert last["totals"] == {
        "files": 2,
        "restored": 1,
        "unchanged": 0,
        "changed": 1,
        "failed": 0,
        "dry_run": True,
        "exit_code": 1,
    }
    assert outcome.exit_code == ExitCode.SOME_FAILED


def test_a_dry_run_says_that_nothing_was_written(invoke, backup):
    backup[1].append(restored("a.jpg", "restored", "would be the original again"))
    outcome = invoke("restore", "kept", "--dry-run")
    assert outcome.stdout.splitlines()[-1] == "1 file: 1 restored; dry run: nothing was written"


def test_an_empty_backup_says_so(invoke, backup):
    assert invoke("restore", "kept").stdout == "nothing was kept there\n"


def test_what_stops_it_is_one_line_and_exit_code_3(invoke, monkeypatch):
    def stop(folder, **options):
        raise RunError("another run is at work")

    monkeypatch.setattr("jpegslim.batch.restore", stop)
    outcome = invoke("restore", "kept")
    assert outcome.exit_code == ExitCode.STOPPED
    assert outcome.stderr == "jpegslim: another run is at work\n"
