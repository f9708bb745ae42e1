"""The child's side of a worker: load one function, run it on job after job, end with the parent.

Frames are a length and a pickle. From the parent come jobs and grants (empty frames); to it go
"ready", then for every job any number of "need" (megapixels; the child waits until granted) and
one of "done", "failed" (a FileError or RunError) or "bug" (any other exception, as text).
"""

import importlib
import os
import pickle
import queue
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, NoReturn

from jpegslim.errors import FileError, RunError, WorkerError

if sys.platform == "linux":
    import resource
if sys.platform != "win32":
    import fcntl

# What a job may map beyond what the child has mapped when it asks: codecs' tables, thread
# stacks and a new malloc arena (64 MiB of address space), then 24 bytes a pixel: 25 MP of
# progressive 4:4:4 were seen to map 14.
BASE_MEMORY = 256 << 20
BYTES_PER_MEGAPIXEL = 24_000_000

LINE_CHARACTERS = 200
_LENGTH = struct.Struct("!Q")
_FRAME_LIMIT = 1 << 31  # more is not a frame but a process that wrote over its own memory


def serve(entry: str, *, requests: int, replies: int, life: int) -> NoReturn:
    """Be the child: load `entry` ("package.module:function"), then work on jobs until EOF.

    requests, replies: descriptors of the two pipes. life: descriptor of the pipe that closes
    with the parent, -1 for none.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with(life)
    allowance = _Allowance()
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, inbox), daemon=True).start()
    with os.fdopen(replies, "wb") as outbox:
        try:
            module, _, name = entry.partition(":")
            function = getattr(importlib.import_module(module), name)
        except Exception as error:  # noqa: BLE001 - told to the parent, who raises it
            write_frame(outbox, _bug_report(error))
            os._exit(1)
        write_frame(outbox, _message("ready"))
        while True:
            _perform(function, inbox, outbox, allowance)


def _die_with(life: int) -> None:
    """Let the kernel end this process when the parent is gone.

    The thread that waits for EOF does the same, but only between two bytecodes: a library that
    hangs with the interpreter lock held would keep an orphan alive. No byte ever crosses this
    pipe, so its first event is the hang-up, and the default action of SIGIO is to terminate.
    """
    if sys.platform != "win32" and life >= 0:
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        with suppress(OSError):
            fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(life, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
            # A parent that died before this line sent no signal.
            with suppress(BlockingIOError):
                os.read(life, 1)
                os._exit(0)


def _listen(requests: int, inbox: "queue.SimpleQueue[bytes]") -> NoReturn:
    with os.fdopen(requests, "rb") as stream:
        while (frame := read_frame(stream)) is not None:
            inbox.put(frame)
        os._exit(0)


def _perform(
    function: Callable[[object, Callable[[float], None]], object],
    inbox: "queue.SimpleQueue[bytes]",
    outbox: IO[bytes],
    allowance: "_Allowance",
) -> None:
    """Take one job and answer it; a function of its own, so nothing of a job outlives it."""
    job = inbox.get()

    def admit(megapixels: float) -> None:
        """Wait until the parent finds room for a picture of this size, then limit memory to it."""
        write_frame(outbox, _message("need", megapixels))
        inbox.get()
        allowance.limit(megapixels)

    try:
        answer = _message("done", function(pickle.loads(job), admit))  # noqa: S301
    except (FileError, RunError) as error:
        answer = _message("failed", error)
    except MemoryError:
        text = f"ran out of the memory allowed for its size{allowance.words}"
        answer = _message("failed", WorkerError(text, reason="out_of_memory"))
    except Exception as error:  # noqa: BLE001 - a bug in ours or a library: this file's, not the run's
        answer = _bug_report(error)
    finally:
        allowance.lift()
    write_frame(outbox, answer)


class _Allowance:
    """The address space a job may map; unlimited between jobs, and everywhere but on Linux."""

    def __init__(self) -> None:
        self.words = ""
        if sys.platform == "linux":
            self._usual = resource.getrlimit(resource.RLIMIT_AS)

    def limit(self, megapixels: float) -> None:
        """Allow what a picture of this size takes on top of what is mapped now."""
        if sys.platform == "linux":
            mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            wanted = mapped + BASE_MEMORY + int(megapixels * BYTES_PER_MEGAPIXEL)
            lowest = min((wanted, *(bound for bound in self._usual if bound >= 0)))
            resource.setrlimit(resource.RLIMIT_AS, (lowest, self._usual[1]))
            room = max(0, lowest - mapped) / 1e9
            self.words = f" ({room:.1f} GB for {megapixels:.1f} megapixels)"

    def lift(self) -> None:
        """Allow again what was allowed at the start."""
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_AS, self._usual)


def _message(kind: str, body: object = None) -> bytes:
    return pickle.dumps((kind, body), pickle.HIGHEST_PROTOCOL)


def _bug_report(error: Exception) -> bytes:
    return _message("bug", (one_line(error), "".join(traceback.format_exception(error))))


def write_frame(stream: IO[bytes], frame: bytes) -> None:
    """Write one frame and flush it; OSError where nobody reads any more."""
    stream.write(_LENGTH.pack(len(frame)))
    stream.write(frame)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Return the next frame, None at the end of the stream or where it stops making sense."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head)
    if size > _FRAME_LIMIT:
        return None
    frame = stream.read(size)
    return frame if len(frame) == size else None


def one_line(error: BaseException) -> str:
    """Return the exception's type and text for a message of one line."""
    return " ".join(clean(f"{type(error).__name__}: {error}").split())[:LINE_CHARACTERS]


def clean(text: str) -> str:
    """Drop what could move a terminal's cursor or colours."""
    return "".join(sign for sign in text if sign.isprintable() or sign == "\n")
