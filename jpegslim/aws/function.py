"""The function's work for one call: each photo once, in the memory and the time there is.

A photo costs only its own record. What could not be finished is reported, never lost: to a queue
the messages that failed, to S3 Batch Operations the tasks, to anybody else an error, after which
Lambda calls again with the same event.
"""

import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from jpegslim.aws.addresses import Address
from jpegslim.aws.content import Shelf
from jpegslim.aws.environment import Configuration, adjusted
from jpegslim.aws.events import Delivery, Notice, Sender
from jpegslim.aws.making import LASTING, Job, PipeMaker
from jpegslim.aws.objects import Objects
from jpegslim.aws.telling import Teller
from jpegslim.aws.treatment import Settled, Treatment
from jpegslim.aws.troubles import Conflict, Unavailable
from jpegslim.aws.work import ENTRY
from jpegslim.aws.workshop import Workshop
from jpegslim.errors import FileError, RunError, UsageError
from jpegslim.results import FileResult, Status
from jpegslim.settings import Settings

# Beyond those at work, so that no worker waits for the network.
_READ_AHEAD = 1
# Not worth beginning a photo for.
_LEAST_SECONDS = 1.0
# Of the reserve, for transfers to come to their end; the rest is for the answer.
_LAST_WAIT = 0.5
# The time was over; /tmp was full of other photos.
_PASSING = ("stopped", "no_space")
# Of the time a call has, what a single photo may take.
_SHARE = 0.5
# Where a key may be read in several ways, the next one is tried.
_NOT_MEANT = ("gone", "outside")
_ARGUMENTS = ("quality", "metadata")
_OUT_OF_TIME = "the function's time is almost over: left for another call"
_UNANSWERED = "S3 did not answer before the function's time was over: left for another call"

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one photo. retry: it is to be tried again. passing: for a passing reason."""

    result: FileResult
    retry: bool = False
    passing: bool = False


class Function:
    """Lives as long as the Lambda container; calls come one after the other."""

    def __init__(
        self,
        configuration: Configuration,
        objects: Objects,
        shelf: Shelf,
        teller: Teller,
        *,
        entry: str = ENTRY,
    ) -> None:
        self._configuration = configuration
        self._objects = objects
        self._shelf = shelf
        self.teller = teller
        self._entry = entry
        self._workshop = self._open_workshop()

    @property
    def megapixels(self) -> float:
        """The largest picture there is room for."""
        return self._configuration.settings.max_megapixels

    @property
    def largest(self) -> int:
        """The bytes of the largest object there is room for."""
        return self._configuration.largest

    def warm_up(self) -> None:
        """Start a worker ahead, in the time before the first call."""
        self._workshop.start()

    def close(self) -> None:
        """End the workers."""
        self._workshop.stop()

    def treat(self, delivery: Delivery, left: Clock) -> dict[Notice, Ended]:
        """Treat each photo of a delivery once. left: seconds until Lambda ends the function."""
        if self._workshop.stopped:
            self._workshop = self._open_workshop()
        notices = dict.fromkeys(notice for each in delivery.records for notice in each.notices)
        try:
            settings = _asked(self._configuration.settings, delivery.arguments)
        except UsageError as error:
            return {notice: self._refused(notice, str(error)) for notice in notices}
        treatment = Treatment(self._objects, PipeMaker(self._workshop, self._shelf))
        call = _Call(
            self._configuration,
            settings,
            left,
            treatment,
            self.teller,
            # What a job asks for, an event of the job's own writes does not undo.
            any_result=delivery.sender is not Sender.BATCH,
        )
        bell = threading.Timer(max(0.0, call.time()), self._workshop.stop)
        bell.daemon = True
        bell.start()
        try:
            return call.run(notices)
        finally:
            bell.cancel()
            # What it does already must not end the workers of the next call.
            bell.join()

    def _refused(self, notice: Notice, why: str) -> Ended:
        job = Job(source=notice.address, destination=None, settings=self._configuration.settings)
        result = job.told(Status.FAILED, "arguments", why)
        self.teller.photo(result, seconds=0.0, retried=False)
        return Ended(result)

    def _open_workshop(self) -> Workshop:
        return Workshop(
            entry=self._entry,
            jobs=self._configuration.jobs,
            megapixels=self._configuration.megapixels,
        )


class _Call:
    """One call's photos, on a few threads."""

    def __init__(
        self,
        configuration: Configuration,
        settings: Settings,
        left: Clock,
        treatment: Treatment,
        teller: Teller,
        *,
        any_result: bool,
    ) -> None:
        self._configuration = configuration
        self._settings = settings
        self._any_result = any_result
        self._left = left
        # One that hangs is to be known as such before the time is over, and the others' turn come.
        self._timeout = min(configuration.timeout, max(_LEAST_SECONDS, self.time() * _SHARE))
        self._treatment = treatment
        self._teller = teller
        # By bucket: one that is gone is no trouble of another's photos.
        self._trouble: dict[str, RunError] = {}

    def time(self) -> float:
        """Return the seconds there are for work."""
        return self._left() - self._configuration.reserve

    def run(self, notices: Collection[Notice]) -> dict[Notice, Ended]:
        """Treat them all; those that find no time any more are to be tried again."""
        waiting: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        ended: queue.SimpleQueue[tuple[Notice, Ended, float]] = queue.SimpleQueue()
        count = len(notices)
        for notice in notices:
            waiting.put(notice)
        hands = min(count, self._configuration.jobs + _READ_AHEAD)
        threads = [
            threading.Thread(target=self._serve, args=(waiting, ended), daemon=True)
            for _ in range(hands)
        ]
        for thread in threads:
            thread.start()
        outcomes = {}
        start = time.perf_counter()
        for _ in range(count):
            try:
                notice, outcome, seconds = ended.get(timeout=self._patience())
            except queue.Empty:
                # Threads that wait for S3 are left behind: what they were about to write is
                # written under a condition, or not at all.
                break
            self._teller.photo(outcome.result, seconds=seconds, retried=outcome.retry)
            outcomes[notice] = outcome
        for notice in notices:
            if notice not in outcomes:
                outcomes[notice] = self._postponed(self._job(notice.address), _UNANSWERED)
                seconds = time.perf_counter() - start
                self._teller.photo(outcomes[notice].result, seconds=seconds, retried=True)
        return outcomes

    def _patience(self) -> float:
        """Return how long to wait for one more photo, so that there is time for the answer."""
        return max(0.0, self._left() - self._configuration.reserve * (1 - _LAST_WAIT))

    def _serve(
        self,
        waiting: "queue.SimpleQueue[Notice]",
        ended: "queue.SimpleQueue[tuple[Notice, Ended, float]]",
    ) -> None:
        while True:
            try:
                notice = waiting.get_nowait()
            except queue.Empty:
                return
            start = time.perf_counter()
            try:
                outcome = self._treat(notice)
            except Exception as error:  # a bug costs one photo, and is told
                self._teller.logger.exception("internal error")
                trouble = FileError(
                    f"internal error: {type(error).__name__}", reason="internal_error"
                )
                outcome = self._failed(notice, trouble)
            ended.put((notice, outcome, time.perf_counter() - start))

    def _treat(self, notice: Notice) -> Ended:
        first = self._treat_one(notice.address)
        if first.result.reason in _NOT_MEANT:
            for other in notice.others:
                ended = self._treat_one(other)
                if ended.result.reason not in _NOT_MEANT:
                    return ended
        return first

    def _treat_one(self, address: Address) -> Ended:
        configuration, job = self._configuration, self._job(address)
        outside = configuration.source is not None and not configuration.source.holds(address)
        if outside:
            text = f"is not below {configuration.source}"
            return Ended(job.told(Status.SKIPPED, "outside", text))
        if address.bucket in self._trouble:
            return self._postponed(job, str(self._trouble[address.bucket]))
        if self.time() < _LEAST_SECONDS:
            return self._postponed(job, _OUT_OF_TIME)
        try:
            settled = self._treatment.prepare(job)
            if not isinstance(settled, Settled):
                settled = self._treatment.deliver(settled)
        except RunError as error:
            self._trouble[address.bucket] = error
            return self._postponed(job, str(error))
        return _judged(settled)

    def _job(self, address: Address) -> Job:
        return Job(
            source=address,
            destination=self._configuration.place(address),
            settings=self._settings,
            timeout=self._timeout,
            any_result=self._any_result,
        )

    def _postponed(self, job: Job, why: str) -> Ended:
        result = job.told(Status.FAILED, "postponed", why)
        return Ended(result, retry=True, passing=True)

    def _failed(self, notice: Notice, error: FileError) -> Ended:
        job = self._job(notice.address)
        return Ended(job.told(Status.FAILED, error.reason, str(error)), retry=True)


def _asked(settings: Settings, arguments: Mapping[str, Any]) -> Settings:
    """Return the settings with what a job asks for itself. Raises UsageError."""
    unknown = sorted(set(arguments) - set(_ARGUMENTS))
    if unknown:
        known = " and ".join(_ARGUMENTS)
        raise UsageError(f"there is no argument {unknown[0]!r}: a job may say {known}")
    return adjusted(settings, **arguments)


def _judged(settled: Settled) -> Ended:
    """Say whether a photo is to be tried again."""
    result, error = settled.result, settled.error
    if result.status is not Status.FAILED or error is None:
        return Ended(result)
    # Where the bytes are what they are, there is nothing to wait for.
    if isinstance(error, LASTING):
        return Ended(result)
    passing = isinstance(error, Unavailable | Conflict) or error.reason in _PASSING
    return Ended(result, retry=True, passing=passing)
