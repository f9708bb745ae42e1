"""The optimizing side of the page without a server: `jpegslim.aws.uploads.handler`.

Called by EventBridge (or S3 itself) for each photo that was uploaded with a ticket: it writes the
result, then the state that the page waits for. See docs/aws.md.
"""

import base64
import json
import os
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from jpegslim.aws.addresses import Address
from jpegslim.aws.answers import UnfinishedError
from jpegslim.aws.connection import connect
from jpegslim.aws.content import Content, Shelf
from jpegslim.aws.environment import Configuration, read_environment
from jpegslim.aws.events import NotUnderstoodError, read_event
from jpegslim.aws.making import Job, Making, PipeMaker
from jpegslim.aws.objects import Objects
from jpegslim.aws.scratch import own_folder
from jpegslim.aws.telling import Teller
from jpegslim.aws.tickets import UPLOADS, Order, Ticket, ticket_of
from jpegslim.aws.troubles import Conflict, Overtaken, Unavailable, Untouched, translated
from jpegslim.aws.work import ENTRY
from jpegslim.aws.workshop import Workshop
from jpegslim.errors import FileError, NotAJpeg
from jpegslim.reports.records import finite, tile_record
from jpegslim.reports.wording import meaning, printable
from jpegslim.results import FileResult, Reason, Status

# Not worth beginning a photo for.
_LEAST_SECONDS = 1.0
_STATE_BYTES = 4096

Clock = Callable[[], float]


class Studio:
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
        self.teller = teller
        self._workshop = Workshop(
            entry=entry, jobs=configuration.jobs, megapixels=configuration.megapixels
        )
        self._make = PipeMaker(self._workshop, shelf)

    def warm_up(self) -> None:
        """Start a worker ahead, in the time before the first call."""
        self._workshop.start()

    def close(self) -> None:
        """End the workers."""
        self._workshop.stop()

    def treat(self, address: Address, left: Clock) -> FileResult | None:
        """Work on one upload and tell its page; None where that is done, or none of a page's.

        left: seconds until Lambda ends the function. Raises UnfinishedError where the event is to
        come again, RunError or FileError where S3 refuses the answer.
        """
        ticket = ticket_of(address.key)
        waiting = None if ticket is None else self._waiting(address, ticket)
        if ticket is None or waiting is None:
            self.teller.logger.info("no ticket waits for this", extra={"object": str(address)})
            return None
        order, etag = waiting
        start = time.perf_counter()
        time_left = left() - self._configuration.reserve
        if time_left < _LEAST_SECONDS:
            raise UnfinishedError(f"to be tried again: {address}")
        job = Job(
            source=address,
            destination=Address(address.bucket, ticket.result),
            settings=order.settings(max_megapixels=self._configuration.settings.max_megapixels),
            timeout=min(self._configuration.timeout, time_left),
        )
        making = self._made(job)
        result = making.result
        try:
            if making.content is not None:
                self._place(Address(address.bucket, ticket.result), making.content)
        finally:
            if making.content is not None:
                making.content.discard()
        self._tell(Address(address.bucket, ticket.state), result, etag)
        self.teller.photo(result, seconds=time.perf_counter() - start, retried=False)
        return result

    def _waiting(self, address: Address, ticket: Ticket) -> tuple[Order, str] | None:
        """Return what was asked for and the state's ETag, None where nobody waits any more."""
        state = Address(address.bucket, ticket.state)
        try:
            with translated(state, "reading a ticket (s3:GetObject)"):
                answer = self._objects.client.get_object(Bucket=state.bucket, Key=state.key)
                with answer["Body"] as body:
                    order = Order.of_state(json.loads(body.read(_STATE_BYTES)))
        except Untouched:
            return None
        return None if order is None else (order, answer["ETag"])

    def _made(self, job: Job) -> Making:
        """Return the result with the bytes to hand out; trouble with the photo is a result too."""
        try:
            assert isinstance(job.source, Address)  # noqa: S101 - made above
            fetched = self._objects.fetch(job.source, job.settings, in_place=False)
            try:
                making = self._make(job, fetched)
            except BaseException:
                fetched.content.discard()
                raise
        except Unavailable as error:
            raise UnfinishedError(f"to be tried again: {job.source}: {error}") from error
        except FileError as error:
            status = Status.SKIPPED if isinstance(error, NotAJpeg) else Status.FAILED
            return Making(result=job.told(status, error.reason, str(error)), error=error)
        except Exception as error:  # a bug costs one photo, and is told
            self.teller.logger.exception("internal error")
            words = f"internal error: {type(error).__name__}"
            return Making(result=job.told(Status.FAILED, "internal_error", words))
        if making.content is None and _is_delivered(making.result):
            return Making(result=making.result, content=fetched.content)
        fetched.content.discard()
        return making

    def _place(self, address: Address, content: Content) -> None:
        """Put a result where its page will fetch it.

        No condition: a copy of the same event writes the same bytes, and nobody else knows the
        key. Nothing of the upload's headers is taken over: what isn't signed a visitor could add.
        """
        with translated(address, "writing a result (s3:PutObject)"), content.open() as body:
            self._objects.client.put_object(
                Bucket=address.bucket,
                Key=address.key,
                Body=body,
                ContentType="image/jpeg",
                ContentDisposition="attachment",
                CacheControl="private, no-store",
                ChecksumSHA256=base64.b64encode(bytes.fromhex(content.digest)).decode(),
            )

    def _tell(self, address: Address, result: FileResult, etag: str) -> None:
        """Write the state, unless a copy of the same event was faster."""
        try:
            with translated(address, "writing a ticket (s3:PutObject)"):
                self._objects.client.put_object(
                    Bucket=address.bucket,
                    Key=address.key,
                    Body=json.dumps(state_of(result)).encode(),
                    ContentType="application/json",
                    CacheControl="no-store",
                    IfMatch=etag,
                )
        except (Overtaken, Conflict):
            self.teller.logger.info("told before", extra={"object": str(address)})


def state_of(result: FileResult) -> Mapping[str, object]:
    """Return what a page is told of its photo."""
    delivered = _is_delivered(result)
    message = printable(result.message)
    if result.reason == Reason.TOO_BIG:
        message = f"the picture has {message}"
    return {
        "state": str(result.status if delivered else Status.FAILED),
        "reason": str(result.reason),
        "message": message,
        "bytes_in": result.bytes_in,
        "bytes_out": result.bytes_out,
        "score": finite(result.score),
        "meaning": None if result.score is None else meaning(result.score),
        "worst_tile": tile_record(result.worst_tile),
        "orientation": result.orientation,
        "seconds": finite(result.seconds),
    }


def _is_delivered(result: FileResult) -> bool:
    """Tell whether there are bytes to hand out: new ones, or the photo's own that can stay."""
    if result.status is Status.SKIPPED:
        return result.reason in (Reason.ALREADY_OPTIMIZED, Reason.ALREADY_COPIED)
    return result.status is not Status.FAILED


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Work on the uploads that an event tells of.

    Raises UnfinishedError where it is to be sent again, NotUnderstoodError for one that is none of
    S3's.
    """
    teller = _teller()
    teller.begin(context.aws_request_id)
    try:
        try:
            delivery = read_event(event)
        except NotUnderstoodError as error:
            teller.not_understood("", str(error))
            raise
        told = [
            _studio().treat(notice.address, lambda: context.get_remaining_time_in_millis() / 1000)
            for record in delivery.records
            for notice in record.notices
            if notice.address.key.startswith(UPLOADS)
        ]
        return {"photos": [str(result.status) for result in told if result is not None]}
    finally:
        teller.end()


@cache
def _teller() -> Teller:
    return Teller(os.environ)


@cache
def _studio() -> Studio:
    configuration = read_environment(os.environ)
    shelf = Shelf(own_folder())
    return Studio(configuration, Objects(connect(), shelf), shelf, _teller())


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    _studio().warm_up()
