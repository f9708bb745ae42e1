"""A folder of the function's own below /tmp, and what crashed runtimes left there.

Lambda starts a runtime that died, of memory or of time, anew in the same machine with /tmp as it
was: a few crashes with large photos would leave no room for any.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_PREFIX = "jpegslim-function-"


class Scratch:
    """Open for the life of the runtime; nobody sweeps its folder while it lives."""

    def __init__(self, top: Path | None = None) -> None:
        """Remove what dead runtimes left below `top`, the system's folder, and make a folder."""
        top = Path(tempfile.gettempdir()) if top is None else top
        for left in top.glob(f"{_PREFIX}*"):
            _sweep(left)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=top))
        self._descriptor = _locked(self.path)

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path)
        os.close(self._descriptor)


def _sweep(folder: Path) -> None:
    """Remove a folder unless a runtime holds it, or it is not ours to remove."""
    try:
        descriptor = _locked(folder)
    except OSError:
        return
    try:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _locked(folder: Path) -> int:
    """Take a folder for as long as the descriptor is open; OSError where somebody has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
