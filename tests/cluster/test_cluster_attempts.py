"""Attempts at one task never write under one name, and none is left lying."""

from pathlib import Path

import pytest

from jpegslim.cluster.attempts import clear, next_attempt
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
    store.stage(b"smaller", attempt.destination, like=attempt.source, token=attempt.token)
    return attempt.staged.temporary


def test_the_first_attempt_has_the_name_that_the_run_knows(task):
    assert next_attempt(task) == task


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
