"""A worker that some photos kill or hang, for the function's tests."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from jpegslim.aws import work
from jpegslim.files import work as files_work

ENTRY = "aws_entries:run"
POISON = b"POISON"
HANGS = b"HANGS"
KILLER = b"KILLER"
FULL = b"FULL"
# A variable that makes a worker live through poison.
ANTIDOTE = "JPEGSLIM_TEST_ANTIDOTE"


def run(order, admit):
    data = order.data if order.data is not None else Path(order.source).read_bytes()
    if data.endswith(POISON) and ANTIDOTE not in os.environ:
        os.kill(os.getpid(), signal.SIGKILL)
    if data.endswith(HANGS):
        time.sleep(600)
    if data.endswith(FULL):
        order = replace(order, result=Path("/dev/full"))
    return work.run(order, admit)


def by_ending(task, admit):
    """Work on a file as a run does, unless its last bytes ask for something else."""
    data = task.source.read_bytes()
    if data.endswith(POISON):
        os.kill(os.getpid(), signal.SIGKILL)
    if data.endswith(HANGS):
        time.sleep(60)
    if data.endswith(KILLER):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return files_work.run(task, admit)
