"""Putting objects in their place: always under a condition, so nobody's newer upload is lost.

An object is replaced only while it still is what was read (If-Match), and made only where nothing
stands (If-None-Match). S3 checks the SHA-256 of what arrives.
"""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from jpegslim.aws.addresses import Address
from jpegslim.aws.content import Content
from jpegslim.aws.note import LONGEST, Note, shortened
from jpegslim.aws.objects import NO_VERSION, Fetched, Objects, Standing
from jpegslim.aws.troubles import Conflict, Overtaken, Untouched, translated
from jpegslim.errors import FileError, PublishError
from jpegslim.results import Reason

# A single PUT that breaks off starts from nothing; photos seldom are this large.
MULTIPART_BYTES = 64 << 20
# S3 takes none smaller than 5 MiB but the last, and 10,000 of them.
PART_BYTES = 16 << 20

_STALE = "was replaced or deleted while it was worked on; left as it is"
_SAME = "the same result was put there meanwhile"
_OTHER_STATE = "what stands there changed meanwhile; left as it is"
_WRITING = (
    "writing it (s3:PutObject; s3:PutObjectTagging and s3:PutObjectAcl for what it has of these,"
    " kms:GenerateDataKey where encrypted)"
)


@dataclass(frozen=True, slots=True)
class Written:
    """What S3 said of a new object. versioned: what stood there before stays, as a version."""

    etag: str
    versioned: bool


class Replacing:
    """Writes results over their sources."""

    def __init__(self, objects: Objects, *, multipart: int = MULTIPART_BYTES) -> None:
        self._objects = objects
        self._upload = _Upload(objects, multipart)

    def replace(self, fetched: Fetched, content: Content, note: Note) -> Written:
        """Put a result where its source stands.

        Raises Untouched with the reason "stale" where the source is not what was read any more,
        ALREADY_OPTIMIZED where that is because the very result stands there; Conflict where
        somebody keeps writing.
        """
        address = fetched.name
        assert isinstance(address, Address)  # noqa: S101 - files are replaced elsewhere
        arguments = {
            **fetched.traits.arguments(note),
            **self._objects.tags(address),
            **self._objects.grants(address),
        }
        condition = {"IfMatch": fetched.etag}
        try:
            return self._upload(address, content, arguments, condition)
        except Conflict:
            standing = self._objects.look(address)
            if standing is None or standing.etag != fetched.etag:
                raise _stale(standing, content, note) from None
        except (Overtaken, Untouched) as error:
            raise self._explained(error, address, content, note) from error
        # Nobody won: once more, and a second conflict is told as one.
        try:
            return self._upload(address, content, arguments, condition)
        except (Overtaken, Untouched) as error:
            raise self._explained(error, address, content, note) from error

    def _explained(
        self, error: Overtaken | Untouched, address: Address, content: Content, note: Note
    ) -> FileError:
        """Say what is behind a condition that did not hold, or an object that is gone."""
        if isinstance(error, Untouched) and error.reason != "gone":
            return error
        return _stale(self._objects.look(address), content, note)


class Placing:
    """Writes results elsewhere: another prefix, another bucket."""

    def __init__(self, objects: Objects, *, multipart: int = MULTIPART_BYTES) -> None:
        self._objects = objects
        self._upload = _Upload(objects, multipart)

    @staticmethod
    def check_ours(destination: Address, standing: Standing, source: Fetched) -> Note | None:
        """Return the note of what stands there, if it was made from this photo or an older one.

        Older: one that stood at the source's address before. None where a result could have no
        note, as the photo's metadata leaves it no room: only its bytes can tell, once they are
        made. Raises PublishError ("exists") for anything else.
        """
        note = standing.note
        if note is None and source.traits.room < LONGEST:
            return None
        if note is not None and _is_ours(standing, note, source):
            return note
        raise PublishError(
            f"{destination} exists and was not made from this photo:"
            " move it away or choose another --output",
            reason="exists",
        )

    def place(
        self,
        destination: Address,
        source: Fetched,
        content: Content,
        note: Note,
        *,
        replaces: Standing | None,
    ) -> Written:
        """Put a result where nothing stands, or over our earlier one.

        Raises Untouched (ALREADY_OPTIMIZED) where somebody put the same there meanwhile, Conflict
        where it is a result of another state of the source, PublishError ("exists") where it is
        anything else.
        """
        condition = {"IfNoneMatch": "*"} if replaces is None else {"IfMatch": replaces.etag}
        arguments = source.traits.arguments(note)
        if isinstance(source.name, Address):
            arguments.update(self._objects.tags(source.name))
        try:
            return self._upload(destination, content, arguments, condition)
        except Conflict as error:
            standing = self._objects.look(destination)
            if (standing and standing.etag) != (replaces and replaces.etag):
                raise self._beaten(error, destination, source, content, note) from None
        except (Overtaken, Untouched) as error:
            raise self._beaten(error, destination, source, content, note) from error
        try:
            return self._upload(destination, content, arguments, condition)
        except (Overtaken, Untouched) as error:
            raise self._beaten(error, destination, source, content, note) from error

    def _beaten(
        self,
        error: FileError,
        destination: Address,
        source: Fetched,
        content: Content,
        note: Note,
    ) -> FileError:
        """Say what somebody faster put at a destination, or took from there."""
        if isinstance(error, Untouched) and error.reason != "gone":
            return error
        standing = self._objects.look(destination)
        if standing is not None and _is_same(standing, content, note):
            done = Reason.ALREADY_COPIED if note.copy else Reason.ALREADY_OPTIMIZED
            return Untouched(_SAME, reason=done)
        there = None if standing is None else standing.note
        if standing is None or (there is not None and _is_ours(standing, there, source)):
            return Conflict(_OTHER_STATE)
        return PublishError(
            f"{destination} was written by somebody else; left as it is",
            reason="exists",
        )


class _Upload:
    """One write, in one request or, above a size, in parts."""

    def __init__(self, objects: Objects, multipart: int) -> None:
        self._client = objects.client
        self._conditions = objects.conditions
        self._multipart = multipart

    def __call__(
        self, address: Address, content: Content, traits: dict[str, Any], condition: dict[str, str]
    ) -> Written:
        place = {"Bucket": address.bucket, "Key": address.key}
        in_parts = content.size > self._multipart
        self._conditions.check(address, in_parts=in_parts)
        with translated(address, _WRITING):
            if not in_parts:
                with content.open() as body:
                    answer = self._client.put_object(
                        **place,
                        **traits,
                        **condition,
                        Body=body,
                        ContentLength=content.size,
                        ChecksumSHA256=_in_base64(bytes.fromhex(content.digest)),
                    )
                return _written(answer)
            begun = self._client.create_multipart_upload(
                **place, **traits, ChecksumAlgorithm="SHA256"
            )
            upload = {**place, "UploadId": begun["UploadId"]}
            try:
                parts = list(self._parts(upload, content))
                answer = self._client.complete_multipart_upload(
                    **upload, **condition, MultipartUpload={"Parts": parts}
                )
                return _written(answer)
            except BaseException:
                # Parts nobody completes are paid for until somebody clears them away.
                with suppress(ClientError, BotoCoreError):
                    self._client.abort_multipart_upload(**upload)
                raise

    def _parts(self, upload: dict[str, str], content: Content) -> Iterator[dict[str, object]]:
        with content.open() as body:
            number = 0
            while piece := body.read(PART_BYTES):
                number += 1
                checksum = _in_base64(hashlib.sha256(piece).digest())
                answer = self._client.upload_part(
                    **upload, PartNumber=number, Body=piece, ChecksumSHA256=checksum
                )
                yield {
                    "PartNumber": number,
                    "ETag": answer["ETag"],
                    "ChecksumSHA256": checksum,
                }


def _is_ours(standing: Standing, note: Note, source: Fetched) -> bool:
    same_place = bool(source.origin) and note.origin == shortened(source.origin)
    same_bytes = source.content.digest.startswith(note.source)
    return (same_place or same_bytes) and note.is_of(standing.size, standing.checksum)


def _stale(standing: Standing | None, content: Content, note: Note) -> Untouched:
    """Say what became of an object that is not what was read any more."""
    if standing is not None and _is_same(standing, content, note):
        # A copy of the same event was faster, or our own write whose answer was lost.
        return Untouched(_SAME, reason=Reason.ALREADY_OPTIMIZED)
    return Untouched(_STALE, reason="stale")


def _is_same(standing: Standing, content: Content, note: Note) -> bool:
    if standing.checksum == _in_base64(bytes.fromhex(content.digest)):
        return True
    # What was sent in parts has a checksum of checksums; its note names the size and the source.
    return standing.note == note and standing.size == content.size


def _written(answer: dict[str, Any]) -> Written:
    # Where the bucket keeps versions, the new object gets a name of its own beside the old one,
    # even if that is from before it did.
    return Written(str(answer["ETag"]), answer.get("VersionId", NO_VERSION) != NO_VERSION)


def _in_base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
