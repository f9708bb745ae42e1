"""Objects that a list names one by one: each is looked up, and costs only itself where it is wrong.

Names come in pieces, those that could be read at once: these are looked up together, since one
after the other the way to S3 and back would be all that a run does.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from jpegslim.aws.addresses import Address
from jpegslim.aws.making import Job
from jpegslim.aws.objects import Listed
from jpegslim.aws.troubles import Refused, Untouched, code_of, translated
from jpegslim.aws.wanted import Found, weighed
from jpegslim.errors import FileError, RunError
from jpegslim.files.selection import Selection, Sieve
from jpegslim.files.worker import POLL_SECONDS
from jpegslim.results import FileResult, Reason, Status

# How many names are looked up at once: with 30 ms to S3 and back 27 a second were one after the
# other, 218 by sixteen, 268 by 32.
AT_ONCE = 16

_READING = "reading it (s3:GetObject, and s3:ListBucket to tell what is missing)"
_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName"}
_SERVER_ERROR = 500

Name = Address | FileResult


def find_named(
    client: Any, pieces: Iterable[Sequence[Name]], selection: Selection, *, output: Address | None
) -> Iterator[Found | FileResult | None]:
    """Yield the objects with exactly these keys, in order; what is an outcome is handed on.

    An empty piece says that there are no names just now, and so does None. No name is remembered.
    In an output each has its whole key, so no two of a bucket meet there. output: where results
    go, None for elsewhere than S3; what lies in it is left alone.
    """
    sieve = Sieve(selection)

    def find(name: Name) -> Found | FileResult | None:
        if isinstance(name, FileResult):
            return name
        if output is not None and output.holds(name):
            return _in_output(name, output)
        try:
            return weighed(look_up(client, name), name.key, sieve, explicit=True)
        except FileError as error:
            status = Status.SKIPPED if isinstance(error, Untouched) else Status.FAILED
            return _told(name, status, error.reason, str(error))

    for piece in pieces:
        if not piece:
            yield None
        for start in range(0, len(piece), AT_ONCE):
            for found in _together(find, piece[start : start + AT_ONCE]):
                if found is not None:
                    yield found


def look_up(client: Any, address: Address) -> Listed:
    """Return what stands under exactly this key.

    Raises FileError, with the reason "not_found" where there is nothing or not even the bucket;
    RunError for what would meet every object.
    """
    try:
        with translated(address, _READING):
            return _look_up(client, address)
    except Untouched as error:
        if error.reason != "gone":
            raise
        raise Refused("no such object", reason="not_found") from error
    except RunError as error:
        answer = error.__cause__
        if not isinstance(answer, ClientError) or code_of(answer)[0] not in _NO_BUCKET:
            raise
        raise Refused("no such bucket", reason="not_found") from error


def _look_up(client: Any, address: Address) -> Listed:
    place = {"Bucket": address.bucket, "Key": address.key}
    try:
        answer = client.head_object(**place)
    except ClientError as error:
        if code_of(error)[1] >= _SERVER_ERROR:
            raise
        # What answers HEAD has no words. GET tells an object that is missing from credentials that
        # are wrong.
        answer = client.get_object(**place, Range="bytes=0-0")
        answer["Body"].close()
        answer["ContentLength"] = int(answer["ContentRange"].rpartition("/")[2])
    return Listed(address, answer["ContentLength"], answer["ETag"], answer["LastModified"])


def _in_output(name: Address, output: Address) -> FileResult:
    if output.key:
        text = f"lies in the output, {output}: a result of an earlier run, it seems"
        return _told(name, Status.SKIPPED, "in_output", text)
    text = f"--output {output} would write it onto itself: leave it out to optimize in place"
    return _told(name, Status.FAILED, "exists", text)


class UnderWay:
    """The photos at work: a list may name one twice, or two that go to the same place."""

    def __init__(self) -> None:
        self._sources: dict[object, str] = {}

    def enter(self, job: Job) -> FileResult | None:
        """Take a job in; return its outcome where another one holds its place."""
        source = str(job.shown)
        other = self._sources.get(_place(job))
        if other is None:
            self._sources[_place(job)] = source
            return None
        if other == source:
            text = "is listed twice, and being worked on already"
            return job.told(Status.SKIPPED, Reason.LISTED_TWICE, text)
        text = f"{other} would get the same name in the output: run them apart"
        return job.told(Status.FAILED, "name_clash", text)

    def leave(self, job: Job) -> None:
        """Let go of a job that is settled."""
        del self._sources[_place(job)]


def _place(job: Job) -> object:
    return job.landing or job.destination or job.source


def _together(find: Callable[[Name], Any], names: Sequence[Name]) -> list[Any]:
    """Return what `find` gives for each name; all are asked at once. Raises what one of them does.

    Threads of their own: a run that is stopped waits for none of them.
    """
    answers: list[Any] = [None] * len(names)

    def ask(number: int) -> None:
        try:
            answers[number] = find(names[number])
        except BaseException as error:  # noqa: BLE001 - raised again below
            answers[number] = error

    threads = [
        threading.Thread(target=ask, args=(each,), daemon=True) for each in range(len(names))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            # A blocked wait on Windows does not notice Ctrl-C.
            thread.join(POLL_SECONDS)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers


def _told(name: Address, status: Status, reason: str, message: str) -> FileResult:
    return FileResult(path=name.url, status=status, reason=reason, message=message)
