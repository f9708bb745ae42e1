"""The one client for S3, made as other S3 tools are told to."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from jpegslim.errors import UsageError
from jpegslim.version import VERSION

# Each with a growing pause before it.
_ATTEMPTS = 5
_CONNECT_SECONDS = 10.0
_READ_SECONDS = 60.0
# Where a visitor waits for the answer.
_QUICK_SECONDS = 5.0


def connect(
    *,
    endpoint_url: str | None = None,
    profile: str | None = None,
    region: str | None = None,
    transfers: int = 10,
) -> Any:
    """Return a client that many threads may use at once.

    endpoint_url: of another service that speaks S3; profile, region: as for the AWS CLI; what is
    None comes from the environment and the user's AWS configuration. transfers: how many requests
    may be on their way together.

    Raises UsageError where these make no sense.
    """
    try:
        session = boto3.session.Session(profile_name=profile, region_name=region)
        return session.client(
            "s3",
            endpoint_url=endpoint_url,
            config=Config(
                retries={"mode": "standard", "max_attempts": _ATTEMPTS},
                max_pool_connections=transfers,
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                # The bucket stands in the path at an address of one's own, where the configuration
                # does not say otherwise: botocore sees to that.
                user_agent_extra=f"jpegslim/{VERSION}",
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise UsageError(" ".join(str(error).split())) from error


def connect_service(
    name: str,
    *,
    endpoint_url: str | None = None,
    profile: str | None = None,
    region: str | None = None,
) -> Any:
    """Return a client for another service than S3's objects, as `connect` does.

    name: as boto3 calls it, "s3control" or "cloudformation". Raises UsageError.
    """
    try:
        session = boto3.session.Session(profile_name=profile, region_name=region)
        return session.client(
            name,
            endpoint_url=endpoint_url,
            config=Config(
                retries={"mode": "standard", "max_attempts": _ATTEMPTS},
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                user_agent_extra=f"jpegslim/{VERSION}",
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise UsageError(" ".join(str(error).split())) from error


def connect_signer(*, endpoint_url: str | None = None) -> Any:
    """Return a client for S3 whose presigned URLs browsers can use, in every region.

    They name the bucket's own regional host, which answers preflights where the global one
    redirects them.
    """
    style = "virtual" if endpoint_url is None else "path"
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint_url,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": style, "us_east_1_regional_endpoint": "regional"},
            connect_timeout=_QUICK_SECONDS,
            read_timeout=_QUICK_SECONDS,
        ),
    )


def connect_counter(*, endpoint_url: str | None = None) -> Any:
    """Return a client for DynamoDB that somebody waits for."""
    return boto3.session.Session().client(
        "dynamodb",
        endpoint_url=endpoint_url,
        config=Config(connect_timeout=_QUICK_SECONDS, read_timeout=_QUICK_SECONDS),
    )
