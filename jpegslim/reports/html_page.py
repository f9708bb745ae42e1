"""The parts of the HTML report that stand still: one file, nothing fetched, little allowed."""

import base64
import hashlib
from importlib.resources import files

from jpegslim import viewer
from jpegslim.reports.html_gallery import Shown
from jpegslim.reports.html_rows import script_json

_PARTS = "page"


def opening(run: dict[str, object]) -> str:
    """Return the page up to where its rows begin, one a line."""
    styles = [_text("report.css"), viewer.stylesheet()]
    scripts = [viewer.script(), _text("report.js")]
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(styles, scripts)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            "<title>jpegslim report</title>",
            *(f"<style>{style}</style>" for style in styles),
            *(f"<script>{script}</script>" for script in scripts),
            "</head>",
            _text("report.html").rstrip(),
            _data("data-run", script_json(run)),
            # Left open until the run ends: what a killed run leaves is a page with its rows so far.
            '<script type="application/json" id="data-rows">',
            "",
        )
    )


def closing(totals: dict[str, object], shown: list[Shown]) -> str:
    """Return the page from where its rows end."""
    items = [
        {
            "row": item.row,
            "kinds": item.kinds,
            "media_type": item.view.media_type,
            "thumbnail": f"data:image/jpeg;base64,{_base64(item.view.thumbnail)}",
            "tile": [
                item.view.tile.x,
                item.view.tile.y,
                item.view.tile.width,
                item.view.tile.height,
            ],
        }
        for item in shown
    ]
    views = (
        _data(f"data-{which}-{item.row}", _base64(data), media_type="text/plain")
        for item in shown
        for which, data in (("before", item.view.before), ("after", item.view.after))
    )
    return "\n".join(
        (
            "</script>",
            _data("data-totals", script_json(totals)),
            _data("data-gallery", script_json(items)),
            *views,
            "</body>",
            "</html>",
            "",
        )
    )


def _policy(styles: list[str], scripts: list[str]) -> str:
    """Return a Content-Security-Policy that runs what is in the page and fetches nothing.

    Pictures may be embedded, or stand beside the page.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hashes(scripts)}",
            f"style-src {_hashes(styles)}",
            "img-src 'self' file: data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hashes(texts: list[str]) -> str:
    return " ".join(f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'" for text in texts)


def _data(name: str, text: str, *, media_type: str = "application/json") -> str:
    return f'<script type="{media_type}" id="{name}">{text}</script>'


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _text(name: str) -> str:
    return files("jpegslim.reports").joinpath(_PARTS, name).read_text(encoding="utf-8")
