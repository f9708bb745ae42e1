"""Conduct one run over S3: objects in place, to another place, to files, or files to objects."""

import traceback
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jpegslim.aws.addresses import Address, as_folder
from jpegslim.aws.connection import connect
from jpegslim.aws.content import Shelf
from jpegslim.aws.hands import work_through
from jpegslim.aws.landing import Landed, publish
from jpegslim.aws.making import Job
from jpegslim.aws.memory import Memory
from jpegslim.aws.named import AT_ONCE, UnderWay, find_named
from jpegslim.aws.objects import Objects
from jpegslim.aws.reminding import reminded
from jpegslim.aws.treatment import Prepared, Settled
from jpegslim.aws.wanted import Found, check_apart, find_files, find_objects, local_place
from jpegslim.aws.workplace import Here, Ready, Workplace, hands_of
from jpegslim.aws.workshop import Workshop
from jpegslim.batch import TIMEOUT_SECONDS, lock_folder
from jpegslim.conducting import Course, notes
from jpegslim.errors import RunError
from jpegslim.files import pool, work, writer
from jpegslim.files.holdings import make_output
from jpegslim.files.interrupts import held
from jpegslim.files.ledger import Ledger
from jpegslim.files.lock import Claim, Extent, TreeLock, new_run
from jpegslim.files.selection import EVERYTHING, Selection
from jpegslim.files.writer import Writer
from jpegslim.reports.reporter import Reporter, RunStart
from jpegslim.results import FileResult, Status, Totals
from jpegslim.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run over S3 is asked for; as for `batch.run`, but for what follows.

    sources: all addresses or all paths. listed, listed_files: what a list names, as many as there
    may be: objects, in the pieces that could be read at once, or files. output: an address or a
    folder, None to replace in place. endpoint_url, profile, region: as for the AWS CLI; on a
    cluster each worker's own.
    """

    sources: Sequence[Address] | Sequence[Path]
    listed: Iterable[Sequence[Address | FileResult]] = ()
    listed_files: Iterable[Path | FileResult | None] = ()
    settings: Settings
    output: Address | Path | None
    jobs: int
    dry_run: bool = False
    reporters: Sequence[Reporter] = ()
    debug: bool = False
    selection: Selection = EVERYTHING
    ledger: Path | None = None
    timeout: float | None = TIMEOUT_SECONDS
    max_errors: int | None = None
    time_limit: float | None = None
    wait: bool = False
    cluster: str | None = None
    endpoint_url: str | None = None
    profile: str | None = None
    region: str | None = None


def run(order: Order) -> Totals:
    """Optimize what an order names, and tell its reporters as it goes.

    Ctrl-C, SIGTERM, SIGHUP and whatever stops the run end up in the Totals; UsageError is raised
    before anything is touched.
    """
    output = as_folder(order.output) if isinstance(order.output, Address) else order.output
    # A dry run asks a ledger that is there, and makes none.
    absent = order.ledger is None or (order.dry_run and not order.ledger.exists())
    order = replace(order, output=output, ledger=None if absent else order.ledger)
    tops = [each for each in order.sources if isinstance(each, Address)]
    tops = check_apart(tops, output, order.selection)
    client = connect(
        endpoint_url=order.endpoint_url,
        profile=order.profile,
        region=order.region,
        # And those that find the photos: one lists, or a list is looked up.
        transfers=hands_of(order.jobs) + AT_ONCE,
    )
    return _Conductor(order, tops, client).conduct()


class _Conductor:
    """One run, on the thread that called it."""

    def __init__(self, order: Order, tops: Sequence[Address], client: Any) -> None:
        self._order = order
        self._tops = tops
        self._client = client
        self._course = Course(
            order.reporters, max_errors=order.max_errors, time_limit=order.time_limit
        )
        self._under_way = UnderWay()
        self._files = self._size = 0
        self._complete = False
        self._run = new_run()
        self._lock: TreeLock | None = None
        self._writer = Writer(self._run, None, None)

    def conduct(self) -> Totals:
        order = self._order
        start = RunStart(
            settings=order.settings,
            output=order.output.url if isinstance(order.output, Address) else order.output,
            dry_run=order.dry_run,
            jobs=order.jobs,
            objects=True,
            paths=tuple(each.url if isinstance(each, Address) else each for each in order.sources),
            notes=notes(),
        )
        return self._course.run(start, self._work)

    def _work(self) -> None:
        with ExitStack() as stack:
            self._work_through(stack)

    def _work_through(self, stack: ExitStack) -> None:
        order = self._order
        ledger = None
        if order.ledger is not None:
            ledger = stack.enter_context(Ledger(order.ledger, read_only=order.dry_run))
        memory = Memory(
            ledger,
            service=self._client.meta.endpoint_url,
            run=self._run,
            dry_run=order.dry_run,
        )
        inherit = self._claim_output(stack, ledger)
        folder = stack.enter_context(TemporaryDirectory(prefix="jpegslim-"))
        shelf = Shelf(Path(folder), in_memory=0, when_full=RunError)
        objects = Objects(self._client, shelf)
        workplace = self._workplace(stack, objects, memory, inherit)

        def commit(answer: Ready | Settled) -> Prepared | Settled | Job:
            # Workers elsewhere could not ask the ledger.
            again = reminded(answer, memory) if order.cluster is not None else None
            if again is not None:
                if not isinstance(answer, Settled):
                    answer.discard()
                workplace.done(answer.job)
                return again
            if isinstance(answer, Landed):
                with held():
                    return publish(answer, self._writer)
            if isinstance(answer, Prepared):
                memory.intend(answer)
            return answer

        def finish(settled: Settled) -> None:
            self._under_way.leave(settled.job)
            with held():
                settled = memory.retold(settled)
                memory.settle(settled)
                self._course.finish(self._told(settled))

        jobs = self._jobs(objects, memory)
        outcomes = work_through(jobs, workplace, commit=commit, late=finish)
        stack.callback(outcomes.close)
        for settled in outcomes:
            finish(settled)
            self._tell_found()
        self._tell_found()

    def _workplace(
        self, stack: ExitStack, objects: Objects, memory: Memory, inherit: Sequence[int]
    ) -> Workplace:
        """Open the place where photos are worked on, here or on a cluster."""
        order = self._order
        if order.cluster is not None:
            from jpegslim.cluster.objects import open_place

            return stack.enter_context(
                open_place(
                    order.cluster,
                    endpoint_url=order.endpoint_url,
                    profile=order.profile,
                    region=order.region,
                    name=memory.key,
                    run=self._run,
                    unsure=self._leave_behind,
                )
            )
        workshop = stack.enter_context(
            Workshop(
                entry=work.ENTRY,
                jobs=order.jobs,
                megapixels=pool.memory_budget(),
                inherit=inherit,
            )
        )
        return Here(objects, workshop, ledger=order.ledger, name=memory.key, run=self._run)

    def _claim_output(self, stack: ExitStack, ledger: Ledger | None) -> Sequence[int]:
        """Take the output folder for this run alone; return what workers are to keep open.

        Objects need no lock: their writes are conditional.
        """
        order = self._order
        if not isinstance(order.output, Path) or order.dry_run:
            return ()
        make_output(order.output)
        self._lock = lock = stack.enter_context(TreeLock(lock_folder(order.ledger), self._run))
        claim = Claim(order.output.resolve(), Extent.TREE)
        for dead in lock.claim([claim], wait=order.wait):
            writer.sweep(dead)
            lock.bury(dead.run)
        if ledger is not None:
            writer.recover(ledger, is_live=lock.is_live)
        self._writer = Writer(self._run, ledger, None)
        return (lock.descriptor,)

    def _leave_behind(self) -> None:
        if self._lock is not None:
            self._lock.leave_behind()

    def _jobs(self, objects: Objects, memory: Memory) -> Generator[Job | None, None, None]:
        """Yield what needs to be read; tell of the rest at once."""
        for each in self._found(objects):
            if self._course.is_over():
                return
            if each is None:
                yield None
                continue
            self._count(each)
            job = each if isinstance(each, FileResult) else self._job(each, memory)
            told = job if isinstance(job, FileResult) else self._under_way.enter(job)
            if told is not None:
                self._course.finish(told)
                yield None
            elif isinstance(job, Job):
                yield job
        self._complete = True

    def _found(self, objects: Objects) -> Iterator[Found | FileResult | None]:
        order = self._order
        paths = [each for each in order.sources if isinstance(each, Path)]
        without = order.output if isinstance(order.output, Address) else None
        yield from find_files(paths, order.listed_files, order.selection)
        yield from find_objects(objects, self._tops, order.selection, without=without)
        yield from find_named(self._client, order.listed, order.selection, output=without)

    def _count(self, found: Found | FileResult) -> None:
        self._files += 1
        self._size += found.size if isinstance(found, Found) else found.bytes_in

    def _job(self, found: Found, memory: Memory) -> Job | FileResult:
        """Return what is to be done with a photo, or its outcome where that is nothing."""
        order, listed = self._order, found.listed
        job = Job(
            source=found.source,
            destination=None,
            settings=order.settings,
            etag=None if listed is None else listed.etag,
            size=found.size,
            dry_run=order.dry_run,
            timeout=order.timeout,
            wish=self._course.wish,
        )
        known = None
        if isinstance(order.output, Address):
            there = Address(order.output.bucket, order.output.key + found.place)
            job = replace(job, destination=there)
        elif order.output is None:
            known = None if listed is None else memory.known(listed, order.settings)
        else:
            there_too = local_place(order.output, found.place)
            if there_too is None:
                text = "no file can have this name"
                return job.told(Status.FAILED, "unsafe_name", text, size=found.size)
            job = replace(job, landing=there_too)
            if listed is not None:
                known = memory.known_copy(listed, there_too, order.settings)
        return job if known is None else known

    def _told(self, settled: Settled) -> FileResult:
        if not self._order.debug or settled.error is None:
            return settled.result
        trace = "".join(traceback.format_exception(settled.error))
        return replace(settled.result, traceback=trace)

    def _tell_found(self) -> None:
        self._course.tell_found(self._files, self._size, complete=self._complete)
