"""What the children of Dask workers are told to do by a file's name; imported by that name."""

import ctypes
import os
import signal
import time
from dataclasses import replace

from jpegslim.errors import RunError
from jpegslim.files import work


def by_name(task, admit):
    """Work on a file, unless its name asks for something else."""
    name = task.source.stem
    if name.startswith("segfault"):
        ctypes.string_at(0)
    if name.startswith("spin"):
        admit(1.0)
        # Long, and no longer than a test that fails may take.
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            pass
    if name.startswith("killer"):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(30)
    if name.startswith("bug"):
        raise ZeroDivisionError
    if name.startswith("full"):
        raise RunError("no space left")
    return work.run(task, admit)


def slowly(task, admit):
    """Work on a file, and be long about it once the result is staged."""
    done = work.run(task, admit)
    time.sleep(0.3)
    return done


def late(task, admit):
    """Work on a file a while after it was handed over."""
    time.sleep(1.0)
    return work.run(task, admit)


def on_another_machine(task, admit):
    """Work on a file that is on a device with another number there."""
    done = work.run(task, admit)
    return replace(done, identity=replace(done.identity, device=done.identity.device + 1))


def is_profiling(dask_worker):
    """Tell, on a Dask worker, whether Dask looks at its threads."""
    return dask_worker.periodic_callbacks["profile"].is_running()
