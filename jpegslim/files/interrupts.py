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


@contextmanager
def held() -> Iterator[None]:
    """Hold interruptions back until the block is over, then raise KeyboardInterrupt.

    What is renamed must also be told: an interruption in between would leave a replaced file
    that no report knows.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal calls it
        arrived.append(number)

    before = {}
    for name in ("SIGINT", *_NAMES):
        number = getattr(signal, name, None)
        ours = (signal.default_int_handler, _interrupt)
        if number is not None and signal.getsignal(number) in ours:
            before[number] = signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal calls it
    raise KeyboardInterrupt
