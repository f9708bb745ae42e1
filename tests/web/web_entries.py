"""What workers of the tests do."""

import os
import signal
import time
from pathlib import Path

from jpegslim.engine.container.segments import peek
from jpegslim.web import work


def hang(order, admit):
    admit(0.1)
    time.sleep(600)


def die_on_small(order, admit):
    if peek(Path(order.source).read_bytes()).width < 200:
        os.kill(os.getpid(), signal.SIGKILL)
    return work.run(order, admit)
