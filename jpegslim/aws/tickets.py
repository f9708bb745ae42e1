"""What the page, its two functions and the bucket agree on: a ticket for each photo.

A ticket is three objects under one random id: what is uploaded, its result, and the state that
the page watches. Nothing that a client says becomes part of a key.
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from jpegslim.settings import PRESETS, Metadata, Settings

UPLOADS = "uploads/"
RESULTS = "results/"
STATES = "states/"

WAITING = "waiting"

_ID_BYTES = 16
_ID = re.compile(r"[0-9a-f]{32}")
# What a page asks is a line; nothing longer is read.
_LONGEST_REQUEST = 1024


class Refusal(Exception):  # noqa: N818 - an answer, like any other
    """A request that is not served. reason: a stable code; retry_after: in seconds."""

    def __init__(
        self, status: int, reason: str, words: str, *, retry_after: float | None = None
    ) -> None:
        super().__init__(words)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Ticket:
    """One photo's place in the bucket."""

    id: str

    @property
    def upload(self) -> str:
        """The key of what is uploaded."""
        return UPLOADS + self.id

    @property
    def result(self) -> str:
        """The key of the result."""
        return RESULTS + self.id

    @property
    def state(self) -> str:
        """The key of what the page watches."""
        return STATES + self.id


def new_ticket() -> Ticket:
    """Return a ticket that nobody can guess."""
    return Ticket(secrets.token_hex(_ID_BYTES))


def ticket_of(key: str) -> Ticket | None:
    """Return the ticket that an upload's key belongs to, None for any other key."""
    name = key.removeprefix(UPLOADS)
    return Ticket(name) if name != key and _ID.fullmatch(name) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for a photo. size: of the upload, to the byte."""

    size: int
    quality: str = "high"
    metadata: Metadata = Metadata.KEEP
    baseline: bool = False

    def settings(self, *, max_megapixels: float) -> Settings:
        """Return what the engine is to do."""
        return Settings(
            target=PRESETS[self.quality],
            metadata=self.metadata,
            progressive=not self.baseline,
            max_megapixels=max_megapixels,
        )

    def waiting(self) -> str:
        """Return the state of a ticket whose photo is still to come."""
        return json.dumps({"state": WAITING, "order": asdict(self)})

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Self | None:
        """Return the order of a ticket that waits, None for one that is done with."""
        if state.get("state") != WAITING:
            return None
        order = state["order"]
        return cls(**{**order, "metadata": Metadata(order["metadata"])})


def read_order(body: bytes, *, largest: int) -> Order:
    """Read what a page asks for, a JSON object. largest: bytes that an upload may have.

    Raises Refusal with the status 400, or 413 for a photo that is too large.
    """
    if len(body) > _LONGEST_REQUEST:
        raise Refusal(400, "bad_body", f"the request is longer than {_LONGEST_REQUEST} bytes")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "bad_body", "the request is no JSON") from error
    if not isinstance(given, dict):
        raise Refusal(400, "bad_body", "the request is a JSON object")
    unknown = sorted(set(given) - {"size", "quality", "metadata", "baseline"})
    if unknown:
        raise Refusal(400, "unknown_parameter", f"unknown member {unknown[0]!r}")
    size = given.get("size")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise Refusal(400, "bad_parameter", "size is the number of the photo's bytes")
    if size > largest:
        # Nothing is said of the size itself: a number that JSON may spell can be no float's.
        text = f"the photo is too large: this page takes up to {largest / 1e6:g} MB"
        raise Refusal(413, "too_large", text)
    quality, metadata, baseline = (
        given.get(name, default)
        for name, default in (("quality", "high"), ("metadata", "keep"), ("baseline", False))
    )
    if not isinstance(quality, str) or quality not in PRESETS:
        raise Refusal(400, "bad_parameter", f"quality is one of {', '.join(PRESETS)}")
    if not isinstance(metadata, str) or metadata not in set(Metadata):
        raise Refusal(400, "bad_parameter", f"metadata is one of {', '.join(Metadata)}")
    if not isinstance(baseline, bool):
        raise Refusal(400, "bad_parameter", "baseline is true or false")
    return Order(size=size, quality=quality, metadata=Metadata(metadata), baseline=baseline)
