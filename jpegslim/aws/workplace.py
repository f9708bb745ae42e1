"""Where the photos of a run over S3 are worked on: in this process and its workers, or elsewhere.

A photo's way is the same everywhere: `prepare` fetches it and makes its result, then the run notes
durably what is about to be written, and `deliver` writes it.
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from jpegslim.aws.addresses import Address
from jpegslim.aws.landing import Landed, Landing
from jpegslim.aws.making import Job
from jpegslim.aws.objects import Objects
from jpegslim.aws.taskwork import TaskMaker
from jpegslim.aws.treatment import Prepared, Settled, Treatment
from jpegslim.aws.workshop import Workshop

# Beyond those with a worker: reading and writing, so that no worker waits for the network.
_TRANSFERS_AHEAD = 4

Ready = Prepared | Landed
# What the ledger knows an object by.
Name = Callable[[Address], bytes]


class Workplace(Protocol):
    """Called from many threads at once, but for `hands` and `done`: from the run's own."""

    def hands(self) -> int:
        """Return how many photos may be on their way together, as of now. Raises RunError."""

    def prepare(self, job: Job) -> Ready | Settled:
        """Read a photo and optimize it; trouble with it is an outcome. Raises RunError."""

    def deliver(self, prepared: Prepared) -> Prepared | Settled:
        """Write what is prepared; return the outcome as it stands then. Raises RunError.

        What was lost before it was written is given back prepared anew.
        """

    def done(self, job: Job) -> None:
        """Let go of what is kept for a job that is settled."""

    def stop(self) -> None:
        """End all work now; whoever waits for some is turned away."""


def hands_of(jobs: int) -> int:
    """Return how many photos so many local workers have on their way at once."""
    return 2 * jobs + _TRANSFERS_AHEAD


class Here:
    """This process and its workers. ledger: for them to ask; run: begins its tokens."""

    def __init__(
        self, objects: Objects, workshop: Workshop, *, ledger: Path | None, name: Name, run: str
    ) -> None:
        self._workshop = workshop
        self._hands = hands_of(workshop.jobs)
        self._treatment = Treatment(objects, TaskMaker(workshop, ledger))
        self._landing = Landing(objects, workshop, ledger)
        self._name = name
        self._run = run

    def hands(self) -> int:
        """Return how many photos may be on their way together."""
        return self._hands

    def prepare(self, job: Job) -> Ready | Settled:
        """Read a photo and optimize it; trouble with it is an outcome. Raises RunError."""
        if job.landing is None:
            return self._treatment.prepare(job)
        assert isinstance(job.source, Address)  # noqa: S101 - files do not land
        token = f"{self._run}{secrets.token_hex(4)}"
        return self._landing.prepare(job, self._name(job.source), token)

    def deliver(self, prepared: Prepared) -> Settled:
        """Write what is prepared; return the outcome as it stands then. Raises RunError."""
        return self._treatment.deliver(prepared)

    def done(self, job: Job) -> None:
        """Nothing is kept."""

    def stop(self) -> None:
        """End every worker."""
        self._workshop.stop()
