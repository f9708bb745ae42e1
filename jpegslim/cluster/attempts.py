"""The temporaries of one task that Dask may run again, each with a name of its own.

A scheduler gives the task of a worker it lost to another, and the lost one may still be writing.
Two that write under one name could have half a picture published; so whoever comes later takes
the next name, and the client, which knows them all, clears away what was not published.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from jpegslim.files import store
from jpegslim.files.plan import Task


def next_attempt(task: Task) -> Task:
    """Return the task with a temporary that no earlier attempt has left."""
    return next(each for each in _attempts(task) if not _is_there(each))


def clear(task: Task) -> None:
    """Remove what attempts at the task left, but for what is published already.

    One of them has given its temporary away at the most, so two missing in a row are the end.
    """
    missing = 0
    for each in _attempts(task):
        missing = 0 if _is_there(each) else missing + 1
        if missing > 1:
            return
        store.discard(each.staged)


def _attempts(task: Task) -> Iterator[Task]:
    yield task
    for number in count(1):
        yield replace(task, token=f"{task.token}-{number}")


def _is_there(task: Task) -> bool:
    return os.path.lexists(task.staged.temporary)
