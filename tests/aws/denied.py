"""Preloaded by a Dask worker: one whose role may read nothing."""

from jpegslim.aws.objects import Objects
from jpegslim.aws.troubles import Refused


def fetch(*_, **__):
    raise Refused("access denied: S3 does not allow reading it", reason="access_denied")


Objects.fetch = fetch
