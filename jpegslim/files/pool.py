"""A pool of killable workers: bounded in processes, in files in flight and in megapixels.

One thread for each worker hands it jobs; the caller's thread pulls payloads and yields outcomes,
so an exception or Ctrl-C there, or a consumer that stops, ends every worker at once.
"""

import math
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jpegslim.errors import FileError, WorkerError
from jpegslim.files.child import BYTES_PER_MEGAPIXEL
from jpegslim.files.worker import POLL_SECONDS, Worker

if sys.platform == "win32":
    import ctypes

# Payloads waiting beyond those at work, so that no worker waits for the caller's thread.
READY_AHEAD = 4
# Of what the machine can spare: the rest is for imports, page cache and the other programs.
MEMORY_SHARE = 0.5
# Where the system does not say what is free.
FALLBACK_MEMORY = 2 << 30
# What was seen to be in use at the peak: 200 MP of progressive 4:4:4 took 1.96 GB as a file of
# 40 MB and 2.17 GB as one of 79 MB. Less than that is not worth starting with.
PEAK_BYTES = 80_000_000
PEAK_BYTES_PER_MEGAPIXEL = 11_000_000
_STOP_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one payload: the entry's result, or the error that belongs to this file."""

    payload: object
    result: object | None
    error: FileError | None


def run(
    payloads: Iterable[object],
    *,
    entry: str,
    jobs: int,
    megapixels: float,
    timeout: float | None,
    inherit: Sequence[int] = (),
) -> Generator[Outcome, None, None]:
    """Work on `payloads` in up to `jobs` worker processes; yield outcomes as they complete.

    payloads: pulled on the caller's thread, at most `jobs` + `READY_AHEAD` ahead of the outcomes
        yielded; may be endless. None stands for nothing yet: outcomes are looked at first.
    entry: "package.module:function", called in a worker as function(payload, admit).
    megapixels: the most that may be admitted at once; a picture larger than that is admitted
        alone.
    timeout: seconds from admission until a worker is killed, None for no limit.
    inherit: descriptors that the workers keep open.

    A FileError, a worker's death included, is an outcome. Any other exception from a worker
    (RunError) or from `payloads` is raised once all workers are stopped.
    """
    workers = [Worker(entry, inherit=inherit) for _ in range(jobs)]
    crew = _Crew(workers, megapixels=megapixels, timeout=timeout)
    source = iter(payloads)
    waiting, exhausted = 0, False
    try:
        while True:
            while not exhausted and waiting < jobs + READY_AHEAD and not crew.has_outcome():
                try:
                    payload = next(source)
                except StopIteration:
                    exhausted = True
                else:
                    if payload is not None:
                        waiting += 1
                        crew.submit(payload, waiting=waiting)
            if waiting == 0:
                if exhausted:
                    break
                continue
            outcome = crew.next_outcome()
            waiting -= 1
            yield outcome
        crew.dismiss()
    finally:
        crew.stop()


class _Crew:
    """The workers, a thread for each, and the queues between them and the caller."""

    def __init__(
        self, workers: Sequence[Worker], *, megapixels: float, timeout: float | None
    ) -> None:
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._timeout = timeout
        self._admission = Admission(megapixels)
        # An empty tuple sends a thread home.
        self._jobs: queue.SimpleQueue[tuple[object] | tuple[()]] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()

    def submit(self, payload: object, *, waiting: int) -> None:
        """Queue a payload, the `waiting`th now in flight; start one more worker if it needs one."""
        self._jobs.put((payload,))
        if len(self._threads) < min(waiting, len(self._workers)):
            worker = self._workers[len(self._threads)]
            thread = threading.Thread(target=self._serve, args=(worker,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def has_outcome(self) -> bool:
        """Tell whether `next_outcome` returns without waiting."""
        return not self._done.empty()

    def next_outcome(self) -> Outcome:
        """Wait for an outcome; raise what a thread met that isn't one file's matter."""
        while True:
            with suppress(queue.Empty):
                outcome = self._done.get(timeout=POLL_SECONDS)
                if isinstance(outcome, BaseException):
                    raise outcome
                return outcome

    def dismiss(self) -> None:
        """Send all threads home and wait until their idle workers have ended."""
        for _ in self._threads:
            self._jobs.put(())
        for thread in self._threads:
            thread.join()

    def stop(self) -> None:
        """End every worker now, whatever it does, and its thread."""
        self._admission.close()
        for _ in self._threads:
            self._jobs.put(())
        while alive := [
            (thread, worker)
            for thread, worker in zip(self._threads, self._workers, strict=False)
            if thread.is_alive()
        ]:
            # Again and again: a thread may be just about to start its worker anew.
            for _, worker in alive:
                worker.kill()
            for thread, _ in alive:
                thread.join(_STOP_SECONDS)

    def _serve(self, worker: Worker) -> None:
        """Be a worker's thread."""
        with worker:
            while (job := self._jobs.get()) and not self._admission.closed:
                (payload,) = job
                try:
                    result = worker.call(
                        payload, timeout=self._timeout, admit=self._admission.admit
                    )
                except FileError as error:
                    self._done.put(Outcome(payload, None, error))
                except BaseException as error:  # noqa: BLE001 - raised again by next_outcome
                    self._done.put(error)
                    return
                else:
                    self._done.put(Outcome(payload, result, None))


class Admission:
    """Keeps the megapixels in flight within a budget, first come, first served.

    A large picture holds back the smaller ones behind it, so its turn comes. megapixels: the
    budget, or what tells it, asked whenever nothing is in work.
    """

    def __init__(self, megapixels: float | Callable[[], float]) -> None:
        self._measure = megapixels if callable(megapixels) else None
        self._budget = math.inf if callable(megapixels) else megapixels
        self._granted: list[float] = []
        self._line: deque[object] = deque()
        self._changed = threading.Condition()
        self.closed = False

    @contextmanager
    def admit(
        self, megapixels: float, *, is_wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[None]:
        """Wait for room, hold it for the length of the `with` block.

        is_wanted: asked again and again while there is no room.

        Raises WorkerError for a picture that is over the budget and more than the machine has
        room for, RuntimeError when the admission is closed meanwhile or nobody wants it any more.
        """
        turn = object()
        with self._changed:
            self._line.append(turn)
            try:
                while not (self.closed or self._fits(turn, megapixels)) and is_wanted():
                    self._changed.wait(POLL_SECONDS)
            finally:
                self._line.remove(turn)
                self._changed.notify_all()
            if self.closed or not is_wanted():
                raise RuntimeError("the work is stopped")
            if self._measure is not None and not self._granted:
                self._budget = self._measure()
            self._granted.append(megapixels)
        try:
            if megapixels > self._budget:
                _refuse_without_memory(megapixels)
            yield
        finally:
            with self._changed:
                self._granted.remove(megapixels)
                self._changed.notify_all()

    def close(self) -> None:
        """Turn away all who wait and all who come."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def _fits(self, turn: object, megapixels: float) -> bool:
        first = self._line[0] is turn
        return first and (
            not self._granted or math.fsum(self._granted) + megapixels <= self._budget
        )


def default_jobs() -> int:
    """Return how many processors this process may use, container quotas considered."""
    if hasattr(os, "process_cpu_count"):
        cores = os.process_cpu_count() or 1
    elif hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    for folder in _cgroup_folders("cpu"):
        quota, period = _cpu_quota(folder)
        if quota > 0 and period > 0:
            cores = min(cores, math.ceil(quota / period))
    return max(1, cores)


def memory_budget() -> float:
    """Return the megapixels that may be in work at once in the memory now free."""
    return max(1.0, _allowed_memory() * MEMORY_SHARE / BYTES_PER_MEGAPIXEL)


def _refuse_without_memory(megapixels: float) -> None:
    """Raise WorkerError where a picture takes more than is free with nothing else in work."""
    needed = PEAK_BYTES + megapixels * PEAK_BYTES_PER_MEGAPIXEL
    free = _allowed_memory()
    if needed > free:
        raise WorkerError(
            f"its {megapixels:.0f} megapixels take about {needed / 1e9:.1f} GB of memory, "
            f"and {free / 1e9:.1f} GB are free",
            reason="out_of_memory",
        )


def _allowed_memory() -> int:
    """Return the bytes that are free, on the machine and in each control group around us."""
    free = _free_memory()
    for folder in _cgroup_folders("memory"):
        # Version 2 names, then version 1. Pages of files can be dropped at once: not in use.
        limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
        used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes")
        if limit is not None:
            free = min(free, limit - max(0, (used or 0) - _file_pages(folder)))
    return free


if sys.platform == "win32":

    class _MemoryStatus(ctypes.Structure):
        """MEMORYSTATUSEX: two 32-bit and seven 64-bit numbers."""

        _fields_ = (
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            ("total", ctypes.c_uint64),
            ("available", ctypes.c_uint64),
            ("rest", ctypes.c_uint64 * 5),
        )

    def _free_memory() -> int:
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            return int(status.available)
        return FALLBACK_MEMORY

else:

    def _free_memory() -> int:
        with suppress(OSError, ValueError):
            for line in Path("/proc/meminfo").read_text().splitlines():
                name, _, amount = line.partition(":")
                if name == "MemAvailable":
                    return int(amount.split()[0]) * 1024
        with suppress(OSError, ValueError):
            # macOS tells only what is built in; assume that half of it is free.
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
        return FALLBACK_MEMORY


def _cgroup_folders(controller: str) -> Iterator[Path]:
    """Yield the folders that may hold a limit on this process, its own group's first."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            # Version 2 has one tree for all controllers; version 1 one for each.
            top = Path("/sys/fs/cgroup") / (controller if controllers else "")
            own = top / group.lstrip("/")
            # In a container the group's path is the host's, and only the top exists here.
            yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(top))


def _cpu_quota(folder: Path) -> tuple[int, int]:
    """Return the quota and its period in microseconds, zeros for none."""
    with suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return int(quota), int(period)
    quota_v1 = _number(folder / "cpu.cfs_quota_us") or 0
    return quota_v1, _number(folder / "cpu.cfs_period_us") or 0


def _file_pages(folder: Path) -> int:
    with suppress(OSError, ValueError):
        for line in (folder / "memory.stat").read_text().splitlines():
            name, _, amount = line.partition(" ")
            if name in ("inactive_file", "total_inactive_file"):
                return int(amount)
    return 0


def _number(file: Path) -> int | None:
    """Read a file that holds one number; None where there is none ("max": no limit)."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
