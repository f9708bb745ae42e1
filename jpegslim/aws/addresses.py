"""Names of objects and of places for them: `s3://bucket/key`, spelt as S3 spells them."""

import re
from dataclasses import dataclass

from jpegslim.errors import UsageError
from jpegslim.files.selection import picks
from jpegslim.results import Url

SCHEME = "s3://"
# How much of a name that makes no sense is told.
_SHOWN = 60

# What S3 lets a bucket be called today, its older names, and access points' names and ARNs.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{1,254}")
_ACCESS_POINT = re.compile(r"arn:[^:]*:s3[^:]*:[^:]*:[^:]*:accesspoint[/:][^/]+")


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One object, or everything whose key begins like this.

    key: the very characters S3 knows it by; nothing in it is escaped, and no character is special.
    """

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"

    @property
    def url(self) -> Url:
        """The same for a report."""
        return Url(str(self))

    @property
    def name(self) -> str:
        """What stands behind the last slash of the key."""
        return self.key.rpartition("/")[2]

    @property
    def is_named_like_a_photo(self) -> bool:
        """Whether it is called so, be it with a slash behind the name."""
        return picks(Address(self.bucket, self.key.rstrip("/")).name)

    def holds(self, other: "Address") -> bool:
        """Tell whether the other's key begins with this one's, in the same bucket."""
        return self.bucket == other.bucket and other.key.startswith(self.key)

    def below(self, top: "Address", source: "Address") -> "Address":
        """Return where `source`, which `top` holds, has its place below this address."""
        return Address(self.bucket, self.key + source.key.removeprefix(top.key))


def is_address(text: str) -> bool:
    """Tell whether a name is meant to be an object's and not a file's."""
    return text[: len(SCHEME)].lower() == SCHEME


def parse_address(text: str) -> Address:
    """Read `s3://bucket/key`; the key may be empty or end with a slash. Raises UsageError."""
    try:
        return read_address(text)
    except ValueError as error:
        shown = repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."
        raise UsageError(f"{shown} {error}") from error


def read_address(text: str) -> Address:
    """Read the same. Raises ValueError with what is wrong, without the name."""
    rest = text[len(SCHEME) :]
    point = _ACCESS_POINT.match(rest)
    if point is not None:
        bucket, key = point[0], rest[point.end() :].removeprefix("/")
    else:
        bucket, _, key = rest.partition("/")
    if not is_address(text) or (point is None and not _BUCKET.fullmatch(bucket)):
        raise ValueError("names no bucket: write s3://BUCKET/KEY")
    try:
        encoded = key.encode()
    except UnicodeEncodeError as error:
        raise ValueError("is no UTF-8, as the keys of objects are") from error
    # The longest key S3 takes.
    if len(encoded) > 1024:  # noqa: PLR2004
        raise ValueError("is longer than the 1024 bytes that a key may have")
    return Address(bucket, key)


def as_folder(address: Address) -> Address:
    """Return an address whose key, where there is one, ends with a slash."""
    if not address.key or address.key.endswith("/"):
        return address
    return Address(address.bucket, f"{address.key}/")
