"""Threads that read, have worked on and write many photos at once, within bounds.

The caller's thread hands out jobs, commits what is prepared and gets what is settled: everything
that must be in one order, the ledger above all, is done there.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from jpegslim.aws.landing import Landed
from jpegslim.aws.making import Job
from jpegslim.aws.treatment import Prepared, Settled
from jpegslim.files.worker import POLL_SECONDS

Step = Callable[[], object]
Ready = Prepared | Landed
# Urgency, a number, the step (None: go home), and what it would deliver.
_Order = tuple[int, int, Step | None, Ready | None]

# What is on its way to S3 is given so long to arrive when a run is stopped.
_JOIN_SECONDS = 10.0
# What is to be written comes first: it frees memory and room on the disk.
_WRITE, _READ, _HOME = range(3)


def work_through(
    jobs: Iterable[Job | None],
    *,
    hands: int,
    prepare: Callable[[Job], Ready | Settled],
    commit: Callable[[Ready], Settled | None],
    deliver: Callable[[Ready], Settled],
    stop: Callable[[], None],
) -> Generator[Settled, None, None]:
    """Take each job from `prepare` over `commit` to `deliver`; yield what is settled.

    jobs: pulled as threads become free; None stands for nothing yet. hands: how many threads, and
    so the most photos that are on their way together. prepare, deliver: called on any of them.
    commit: called here before a photo is written; what it settles is not delivered. stop: ends
    what threads wait for when the run ends early, for whatever reason.

    An exception from anywhere is raised once the threads are told to end.
    """
    crew = _Crew(hands)
    source, exhausted, on_their_way = iter(jobs), False, 0
    try:
        while not exhausted or on_their_way:
            while not exhausted and on_their_way < hands and not crew.has_answer():
                try:
                    job = next(source)
                except StopIteration:
                    exhausted = True
                else:
                    if job is not None:
                        on_their_way += 1
                        crew.give(_READ, partial(prepare, job), threads=on_their_way)
            if not on_their_way:
                continue
            answer = _committed(crew.next_answer(), commit)
            if isinstance(answer, Settled):
                on_their_way -= 1
                yield answer
            else:
                crew.give(_WRITE, partial(deliver, answer), threads=on_their_way, ready=answer)
    finally:
        if on_their_way:
            stop()
        crew.dismiss()


def _committed(
    answer: Ready | Settled, commit: Callable[[Ready], Settled | None]
) -> Ready | Settled:
    return answer if isinstance(answer, Settled) else commit(answer) or answer


class _Crew:
    """The threads, and the queues between them and the caller."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._threads: list[threading.Thread] = []
        # A number beside the urgency, so that steps are never compared.
        self._steps: queue.PriorityQueue[_Order] = queue.PriorityQueue()
        self._answers: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._number = 0

    def give(
        self, urgency: int, step: Step | None, *, threads: int, ready: Ready | None = None
    ) -> None:
        """Queue a step; start one more thread if there are fewer than that.

        ready: what the step is about, discarded where nobody comes to take it.
        """
        self._number += 1
        self._steps.put((urgency, self._number, step, ready))
        if len(self._threads) < min(threads, self._most):
            thread = threading.Thread(target=self._serve, daemon=True)
            self._threads.append(thread)
            thread.start()

    def has_answer(self) -> bool:
        """Tell whether `next_answer` returns without waiting."""
        return not self._answers.empty()

    def next_answer(self) -> Any:
        """Wait for a step's answer; raise what it raised."""
        while True:
            try:
                answer = self._answers.get(timeout=POLL_SECONDS)
            except queue.Empty:
                # A blocked wait on Windows does not notice Ctrl-C.
                continue
            if isinstance(answer, BaseException):
                raise answer
            return answer

    def dismiss(self) -> None:
        """Send all threads home after what they do now; steps not begun are dropped."""
        with suppress(queue.Empty):
            while True:
                *_, ready = self._steps.get_nowait()
                if ready is not None:
                    ready.discard()
        for _ in self._threads:
            self.give(_HOME, None, threads=0)
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
        while self.has_answer():
            answer = self._answers.get()
            if isinstance(answer, Ready):
                answer.discard()

    def _serve(self) -> None:
        """Be a thread."""
        while True:
            _, _, step, _ = self._steps.get()
            if step is None:
                return
            try:
                self._answers.put(step())
            except BaseException as error:  # noqa: BLE001 - raised again by next_answer
                self._answers.put(error)
