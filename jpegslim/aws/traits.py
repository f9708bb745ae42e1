"""What an object is besides its bytes, and how all of it is written again.

A write replaces an object whole: whatever is not sent along is lost. So what can't be read or
can't be sent leaves the object untouched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from jpegslim.aws.note import KEY, Note
from jpegslim.aws.troubles import Untouched

# Answered by GetObject and HeadObject, taken by PutObject and CreateMultipartUpload.
_SAME = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "StorageClass",
    "WebsiteRedirectLocation",
)
# How the body came over the wire, not what it is; some tools and services leave it there.
_WIRE_ENCODING = "aws-chunked"
_KMS = ("aws:kms", "aws:kms:dsse")
# All keys and values of an object's own metadata together.
_METADATA_BYTES = 2048
# In the order that S3 names them.
_GRANTS = {
    "FULL_CONTROL": "GrantFullControl",
    "READ": "GrantRead",
    "READ_ACP": "GrantReadACP",
    "WRITE_ACP": "GrantWriteACP",
}


@dataclass(frozen=True, slots=True)
class Traits:
    """What survives a rewrite. fields: arguments of PutObject, all but metadata."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    def arguments(self, note: Note) -> dict[str, Any]:
        """Return PutObject's arguments, our note among the metadata where it finds room."""
        metadata = self._others()
        if len(str(note)) <= self.room:
            metadata[KEY] = str(note)
        return {**self.fields, "Metadata": metadata}

    @property
    def room(self) -> int:
        """How many bytes a note may have beside the metadata that is there."""
        used = sum(len(each.encode()) for pair in self._others().items() for each in pair)
        return _METADATA_BYTES - used - len(KEY)

    def _others(self) -> dict[str, str]:
        return {name: text for name, text in self.metadata.items() if name.lower() != KEY}


# Of a photo that was a file.
PLAIN = Traits({"ContentType": "image/jpeg"})


def traits_of(answer: Mapping[str, Any]) -> Traits:
    """Read the traits from what GetObject answered.

    Raises Untouched for what could not be written again as it is.
    """
    if answer.get("MissingMeta"):
        text = "has metadata that S3 itself can't show"
        raise Untouched(text, reason="metadata_unreadable")
    metadata: dict[str, str] = answer.get("Metadata", {})
    if not all(each.isascii() for pair in metadata.items() for each in pair):
        text = "has metadata that is not ASCII and can't be sent again as it is"
        raise Untouched(text, reason="metadata_unreadable")
    fields = {name: answer[name] for name in _SAME if answer.get(name)}
    for name, told in fields.items():
        # It would come back as other bytes, and AWS finds the signature wrong.
        if not told.isascii():
            text = f"has a {name} that is not ASCII and can't be sent again as it is"
            raise Untouched(text, reason="metadata_unreadable")
    encoding = [each.strip() for each in fields.pop("ContentEncoding", "").split(",")]
    kept = ",".join(each for each in encoding if each and each != _WIRE_ENCODING)
    if kept:
        fields["ContentEncoding"] = kept
    if answer.get("ExpiresString"):
        try:
            moment = parsedate_to_datetime(answer["ExpiresString"])
        except (ValueError, OverflowError) as error:
            text = f"has an Expires that is no date: {answer['ExpiresString'][:60]}"
            raise Untouched(text, reason="metadata_unreadable") from error
        # A date without a zone is not meant in that of this machine.
        fields["Expires"] = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Traits({**fields, **_encryption(answer)}, metadata)


def lock_of(answer: Mapping[str, Any]) -> str | None:
    """Say what keeps an object from being deleted, None for nothing."""
    if answer.get("ObjectLockLegalHoldStatus") == "ON":
        return "is under a legal hold (Object Lock): its bytes stay whatever is written over them"
    if answer.get("ObjectLockMode"):
        text = "is locked (Object Lock)"
        until = answer.get("ObjectLockRetainUntilDate")
        if until is not None:
            if until <= datetime.now(UTC):
                # S3 goes on naming a period that is over.
                return None
            text += f" until {until:%Y-%m-%d}"
        return f"{text}: its bytes stay whatever is written over them"
    return None


def tagging(tags: list[dict[str, str]]) -> dict[str, str]:
    """Return PutObject's argument for an object's tags."""
    return {"Tagging": urlencode([(each["Key"], each["Value"]) for each in tags])} if tags else {}


def grants(access: Mapping[str, Any]) -> dict[str, str]:
    """Return PutObject's arguments for an access list; none for one that grants the owner alone.

    Raises Untouched for a grant that can't be sent again.
    """
    owner = access.get("Owner", {}).get("ID")
    given: dict[str, list[str]] = {}
    others = False
    for grant in access.get("Grants", ()):
        who, name = grant["Grantee"], _GRANTS.get(grant["Permission"])
        if not owner and name == "GrantFullControl" and _is_nobody(who):
            # How a service without access lists shows the owner.
            continue
        if who.get("ID"):
            grantee = f'id="{who["ID"]}"'
        elif who.get("URI"):
            grantee = f'uri="{who["URI"]}"'
        else:
            grantee = None
        if name is None or grantee is None:
            text = f"has an access list (ACL) that can't be sent again: {grant['Permission']}"
            raise Untouched(text, reason="access_list")
        others = others or who.get("ID") != owner or name != "GrantFullControl"
        given.setdefault(name, []).append(grantee)
    return {name: ", ".join(given[name]) for name in given} if others else {}


def _is_nobody(grantee: Mapping[str, str]) -> bool:
    return not any(grantee.get(name) for name in ("ID", "URI", "EmailAddress"))


def _encryption(answer: Mapping[str, Any]) -> dict[str, Any]:
    kind = answer.get("ServerSideEncryption")
    if kind is None:
        return {}
    if kind not in _KMS:
        return {"ServerSideEncryption": kind}
    names = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")
    return {name: answer[name] for name in names if answer.get(name) is not None}
