"""Signals that ask a program to end, taken as Ctrl-C while a run lasts."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# A service manager or `kill`, and a terminal that was closed.
_NAMES = ("SIGTERM", "SIGHUP")


@contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt on the main thread where SIGTERM or SIGHUP arrives.

    A signal that is ignored (`nohup`) stays ignored. On other threads, which get no signals,
    nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal calls it
    raise KeyboardInterrupt
