"""Whether a service heeds the conditions of writes at all.

One that does not know a header ignores it: every photo would be written whatever stands there, and
nobody would be told whose upload it cost.
"""

import secrets
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from jpegslim.aws.addresses import Address
from jpegslim.aws.troubles import Conflict, Overtaken, Refused, Untouched, translated
from jpegslim.errors import RunError

_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
_NOBODYS = '"00000000000000000000000000000000"'


class Conditions:
    """Asks once for each bucket, with a write that must not happen. From any thread."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._heeded: set[str] = set()
        self._lock = threading.Lock()

    def check(self, address: Address) -> None:
        """Make sure of it before an object is written there.

        Raises RunError where conditions are ignored. AWS heeds them and is not asked.
        """
        with self._lock:
            if address.bucket in self._heeded:
                return
            endpoint = self._client.meta.endpoint_url
            if not (urlsplit(endpoint).hostname or "").endswith(_AWS) and self._ignores(address):
                raise RunError(
                    f"{endpoint} ignores the conditions of writes (If-Match): newer uploads could"
                    " be lost; use a service that heeds them, or --output with a local folder"
                )
            self._heeded.add(address.bucket)

    def _ignores(self, address: Address) -> bool:
        # Beside the photo, where writing is allowed if anywhere.
        folder = address.key.rpartition("/")[0]
        key = f"{folder}/" * bool(folder) + f"jpegslim-{secrets.token_hex(8)}"
        place = {"Bucket": address.bucket, "Key": key}
        try:
            with translated(address, "writing it (s3:PutObject)"):
                self._client.put_object(**place, Body=b"", IfMatch=_NOBODYS)
        except (Overtaken, Untouched, Conflict):
            return False
        except Refused:
            # It will be said of the photo itself, in its own words.
            return False
        with suppress(ClientError, BotoCoreError):
            self._client.delete_object(**place)
        return True
