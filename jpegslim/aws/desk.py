"""The HTTP side of the page without a server: `jpegslim.aws.desk.handler`.

One address, `POST /v1/photos`: it hands out a ticket, that is one URL to upload a photo to, and
one each to watch its state and to fetch its result. The bytes go to and from S3 alone. Called by a
function URL or an HTTP API (payload format 2.0); see docs/aws.md.
"""

import base64
import binascii
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from jpegslim.aws.connection import connect_counter, connect_signer
from jpegslim.aws.quota import Limits, Quota
from jpegslim.aws.tickets import Order, Refusal, new_ticket, read_order
from jpegslim.errors import UsageError

PATH = "/v1/photos"
PREFIX = "JPEGSLIM_SITE_"

# To begin an upload in; S3 lets one that has begun go on.
UPLOAD_SECONDS = 300
# For the upload, the work and the download together.
RESULT_SECONDS = 3600
_PREFLIGHT_SECONDS = 7200
_TYPE = "image/jpeg"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteConfiguration:
    """origin: of the page, as browsers name it. largest: bytes that a photo may have."""

    origin: str
    bucket: str
    table: str
    limits: Limits
    largest: int


def read_site(variables: Mapping[str, str]) -> SiteConfiguration:
    """Read the configuration from environment variables. Raises UsageError."""
    missing = [name for name in ("ORIGIN", "BUCKET", "TABLE") if not variables.get(PREFIX + name)]
    if missing:
        raise UsageError(f"{PREFIX}{missing[0]} is not set")
    origin = variables[f"{PREFIX}ORIGIN"]
    parts = urlsplit(origin)
    if origin != f"{parts.scheme}://{parts.netloc}" or parts.scheme not in ("http", "https"):
        raise UsageError(f"{PREFIX}ORIGIN {origin!r} is no origin: write https://HOST")
    return SiteConfiguration(
        origin=origin,
        bucket=variables[f"{PREFIX}BUCKET"],
        table=variables[f"{PREFIX}TABLE"],
        limits=Limits(_count(variables, "HOURLY", 30), _count(variables, "DAILY", 1000)),
        largest=_count(variables, "LARGEST", 25_000_000),
    )


class Desk:
    """Hands out tickets. signer: a client for S3 that signs as browsers need it."""

    def __init__(self, configuration: SiteConfiguration, signer: Any, quota: Quota) -> None:
        self._configuration = configuration
        self._signer = signer
        self._quota = quota

    def serve(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request."""
        try:
            return self._answer(event)
        except Refusal as refusal:
            return self._refused(refusal)
        except (ClientError, BotoCoreError):
            _logger.exception("a ticket could not be made")
            text = "the storage can't be reached now: try again in a minute"
            return self._refused(Refusal(503, "unavailable", text, retry_after=60))
        except Exception:
            # What the API would say instead has no headers that let the page read it.
            _logger.exception("internal error")
            text = "something went wrong on our side: try again in a minute"
            return self._refused(Refusal(500, "internal_error", text, retry_after=60))

    def _answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        request = event["requestContext"]["http"]
        headers = {name.lower(): value for name, value in event.get("headers", {}).items()}
        if event["rawPath"] != PATH:
            raise Refusal(404, "not_found", "no such address")
        # No protection from programs, which say what they like; other pages can't use it.
        if headers.get("origin") != self._configuration.origin:
            raise Refusal(403, "foreign_page", "only the page this belongs to may ask here")
        if request["method"] == "OPTIONS":
            return self._respond(204, None)
        if request["method"] != "POST":
            raise Refusal(405, "method_not_allowed", "only POST is answered here")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refusal(415, "not_json", "the request is application/json")
        order = read_order(_body(event), largest=self._configuration.largest)
        self._quota.take(request["sourceIp"])
        return self._respond(201, self._ticket(order))

    def _ticket(self, order: Order) -> dict[str, Any]:
        ticket, bucket = new_ticket(), self._configuration.bucket
        self._signer.put_object(
            Bucket=bucket,
            Key=ticket.state,
            Body=order.waiting().encode(),
            ContentType="application/json",
            CacheControl="no-store",
        )
        # All of it is signed: S3 takes these very many bytes, of this type, once. A presigned
        # POST could be sent again and again until it expires, each time for another photo.
        upload = {"ContentLength": order.size, "ContentType": _TYPE, "IfNoneMatch": "*"}
        return {
            "id": ticket.id,
            "upload": {
                "url": self._sign("put_object", ticket.upload, UPLOAD_SECONDS, **upload),
                "headers": {"Content-Type": _TYPE, "If-None-Match": "*"},
            },
            "state": self._sign("get_object", ticket.state, RESULT_SECONDS),
            "result": self._sign("get_object", ticket.result, RESULT_SECONDS),
        }

    def _sign(self, operation: str, key: str, seconds: int, **fields: object) -> str:
        url: str = self._signer.generate_presigned_url(
            operation,
            Params={"Bucket": self._configuration.bucket, "Key": key, **fields},
            ExpiresIn=seconds,
        )
        return url

    def _refused(self, refusal: Refusal) -> dict[str, Any]:
        if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
            # An alarm of the template looks for this; whoever was refused is not told of.
            _logger.warning("refused: %s", refusal.reason)
        title = HTTPStatus(refusal.status).phrase
        body = {"status": refusal.status, "title": title, "reason": refusal.reason}
        answer = self._respond(refusal.status, {**body, "detail": str(refusal)})
        if refusal.retry_after is not None:
            answer["headers"]["retry-after"] = str(max(1, round(refusal.retry_after)))
        return answer

    def _respond(self, status: int, body: Mapping[str, Any] | None) -> dict[str, Any]:
        headers = {
            "access-control-allow-origin": self._configuration.origin,
            "access-control-allow-methods": "POST",
            "access-control-allow-headers": "content-type",
            "access-control-expose-headers": "retry-after",
            "access-control-max-age": str(_PREFLIGHT_SECONDS),
            "vary": "origin",
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        if body is None:
            return {"statusCode": status, "headers": headers}
        headers["content-type"] = "application/json"
        return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


def handler(event: Any, _: Any) -> dict[str, Any]:
    """Answer one HTTP request."""
    return _desk().serve(event)


def _body(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(text).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, "bad_body", "the request can't be read") from error


def _count(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(PREFIX + name) or str(default)
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise UsageError(f"{PREFIX}{name} {text!r} is no number above 0")
    return int(text)


@cache
def _desk() -> Desk:
    configuration = read_site(os.environ)
    quota = Quota(connect_counter(), configuration.table, configuration.limits)
    return Desk(configuration, connect_signer(), quota)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    _desk()
