"""Attempts at one task never write under one name, and none is left lying."""

from dataclasses import replace
from pathlib import Path

import pytest

from jpegslim.cluster.attempts import clear, next_attempt
from jpegslim.errors import PublishError
from jpegslim.files import store
from jpegslim.files.plan import Task
from jpegslim.settings import Settings


@pytest.fixture
def task(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"original")
    return Task(
        source=path,
        destination=path,
        in_place=True,
        explicit=True,
        settings=Settings(),
        dry_run=False,
        token="0123abcd",  # noqa: S106 - names a temporary
    )


def stage(task):
    attempt = next_attempt(task)
    write(attempt)
    return attempt.staged.temporary


def write(attempt):
    store.stage(
        *(b"smaller", attempt.destination),
        like=attempt.source,
        token=attempt.token,
        reserved=attempt.reserved,
    )


def test_the_first_attempt_has_the_name_that_the_run_knows(task):
    assert next_attempt(task) == replace(task, reserved=True)


def test_an_attempt_that_comes_back_late_touches_no_other_one(task):
    """A worker that was suspended before it staged anything, and then given up for dead."""
    suspended, second = next_attempt(task), next_attempt(task)
    write(second)
    assert second.staged != suspended.staged
    write(suspended)
    store.discard(suspended.staged)
    assert second.staged.temporary.read_bytes() == b"smaller"
    # And once the client is done with the task, nothing is left by who comes back then.
    suspended = next_attempt(task)
    clear(task)
    with pytest.raises(PublishError):
        write(suspended)
    assert [path.name for path in task.source.parent.iterdir()] == ["photo.jpg"]


def test_what_will_stage_nothing_leaves_nothing(task, tmp_path):
    dry, far = replace(task, dry_run=True), replace(task, source=tmp_path / "far" / "a.jpg")
    assert (next_attempt(dry), next_attempt(far)) == (dry, far)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_each_attempt_has_a_name_of_its_own_that_its_run_is_known_by(task):
    names = [stage(task) for _ in range(3)]
    assert len(set(names)) == 3
    assert all(Path(name.name).match(store.temporaries_of("0123")) for name in names)


@pytest.mark.parametrize("published", [None, 0, 1, 2])
def test_clearing_leaves_nothing_whichever_was_published(task, published):
    names = [stage(task) for _ in range(3)]
    if published is not None:
        names[published].replace(task.destination)
    clear(task)
    assert [path.name for path in task.source.parent.iterdir()] == ["photo.jpg"]


def test_clearing_touches_no_other_task(task, tmp_path):
    other = tmp_path / ".jpegslim-0123abce.tmp"
    other.write_bytes(b"another's")
    clear(task)
    assert other.exists()
