"""A folder of the function's own below /tmp, and what crashed runtimes left there.

Lambda starts a runtime that died, of memory or of time, anew in the same machine with /tmp as it
was: a few crashes with large photos would leave no room for any.
"""

import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_PREFIX = "jpegslim-function-"


def own_folder(top: Path | None = None) -> Path:
    """Remove what dead runtimes left below `top`, the system's folder, and make a new folder.

    It is locked for as long as this process lives, so nobody takes it for left behind.
    """
    top = Path(tempfile.gettempdir()) if top is None else top
    for left in top.glob(f"{_PREFIX}*"):
        # Alive, gone already, or nothing of ours.
        with suppress(OSError):
            descriptor = _locked(left)
            shutil.rmtree(left, ignore_errors=True)
            os.close(descriptor)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=top))
        # Another runtime that starts right now, on a machine that is not Lambda's, may have taken
        # it for left behind.
        with suppress(FileNotFoundError, BlockingIOError):
            _locked(folder)
            if folder.exists():
                return folder


def _locked(folder: Path) -> int:
    """Take a folder for as long as the descriptor is open; OSError where it is not to be had."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(folder, flags)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
