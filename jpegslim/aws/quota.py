"""How many photos the page takes: for each visitor an hour, and for all of them together a day.

Each count is one item of a DynamoDB table, raised by one conditional write: no two requests can
pass the same limit together, and there is no server to remember anything.
"""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from jpegslim.aws.tickets import Refusal

_HOUR = 3600
_DAY = 24 * _HOUR
# Networks hand a whole /64 to one household: its addresses are one visitor.
_IPV6_PREFIX = 64
_EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Limits:
    """hourly: photos that one visitor may send; daily: photos of all visitors together."""

    hourly: int
    daily: int


class Quota:
    """Counts photos. table: the name of a table with the string key `visitor`."""

    def __init__(
        self, client: Any, table: str, limits: Limits, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._table = table
        self._limits = limits
        self._clock = clock

    def take(self, address: str) -> None:
        """Count one photo of a visitor. address: as the network knows it, never from a header.

        Raises Refusal with the status 429 where a limit is reached.
        """
        hourly, daily = self._limits.hourly, self._limits.daily
        left = self._count(visitor_of(address), _HOUR, hourly)
        if left is not None:
            text = (
                f"this page takes {_photos(hourly)} an hour from one visitor:"
                f" try again in {_minutes(left)}"
            )
            raise Refusal(429, "too_many_photos", text, retry_after=left)
        left = self._count(_EVERYBODY, _DAY, daily)
        if left is not None:
            text = (
                f"this page has had its {_photos(daily)} for today: try again in {_minutes(left)}"
            )
            raise Refusal(429, "too_busy_today", text, retry_after=left)

    def _count(self, name: str, window: int, most: int) -> float | None:
        """Count one; return how long the window still lasts where it is full, else None."""
        now = self._clock()
        number = int(now // window)
        ends = (number + 1) * window
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"visitor": {"S": f"{name} {window} {number}"}},
                UpdateExpression="SET #ends = :ends ADD #photos :one",
                ConditionExpression="attribute_not_exists(#photos) OR #photos < :most",
                ExpressionAttributeNames={"#ends": "ends", "#photos": "photos"},
                ExpressionAttributeValues={
                    ":ends": {"N": str(ends)},
                    ":one": {"N": "1"},
                    ":most": {"N": str(most)},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return ends - now
        return None


def visitor_of(address: str) -> str:
    """Return what a visitor is counted by: an IPv4 address, or the /64 of an IPv6 one."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found.packed, _IPV6_PREFIX), strict=False))
    return str(found)


def _photos(number: int) -> str:
    return "1 photo" if number == 1 else f"{number:,} photos"


def _minutes(seconds: float) -> str:
    if seconds < _HOUR:
        minutes = max(1, round(seconds / 60))
        return "a minute" if minutes == 1 else f"{minutes} minutes"
    hours = round(seconds / _HOUR)
    return "an hour" if hours == 1 else f"{hours} hours"
