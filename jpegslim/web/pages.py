"""The page and its parts: read once, sent with a digest so that browsers keep what is current."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from jpegslim import viewer
from jpegslim.web.problems import Problem

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page."""

    body: bytes
    media_type: str
    tag: str


def read_assets() -> dict[str, Asset]:
    """Return every part of the page by its name."""
    texts = {
        item.name: item.read_bytes()
        for item in files(__package__).joinpath("static").iterdir()
        if any(item.name.endswith(ending) for ending in _TYPES)
    }
    texts["viewer.js"] = viewer.script().encode()
    texts["viewer.css"] = viewer.stylesheet().encode()
    return {name: _asset(name, body) for name, body in texts.items()}


async def show_page(request: Request) -> Response:
    """Send the page."""
    return _send(request, "index.html")


async def show_asset(request: Request) -> Response:
    """Send a part of the page."""
    return _send(request, request.path_params["name"])


def _send(request: Request, name: str) -> Response:
    asset: Asset | None = request.app.state.assets.get(name)
    if asset is None:
        raise Problem(404, "not_found", "no such page")
    headers = {"Cache-Control": "no-cache", "ETag": asset.tag}
    if request.headers.get("if-none-match") == asset.tag:
        return Response(status_code=304, headers=headers)
    return Response(asset.body, media_type=asset.media_type, headers=headers)


def _asset(name: str, body: bytes) -> Asset:
    ending = name[name.rindex(".") :]
    return Asset(body, _TYPES[ending], f'"{hashlib.sha256(body).hexdigest()[:16]}"')
