"""What S3 answers when something is wrong, as errors of ours.

Untouched: the object is left alone on purpose (skipped). Unavailable: another attempt may fare
better. Any other FileError is this object's own; RunError would meet every object.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

from jpegslim.aws.addresses import Address
from jpegslim.errors import FileError, RunError


class Untouched(FileError):  # noqa: N818 - read as what it says of the object
    """The object is left as it is, with a reason."""

    reason = "left_alone"


class Unavailable(FileError):  # noqa: N818
    """S3 could not answer now; the same request may succeed later."""

    reason = "unavailable"


class Refused(FileError):  # noqa: N818
    """S3 refuses this request, and would again."""

    reason = "refused"


class Conflict(FileError):  # noqa: N818
    """Somebody else is writing the object at this moment."""

    reason = "conflict"


class Overtaken(FileError):  # noqa: N818
    """The object is no longer, or not yet, what the condition of a write asks for."""

    reason = "overtaken"


# The reason of an Unavailable that came in the middle of a transfer.
INTERRUPTED = "interrupted"

_GONE = {"NoSuchKey", "404", "NotFound", "NoSuchVersion"}
_DENIED = {"AccessDenied", "403", "Forbidden", "AllAccessDisabled", "MethodNotAllowed"}
_OVERTAKEN = {"PreconditionFailed", "412"}
_CONFLICT = {"ConditionalRequestConflict", "OperationAborted", "409"}
_NOT_THERE = {"NotImplemented", "501", "MethodNotAllowed", "405"}
# No other request would fare better.
_HOPELESS = {
    "NoSuchBucket": "there is no such bucket",
    "InvalidBucketName": "there is no such bucket",
    "InvalidAccessKeyId": "the access key is not known: see to your credentials",
    "SignatureDoesNotMatch": "the secret key is wrong: see to your credentials",
    "ExpiredToken": "the credentials have expired: sign in again",
    "ExpiredTokenException": "the credentials have expired: sign in again",
    "InvalidToken": "the session token is not valid: sign in again",
    "TokenRefreshRequired": "the credentials have expired: sign in again",
    "RequestTimeTooSkewed": "this machine's clock is wrong by minutes: set it",
    "PermanentRedirect": "the bucket is in another region: give --region",
    "AuthorizationHeaderMalformed": "the bucket is in another region: give --region",
    "IllegalLocationConstraintException": "the bucket is in another region: give --region",
}
_BUSY = {
    "SlowDown",
    "ServiceUnavailable",
    "InternalError",
    "RequestTimeout",
    "RequestTimeoutException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "BandwidthLimitExceeded",
    # Bytes that changed on the way.
    "BadDigest",
    "IncompleteBody",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
    # Parts that a rule of the bucket cleared away meanwhile, or that were put together by a
    # request whose answer was lost: what stands there then is seen by the next attempt.
    "NoSuchUpload",
}
_SERVER_ERROR = 500


@contextmanager
def translated(address: Address, doing: str) -> Iterator[None]:
    """Turn what boto3 raises into errors of ours. doing: completes "S3 refused ...".

    Raises Untouched for an object that is gone or archived, Overtaken and Conflict for a write
    whose condition does not hold, Refused with the reason "access_denied" where a permission is
    missing, Unavailable for what may pass, RunError for what would meet every object.
    """
    try:
        yield
    except ClientError as error:
        raise _meaning(error, address, doing) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        text = "no AWS credentials were found: sign in, set AWS_PROFILE or give --profile"
        raise RunError(text) from error
    except ParamValidationError as error:
        raise Refused(f"S3 can't take {doing}: {_plain(error)}") from error
    except (HTTPClientError, IncompleteReadError, FlexibleChecksumError) as error:
        text = f"the transfer broke off: {_plain(error)}"
        raise Unavailable(text, reason=INTERRUPTED) from error
    except (EndpointConnectionError, ConnectTimeoutError) as error:
        scheme, host, *_ = urlsplit(str(error.kwargs.get("endpoint_url", "")))
        text = f"S3 can't be reached at {scheme}://{host}: see to the network and --endpoint-url"
        raise RunError(text) from error
    except BotoCoreError as error:
        raise RunError(f"S3 can't be used: {_plain(error)}") from error


def code_of(error: ClientError) -> tuple[str, int]:
    """Return S3's code for an error and the HTTP status it came with."""
    answer: dict[str, Any] = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    return code, int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_missing_feature(error: ClientError) -> bool:
    """Tell whether the service does not know this kind of request at all."""
    code, status = code_of(error)
    return code in _NOT_THERE or status in (405, 501)


def _meaning(error: ClientError, address: Address, doing: str) -> Exception:
    code, status = code_of(error)
    said = str(error.response.get("Error", {}).get("Message", "")).strip()
    if code in _HOPELESS:
        return RunError(f"s3://{address.bucket}: {_HOPELESS[code]}")
    meaning: Exception
    if code in _GONE:
        meaning = Untouched("is not there any more", reason="gone")
    elif code == "InvalidObjectState":
        meaning = Untouched("is archived: restore it first", reason="archived")
    elif code == "InvalidRequest" and "encrypt" in said.lower():
        text = "is encrypted with a key that S3 does not have (SSE-C)"
        meaning = Untouched(text, reason="customer_key")
    elif code in _OVERTAKEN:
        meaning = Overtaken("was replaced by somebody else")
    elif code in _CONFLICT:
        meaning = Conflict("is being written by somebody else")
    elif code in _DENIED:
        text = f"access denied: S3 does not allow {doing}"
        meaning = Refused(text, reason="access_denied")
    elif code in _BUSY or status >= _SERVER_ERROR:
        meaning = Unavailable(f"S3 is too busy or out of order: {code or status}")
    else:
        words = f"{code}: {said}" if said and said != "None" else code or f"HTTP {status}"
        meaning = Refused(f"S3 refuses {doing}: {words}")
    return meaning


def _plain(error: Exception) -> str:
    """Return one line; the library's own texts run over several."""
    return " ".join(str(error).split())
