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
        self._heeded: set[tuple[str, bool]] = set()
        self._lock = threading.Lock()

    def check(self, address: Address, *, in_parts: bool) -> None:
        """Make sure of it before an object is written there.

        in_parts: services may heed them for writes in one request alone. Raises RunError where
        conditions are ignored. AWS heeds them and is not asked.
        """
        endpoint = self._client.meta.endpoint_url
        if (urlsplit(endpoint).hostname or "").endswith(_AWS):
            return
        with self._lock:
            if (address.bucket, in_parts) in self._heeded:
                return
            try:
                ignored = self._ignores(address, in_parts=in_parts)
            except Refused:
                # Said of the photo itself in a moment, in its own words; the next one is asked.
                return
            if ignored:
                raise RunError(
                    f"{endpoint} ignores the conditions of writes{' in parts' * in_parts}"
                    " (If-Match), so that newer uploads could be lost: use a service that heeds"
                    " them, or give a folder as --output"
                )
            self._heeded.add((address.bucket, in_parts))

    def _ignores(self, address: Address, *, in_parts: bool) -> bool:
        # Beside the photo, where writing is allowed if anywhere.
        folder, slash, _ = address.key.rpartition("/")
        key = f"{folder}{slash}jpegslim-{secrets.token_hex(8)}"
        place = {"Bucket": address.bucket, "Key": key}
        if self._refuses(address, place, in_parts=in_parts):
            return False
        try:
            # Some look at the condition only where there is something to hold it against: then a
            # photo that was deleted may come back, but no upload is lost.
            return not self._refuses(address, place, in_parts=in_parts)
        finally:
            with suppress(ClientError, BotoCoreError):
                self._client.delete_object(**place)

    def _refuses(self, address: Address, place: dict[str, str], *, in_parts: bool) -> bool:
        """Tell whether a write is refused whose condition can't hold."""
        try:
            with translated(address, "writing beside it (s3:PutObject)"):
                if in_parts:
                    self._write_in_parts(place)
                else:
                    self._client.put_object(**place, Body=b"", IfMatch=_NOBODYS)
        except (Overtaken, Untouched, Conflict):
            return True
        return False

    def _write_in_parts(self, place: dict[str, str]) -> None:
        begun = self._client.create_multipart_upload(**place)
        upload = {**place, "UploadId": begun["UploadId"]}
        try:
            part = self._client.upload_part(**upload, PartNumber=1, Body=b"")
            parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
            self._client.complete_multipart_upload(
                **upload, IfMatch=_NOBODYS, MultipartUpload={"Parts": parts}
            )
        except BaseException:
            with suppress(ClientError, BotoCoreError):
                self._client.abort_multipart_upload(**upload)
            raise
