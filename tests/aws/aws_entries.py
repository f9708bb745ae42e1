"""A worker that some photos kill or hang, for the function's tests."""

import os
import signal
import time
from pathlib import Path

from jpegslim.aws import work

ENTRY = "aws_entries:run"
POISON = b"POISON"
HANGS = b"HANGS"


def run(order, admit):
    data = order.data if order.data is not None else Path(order.source).read_bytes()
    if data.endswith(POISON):
        os.kill(os.getpid(), signal.SIGKILL)
    if data.endswith(HANGS):
        time.sleep(600)
    return work.run(order, admit)
