"""Objects of S3 as sources: listing as it goes, and reading one with all that it is.

`writing` puts them back. Both may be called from many threads at once.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from jpegslim.aws import traits as reading
from jpegslim.aws.addresses import Address
from jpegslim.aws.conditions import Conditions
from jpegslim.aws.content import Content, Shelf
from jpegslim.aws.note import Note, read_note
from jpegslim.aws.traits import PLAIN, Traits
from jpegslim.aws.troubles import (
    INTERRUPTED,
    Refused,
    Unavailable,
    Untouched,
    is_missing_feature,
    translated,
)
from jpegslim.errors import FileError, NotAJpeg, RunError
from jpegslim.files import store
from jpegslim.results import Reason
from jpegslim.settings import Settings

_SOI = b"\xff\xd8"
_PIECE = 1 << 20
# What a worker is given at the most; a file is held to the same.
_LARGEST = 2 << 30
# The version of what was written while the bucket kept none.
NO_VERSION = "null"
# Before an object is read again.
_PAUSES = (0.2, 1.0)
# The most that S3 lists at a time.
PAGE = 1000
_LOOKING = "reading it (s3:GetObject, and s3:ListBucket to tell what is missing)"
_CHECKSUM = "ChecksumSHA256"
_CHECKSUMS = (_CHECKSUM, "ChecksumCRC64NVME", "ChecksumCRC32", "ChecksumCRC32C", "ChecksumSHA1")


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing shows it."""

    address: Address
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What HEAD tells of an object. checksum: of its bytes, base 64, where S3 keeps one."""

    etag: str
    size: int
    note: Note | None
    checksum: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A photo as it was read. versioned: it stays as an older version when replaced.

    name: a Path for one that is a file, which has no ETag ("").
    """

    name: Address | Path
    content: Content
    etag: str
    traits: Traits
    modified: datetime
    versioned: bool

    @property
    def origin(self) -> str:
        """The address it was read from, "" for a file."""
        return str(self.name) if isinstance(self.name, Address) else ""


class Objects:
    """The objects one client can reach.

    shelf: where large ones are kept. largest: bytes; objects of more are not read.
    """

    def __init__(self, client: Any, shelf: Shelf, *, largest: int = _LARGEST) -> None:
        self.client = client
        self.shelf = shelf
        self._largest = min(largest, _LARGEST)
        self.conditions = Conditions(client)
        self._plain: dict[str, bool] = {}
        self._lock = threading.Lock()

    def below(self, prefix: Address) -> Iterator[Listed]:
        """Yield what is stored under keys that begin like this, as the listing goes on.

        Placeholders of folders (empty, keys that end with a slash) are no photos and are left
        out. Raises RunError where the bucket can't be listed.
        """
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=prefix.bucket, Prefix=prefix.key, PaginationConfig={"PageSize": PAGE}
        )
        try:
            with translated(prefix, f"listing {prefix} (s3:ListBucket)"):
                for page in pages:
                    for each in page.get("Contents", ()):
                        if each["Key"].endswith("/") and not each["Size"]:
                            continue
                        yield _listed(prefix.bucket, each)
        except FileError as error:
            raise RunError(f"{prefix}: {error}") from error

    def named(self, address: Address) -> Listed | None:
        """Return the object with exactly this key, None where there is none. Raises RunError."""
        try:
            with translated(address, f"listing {address} (s3:ListBucket)"):
                # Of all keys that begin like this, the one that ends there comes first.
                answer = self.client.list_objects_v2(
                    Bucket=address.bucket, Prefix=address.key, MaxKeys=1
                )
        except FileError as error:
            raise RunError(f"{address}: {error}") from error
        for each in answer.get("Contents", ()):
            if each["Key"] == address.key:
                return _listed(address.bucket, each)
        return None

    def look(self, address: Address) -> Standing | None:
        """Return what stands at an address, None for nothing."""
        place = {"Bucket": address.bucket, "Key": address.key, "ChecksumMode": "ENABLED"}
        try:
            with translated(address, _LOOKING):
                answer = self.client.head_object(**place)
        except Untouched as error:
            if error.reason == "gone":
                return None
            raise
        except Refused:
            # The answer to HEAD has no body to say why: a wrong key and a missing permission look
            # the same. That to GET has.
            with translated(address, _LOOKING):
                self.client.get_object(**place, Range="bytes=0-0")["Body"].close()
            raise
        return Standing(
            answer["ETag"],
            answer["ContentLength"],
            read_note(answer.get("Metadata", {})),
            checksum_of(answer),
        )

    def fetch(
        self,
        address: Address,
        settings: Settings,
        *,
        in_place: bool,
        whatever: bool = False,
        any_result: bool = False,
    ) -> Fetched:
        """Read an object whole, with all that is to survive.

        settings: what is asked for. in_place: it is to be replaced, so what can't be replaced is
        not read, nor one whose metadata says that it is already as asked for or, with any_result,
        that we made it. whatever: read it even where its first bytes are no JPEG's.

        Raises Untouched or NotAJpeg for what is left alone, FileError for other trouble.
        """

        def check(answer: dict[str, Any]) -> None:
            if in_place:
                _check_replaceable(answer, settings, any_result=any_result)

        # The client tries a request again, but not an answer that broke off in the middle.
        for pause in _PAUSES:
            try:
                return self._fetch(address, check, whatever=whatever)
            except Unavailable as error:
                if error.reason != INTERRUPTED:
                    raise
            time.sleep(pause)
        return self._fetch(address, check, whatever=whatever)

    def _fetch(
        self, address: Address, check: Callable[[dict[str, Any]], None], *, whatever: bool
    ) -> Fetched:
        with translated(address, "reading it (s3:GetObject, and kms:Decrypt where encrypted)"):
            # Whatever the user's configuration says of checksums, what arrives is held to them.
            answer = self.client.get_object(
                Bucket=address.bucket, Key=address.key, ChecksumMode="ENABLED"
            )
            with closing(answer["Body"]) as body:
                size = answer["ContentLength"]
                check(answer)
                if size > self._largest:
                    text = f"is too large: {size:,} bytes, and there is room for {self._largest:,}"
                    raise Untouched(text, reason=Reason.TOO_BIG)
                first = body.read(len(_SOI))
                if first != _SOI and not whatever:
                    raise NotAJpeg("is not a JPEG")
                traits = reading.traits_of(answer)
                content = self.shelf.keep(_pieces(first, body), size)
        return Fetched(
            name=address,
            content=content,
            etag=answer["ETag"],
            traits=traits,
            modified=answer["LastModified"],
            versioned=answer.get("VersionId", NO_VERSION) != NO_VERSION,
        )

    def tags(self, address: Address) -> dict[str, str]:
        """Return an object's tags as PutObject takes them.

        TagCount in GetObject's answer is silent where the permission is missing, so tags are
        asked for each time. Raises Untouched where they can't be known.
        """
        doing = "reading its tags (s3:GetObjectTagging)"
        with _denied_means("tags_unreadable"), translated(address, doing):
            try:
                answer = self.client.get_object_tagging(Bucket=address.bucket, Key=address.key)
            except ClientError as error:
                if is_missing_feature(error):
                    return {}
                raise
        return reading.tagging(answer["TagSet"])

    def grants(self, address: Address) -> dict[str, str]:
        """Return an object's access list as PutObject takes it, nothing where there are none.

        Raises Untouched where it can't be known.
        """
        if self._has_no_lists(address.bucket):
            return {}
        doing = "reading its access list (s3:GetObjectAcl)"
        with _denied_means("access_list"), translated(address, doing):
            try:
                answer = self.client.get_object_acl(Bucket=address.bucket, Key=address.key)
            except ClientError as error:
                if is_missing_feature(error):
                    return {}
                raise
        return reading.grants(answer)

    def _has_no_lists(self, bucket: str) -> bool:
        """Tell whether a bucket's objects have no access lists; asked once for each bucket."""
        with self._lock:
            if bucket not in self._plain:
                self._plain[bucket] = self._enforces_owner(bucket)
            return self._plain[bucket]

    def _enforces_owner(self, bucket: str) -> bool:
        try:
            answer = self.client.get_bucket_ownership_controls(Bucket=bucket)
        except (ClientError, BotoCoreError):
            # Not known, not allowed or not there: the objects themselves are asked.
            return False
        rules = answer["OwnershipControls"]["Rules"]
        return any(rule["ObjectOwnership"] == "BucketOwnerEnforced" for rule in rules)


class _denied_means:  # noqa: N801 - reads as a with statement
    """Leave an object untouched where a permission to see what must survive is missing."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Refused) and error.reason == "access_denied":
            raise Untouched(str(error), reason=self._reason) from error


def _check_replaceable(answer: dict[str, Any], settings: Settings, *, any_result: bool) -> None:
    """Raise Untouched where an object need not or can't be replaced."""
    lock = reading.lock_of(answer)
    if lock is not None:
        raise Untouched(lock, reason="locked")
    note = read_note(answer.get("Metadata", {}))
    if (
        note is not None
        and note.is_of(answer["ContentLength"], checksum_of(answer))
        and (note.is_enough(settings) or (any_result and not note.copy))
    ):
        raise Untouched(note.words, reason=Reason.ALREADY_OPTIMIZED)


def checksum_of(answer: Mapping[str, Any]) -> str | None:
    """Return the checksum that S3 keeps of an object's bytes, None for none to compare.

    Of those written in parts with SHA-256, as large ones are here, it keeps a checksum of
    checksums, which tells nothing.
    """
    found = {name: text for name, text in answer.items() if name in _CHECKSUMS}
    ours = found.get(_CHECKSUM)
    if ours is not None:
        return None if "-" in ours else str(ours)
    return next(iter(found.values()), None)


def _listed(bucket: str, entry: dict[str, Any]) -> Listed:
    address = Address(bucket, entry["Key"])
    return Listed(address, entry["Size"], entry["ETag"], entry["LastModified"])


def read_file(path: Path, shelf: Shelf) -> Fetched:
    """Read a file as the source of an object. Raises FileError."""
    data, identity = store.read(path, limit=_LARGEST)
    return Fetched(
        name=path,
        content=shelf.keep([data], len(data)),
        etag="",
        traits=PLAIN,
        modified=datetime.fromtimestamp(identity.mtime_ns / 1e9, UTC),
        versioned=False,
    )


def _pieces(first: bytes, body: Any) -> Iterator[bytes]:
    yield first
    while piece := body.read(_PIECE):
        yield piece
