"""The temporaries of one task that Dask may run again, each with a name of its own.

A scheduler gives the task of a worker it lost to another, and the lost one may still be writing,
or come back later. Two that write under one name could have half a picture published, or clear
away each other's; so each takes the next name by making it, and writes only while it is there. The
client, which knows them all, clears away what was not published.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from jpegslim.files import store
from jpegslim.files.plan import Task


def next_attempt(task: Task) -> Task:
    """Return the task with a temporary of its own, which is there now.

    One that will stage nothing is returned as it is: dry, or of a source that is not seen here,
    whose folder is not to be made. Raises as `store.stage` does.
    """
    if task.dry_run or not os.path.lexists(task.source):
        return task
    return replace(
        next(each for each in _attempts(task) if store.reserve(each.staged)), reserved=True
    )


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
