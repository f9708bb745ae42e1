#!/usr/bin/env python3
"""Put the page without a server into its bucket: `python deploy/aws/publish_site.py STACK`.

STACK is what site.yaml was deployed as. The page is the one that `jpegslim serve` shows, with a
config.json beside it that names the function, and a Content-Security-Policy inside it that lets it
ask there, at the bucket for photos, and nowhere else. Run it again after an upgrade.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

try:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from jpegslim import viewer
    from jpegslim.version import VERSION
except ModuleNotFoundError as missing:
    sys.exit(f"publish_site.py: needs {missing.name}: pip install '.[aws]' in the repository")

CONFIG = "config.json"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
# The lifecycle rule counts a day from the next midnight (UTC) on.
KEEP_SECONDS = 2 * 24 * 3600


class PublishingError(Exception):
    """The page can't be published, in words for whoever publishes it."""


@dataclass(frozen=True)
class Site:
    """Where things are, as the stack's outputs tell. largest: bytes that a photo may have."""

    bucket: str
    endpoint: str
    photos_origin: str
    largest: int
    url: str = ""


def main() -> int:
    """Publish the page of the stack that the arguments name."""
    parser = argparse.ArgumentParser(description="Put the page without a server into its bucket.")
    parser.add_argument("stack", metavar="STACK", help="as site.yaml was deployed")
    parser.add_argument("--region")
    parser.add_argument("--profile")
    options = parser.parse_args()
    try:
        session = boto3.session.Session(profile_name=options.profile, region_name=options.region)
        site = read_stack(session.client("cloudformation"), options.stack)
        publish(session.client("s3"), site)
    except (BotoCoreError, ClientError, PublishingError) as error:
        print(f"publish_site.py: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(f"published at {site.url}")
    return 0


def read_stack(client: Any, name: str) -> Site:
    """Return what a stack's outputs tell.

    Raises PublishingError where there is none of this name, or one of another template.
    """
    try:
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ValidationError":
            raise
        where = client.meta.region_name
        raise PublishingError(f"there is no stack {name!r} in {where}: see --region") from error
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
    try:
        return Site(
            bucket=outputs["PageBucketName"],
            endpoint=outputs["Endpoint"],
            photos_origin=outputs["PhotosOrigin"],
            largest=int(outputs["LargestPhoto"]),
            url=outputs["PageUrl"],
        )
    except KeyError as error:
        raise PublishingError(
            f"the stack {name} has no output {error}: was it deployed from site.yaml, to the end?"
        ) from error


def publish(client: Any, site: Site) -> None:
    """Write the page's objects, what shows them last."""
    for key, body in sorted(page_of(site).items(), key=lambda item: item[0] == "index.html"):
        client.put_object(
            Bucket=site.bucket,
            Key=key,
            Body=body,
            ContentType=TYPES[PurePosixPath(key).suffix],
            # A page whose parts are of two versions would be broken.
            CacheControl="no-cache",
        )


def page_of(site: Site) -> Mapping[str, bytes]:
    """Return the page's objects by their keys."""
    static = files("jpegslim.web").joinpath("static")
    parts = {
        f"static/{each.name}": each.read_bytes()
        for each in static.iterdir()
        if PurePosixPath(each.name).suffix in TYPES
    }
    parts["static/viewer.js"] = viewer.script().encode()
    parts["static/viewer.css"] = viewer.stylesheet().encode()
    page = parts.pop("static/index.html").decode()
    config = {
        "endpoint": site.endpoint,
        "files": 1,
        "file_bytes": site.largest,
        "keep_seconds": KEEP_SECONDS,
        "version": VERSION,
    }
    return {
        **parts,
        "index.html": configured(page, site).encode(),
        CONFIG: json.dumps(config, indent=2).encode(),
    }


def configured(page: str, site: Site) -> str:
    """Return the served page as one that stands in a bucket. Raises PublishingError."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:;"
        f" connect-src 'self' {site.endpoint} {site.photos_origin};"
        " base-uri 'none'; form-action 'none'"
    )
    changes = {
        '<html lang="en">': f'<html lang="en" data-config="/{CONFIG}">',
        '<meta charset="utf-8">': (
            '<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        ),
    }
    for old, new in changes.items():
        if page.count(old) != 1:
            raise PublishingError(f"the page of jpegslim {VERSION} is not the one expected: {old}")
        page = page.replace(old, new)
    return page


if __name__ == "__main__":
    sys.exit(main())
