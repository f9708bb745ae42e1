"""Threads that read, have worked on and write many photos at once, within bounds.

The caller's thread hands out jobs, commits what is prepared and gets what is settled: everything
that must be in one order, the ledger above all, is done there.
"""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from jpegslim.aws.making import Job
from jpegslim.aws.treatment import Prepared, Settled, failed
from jpegslim.aws.workplace import Ready, Workplace
from jpegslim.errors import JpegslimError, WorkerError
from jpegslim.files.child import one_line
from jpegslim.files.interrupts import held
from jpegslim.files.worker import POLL_SECONDS

Step = Callable[[], object]
# Urgency, a number, the step (None: go home), and what it would deliver.
_Order = tuple[int, int, Step | None, Prepared | None]

# What is on its way to S3 is given so long to arrive when a run is stopped, all of it together.
_JOIN_SECONDS = 10.0
# What is to be written comes first: it frees memory and room on the disk.
_WRITE, _READ, _HOME = range(3)
_OVER = object()


def work_through(
    jobs: Iterable[Job | None],
    workplace: Workplace,
    *,
    commit: Callable[[Ready | Settled], Prepared | Settled | Job],
    late: Callable[[Settled], None],
) -> Generator[Settled, None, None]:
    """Take each job from `prepare` over `commit` to `deliver`; yield what is settled.

    jobs: pulled as threads become free; None stands for nothing yet. workplace: has the hands, as
    many threads, and so the most photos that are on their way together; its steps are called on
    any of them, `stop` where the run ends early, for whatever reason. commit: called here with
    what was prepared, be it anew after a delivery that failed for no fault of its own; what it
    gives back is delivered, prepared anew, or settled. late: called here with what was delivered
    while the run was being ended, and can't be yielded any more.

    An exception from anywhere is raised once the threads are told to end.
    """
    crew = _Crew()
    source, exhausted, on_their_way = iter(jobs), False, 0
    try:
        while not exhausted or on_their_way:
            while not exhausted and not crew.has_answer() and on_their_way < workplace.hands():
                job = next(source, _OVER)
                exhausted = job is _OVER
                if isinstance(job, Job):
                    on_their_way += 1
                    crew.take_up(job, workplace, threads=on_their_way)
            if not on_their_way:
                continue
            # Interrupted in between, an answer would be neither told nor cleared away.
            with held():
                taken = crew.take_answer()
                if taken is not None:
                    step, answer = taken
                    if step == _READ or not isinstance(answer, Settled):
                        answer = commit(answer)
                    if isinstance(answer, Settled):
                        on_their_way -= 1
                        workplace.done(answer.job)
                        yield answer
                    else:
                        crew.take_up(answer, workplace, threads=on_their_way)
            if taken is None:
                # To raise what ends the wait.
                workplace.hands()
    finally:
        if on_their_way:
            workplace.stop()
        crew.dismiss(late)


class _Crew:
    """The threads, and the queues between them and the caller."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        # A number beside the urgency, so that steps are never compared.
        self._steps: queue.PriorityQueue[_Order] = queue.PriorityQueue()
        self._answers: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._number = 0

    def take_up(self, what: Job | Prepared, workplace: Workplace, *, threads: int) -> None:
        """Queue what is next with a photo; start a thread where there are fewer than `threads`."""
        # Ctrl-C while a thread is woken would cost another its call, and the run that is being
        # ended ten seconds: four runs of 24 that were stopped behind their second outcome.
        with held():
            if isinstance(what, Job):
                self._give(_READ, partial(_guarded, what, partial(workplace.prepare, what)))
            else:
                deliver = partial(workplace.deliver, what)
                self._give(_WRITE, partial(_guarded, what.job, deliver), ready=what)
            if len(self._threads) < threads:
                thread = threading.Thread(target=self._serve, daemon=True)
                self._threads.append(thread)
                thread.start()

    def has_answer(self) -> bool:
        """Tell whether `take_answer` returns without waiting."""
        return not self._answers.empty()

    def take_answer(self) -> tuple[int, Any] | None:
        """Return a step's answer and its urgency, None where none comes for a while.

        Raises what the step raised.
        """
        try:
            # A blocked wait on Windows does not notice Ctrl-C.
            urgency, answer = self._answers.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return None
        if isinstance(answer, BaseException):
            raise answer
        return urgency, answer

    def dismiss(self, late: Callable[[Settled], None]) -> None:
        """Send all threads home after what they do now; steps not begun are dropped.

        late: gets what they still delivered.
        """
        with suppress(queue.Empty):
            while True:
                *_, ready = self._steps.get_nowait()
                if ready is not None:
                    ready.discard()
        for _ in self._threads:
            self._give(_HOME, None)
        deadline = time.monotonic() + _JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        while self.has_answer():
            step, answer = self._answers.get()
            if isinstance(answer, Ready):
                answer.discard()
            elif step == _WRITE and isinstance(answer, Settled):
                late(answer)

    def _give(self, urgency: int, step: Step | None, ready: Prepared | None = None) -> None:
        """Queue a step. ready: discarded where nobody comes to take it."""
        self._number += 1
        self._steps.put((urgency, self._number, step, ready))

    def _serve(self) -> None:
        """Be a thread."""
        while True:
            urgency, _, step, _ = self._steps.get()
            if step is None:
                return
            try:
                self._answers.put((urgency, step()))
            except BaseException as error:  # noqa: BLE001 - raised again by take_answer
                self._answers.put((urgency, error))


def _guarded(job: Job, step: Step) -> object:
    """Take a step; a bug costs one photo, and is told."""
    try:
        return step()
    except JpegslimError:
        raise
    except Exception as error:  # noqa: BLE001 - told with its traceback under --debug
        bug = WorkerError(f"internal error: {one_line(error)}", reason="internal_error")
        bug.__cause__ = error
        return failed(job, None, bug)
