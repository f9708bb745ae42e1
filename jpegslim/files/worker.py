"""One killable worker: a child process that runs one function, one call at a time.

A picture can crash, hang or exhaust whatever decodes it. Done in a child it costs only itself,
and the parent knows which picture it was. The child is a plain `subprocess` on pipes, because
AWS Lambda has no /dev/shm for the semaphores of multiprocessing and a daemonic process (a Dask
worker under its nanny) may not start multiprocessing children. The other end of the pipes,
and what crosses them, is in `child`.
"""

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from pathlib import Path
from typing import IO, Any, Self

from jpegslim.errors import RunError, WorkerError
from jpegslim.files.child import LINE_CHARACTERS, clean, one_line, read_frame, write_frame

START_SECONDS = 120.0  # imports from a cold network disk or under a virus scanner
CLOSE_SECONDS = 2.0
REAP_SECONDS = 5.0
# A blocked wait on Windows does not notice Ctrl-C, so none is longer than this.
POLL_SECONDS = 0.5

_TAIL_BYTES = 2048

# One thread a worker: the pool owns the cores.
_ONE_THREAD = ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM")

# Runs before any other import: from here on whatever a library prints goes to stderr. `-P` keeps
# the current folder out of sys.path, so a numpy.py among the photos is never run. This package's
# own folder comes first, what else the parent can import (a Lambda layer) comes last.
_BOOTSTRAP = """\
import os, sys
requests, replies = os.dup(0), os.dup(1)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(2, 1)
entry, life, own, *others = sys.argv[1:]
sys.path[:0] = [own] if own not in sys.path else []
sys.path += [folder for folder in others if folder not in sys.path]
from jpegslim.files.child import serve
serve(entry, requests=requests, replies=replies, life=int(life))
"""

Admit = Callable[[float], AbstractContextManager[object]]


class Worker:
    """A child process that serves `call`, started when needed and again after each death.

    One call at a time; `kill` may come from any thread. `entry` is "package.module:function";
    the child imports it before it is ready and calls `function(payload, admit)`. `inherit`:
    descriptors that stay open as long as a child lives (POSIX), such as a lock.
    """

    def __init__(self, entry: str, *, inherit: Sequence[int] = ()) -> None:
        self._entry = entry
        self._inherit = inherit
        self._child: _Child | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is no child."""
        child = self._child
        return None if child is None else child.pid

    def start(self) -> None:
        """Start the child without waiting for it, so that its imports overlap other work.

        Raises RunError where the system refuses another process.
        """
        self._current()

    def call(
        self,
        payload: object,
        *,
        timeout: float | None = None,
        admit: Admit = nullcontext,
    ) -> Any:
        """Run the entry on `payload` in the child and return what it returned.

        admit: called with the megapixels the child asks for; entered (it may block) before the
            child goes on, left when the call ends.
        timeout: seconds; the clock starts again at each grant, and waiting for one is free.

        Raises the FileError or RunError the entry raised; WorkerError with the reason
        "worker_died", "timeout", "out_of_memory" or "internal_error" (the child's traceback
        as a note); RunError where the child can't be started.
        """
        job = pickle.dumps(payload, pickle.HIGHEST_PROTOCOL)
        child = self._ready()
        try:
            kind, body = _converse(child, job, timeout=timeout, admit=admit)
        except BaseException:
            # Dead, or stopped halfway: the next call gets a fresh one.
            self._drop(child)
            raise
        if kind == "done":
            return body
        if kind == "bug":
            line, trace = body
            bug = WorkerError(f"internal error: {line}", reason="internal_error")
            bug.add_note(trace)
            raise bug
        if isinstance(body, WorkerError):
            # Out of memory: what the libraries left behind is not worth trusting.
            self._drop(child)
        raise body

    def kill(self) -> None:
        """End the child at once; a call in progress raises WorkerError."""
        with self._lock:
            child = self._child
        if child is not None:
            self._drop(child)

    def close(self) -> None:
        """End the idle child politely, by force where it takes longer than `CLOSE_SECONDS`."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.end(patience=CLOSE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _current(self) -> "_Child":
        with self._lock:
            if self._child is None:
                self._child = _Child(self._entry, self._inherit)
            return self._child

    def _ready(self) -> "_Child":
        """Return a child that said "ready"; one death on the way is forgiven."""
        for last in (False, True):
            child = self._current()
            if child.ready and not child.alive:
                # Killed while idle: no file's fault, least of all the next one's.
                self._drop(child)
                child = self._current()
            if child.ready:
                return child
            try:
                kind, body = child.receive(START_SECONDS)
            except WorkerError as error:
                self._drop(child)
                if last:
                    raise RunError(f"the worker process does not start: {error}") from error
                continue
            except BaseException:
                self._drop(child)
                raise
            if kind != "ready":
                self._drop(child)
                line, trace = body
                unusable = RunError(f"the worker process can't load {self._entry}: {line}")
                unusable.add_note(trace)
                raise unusable
            child.ready = True
        return child

    def _drop(self, child: "_Child") -> None:
        child.end(patience=0)
        with self._lock:
            if self._child is child:
                self._child = None


def _converse(
    child: "_Child", job: bytes, *, timeout: float | None, admit: Admit
) -> tuple[str, Any]:
    """Hand over one job, grant what it asks for, return the final ("kind", body)."""
    with ExitStack() as granted:
        child.forget_words()
        child.send(job)
        while True:
            kind, body = child.receive(timeout)
            if kind != "need":
                return kind, body
            granted.close()
            granted.enter_context(admit(body))
            child.send(b"")


class _Child:
    """The parent's end of one process: pipes, the threads that read them, how it ended."""

    def __init__(self, entry: str, inherit: Sequence[int]) -> None:
        self.ready = False
        self._frames: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._tail = b""
        self._process, self._life = _spawn(entry, inherit)
        self._threads = [
            threading.Thread(target=target, args=(stream,), name=f"{name} {self.pid}", daemon=True)
            for target, stream, name in (
                (self._collect_frames, self._process.stdout, "frames of"),
                (self._collect_words, self._process.stderr, "words of"),
            )
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def forget_words(self) -> None:
        """Drop what was said so far: it was about an earlier file."""
        self._tail = b""

    def send(self, frame: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - Popen was given a pipe
        # A dead child can't be written to; `receive` tells how it died.
        with suppress(OSError, ValueError):
            write_frame(stdin, frame)

    def receive(self, timeout: float | None) -> tuple[str, Any]:
        """Wait for the child's next message; a child that is late is killed before this raises."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = POLL_SECONDS if deadline is None else deadline - time.monotonic()
            try:
                frame = self._frames.get(timeout=max(0.0, min(left, POLL_SECONDS)))
            except queue.Empty:
                if deadline is None or time.monotonic() < deadline:
                    continue
                self.end(patience=0)
                text = f"took longer than {timeout:g} seconds and was stopped"
                raise WorkerError(text, reason="timeout") from None
            if frame is None:
                raise WorkerError(self._obituary(), reason="worker_died")
            try:
                kind, body = pickle.loads(frame)  # noqa: S301 - our own child wrote it
            except Exception as error:
                text = f"internal error: the worker's answer can't be read: {one_line(error)}"
                raise WorkerError(text, reason="internal_error") from error
            return kind, body

    def end(self, *, patience: float) -> None:
        """Close the pipe, wait `patience` seconds for the child to go, then kill and reap it.

        May run on two threads at once.
        """
        if not patience:
            self._process.kill()
        assert self._process.stdin is not None  # noqa: S101 - Popen was given a pipe
        with suppress(OSError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self._process.kill()
        # A process in an uninterruptible read (a dead network disk) outlives its SIGKILL.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(REAP_SECONDS)
        if self._life is not None:
            self._life.close()
        for thread in self._threads:
            thread.join(REAP_SECONDS)

    def _collect_frames(self, stream: IO[bytes]) -> None:
        try:
            with stream:
                while (frame := read_frame(stream)) is not None:
                    self._frames.put(frame)
        finally:
            self._frames.put(None)

    def _collect_words(self, stream: IO[bytes]) -> None:
        with stream:
            while words := os.read(stream.fileno(), _TAIL_BYTES):
                self._tail = (self._tail + words)[-_TAIL_BYTES:]

    def _obituary(self) -> str:
        """Say in plain words how the child ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSE_SECONDS)
        self.end(patience=0)
        code = self._process.returncode
        if code is None or code >= 0:
            # Windows names a crash in the upper half of 32 bits: 0xC0000005, access violation.
            shown = f"0x{code:08X}" if code is not None and code > 0xFFFF else str(code)  # noqa: PLR2004
            how = f"ended unexpectedly with exit code {shown}"
        else:
            how = f"died: {_signal_words(-code)}"
        lines = clean(self._tail.decode(errors="replace")).splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        said = f"; it last said: {last[:LINE_CHARACTERS]}" if last else ""
        return f"the worker process {how}{said}"


def _spawn(entry: str, inherit: Sequence[int]) -> tuple[subprocess.Popen[bytes], IO[bytes] | None]:
    """Start the child; return it with the end of the pipe whose closing kills it (POSIX)."""
    if not sys.executable:
        raise RunError("this Python does not know its own program, so it can't start workers")
    own = str(Path(__file__).parents[2])
    try:
        here = str(Path.cwd())
    except OSError:  # the folder was deleted
        here = ""
    others = [folder for folder in sys.path if Path(folder).is_absolute() and folder != here]
    environment = {
        **os.environ,
        **{f"{library}_NUM_THREADS": "1" for library in _ONE_THREAD},
        # File names must decode as they do here.
        "PYTHONUTF8": str(sys.flags.utf8_mode),
    }
    life_fd, life = -1, None
    apart: dict[str, Any] = {}
    with ExitStack() as always, ExitStack() as on_failure:
        if sys.platform == "win32":
            apart["creationflags"] = (
                subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
            )
        else:
            life_fd, writer = os.pipe()
            always.callback(os.close, life_fd)
            life = on_failure.enter_context(os.fdopen(writer, "wb", buffering=0))
            # Its own session: a terminal's Ctrl-C reaches only the parent, who decides.
            apart.update(start_new_session=True, pass_fds=(life_fd, *inherit))
        command = [sys.executable, "-P", "-c", _BOOTSTRAP, entry, str(life_fd), own, *others]
        try:
            process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - ours throughout
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                close_fds=True,
                env=environment,
                **apart,
            )
        except OSError as error:
            raise RunError(f"can't start a worker process: {error.strerror}") from error
        on_failure.pop_all()
    return process, life


def _signal_words(number: int) -> str:
    """Name a signal as people do and as manuals do: Segmentation fault (SIGSEGV)."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    words = f"{signal.strsignal(number) or 'signal'} ({name})"
    return f"{words}, perhaps for lack of memory" if name == "SIGKILL" else words
