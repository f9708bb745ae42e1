"""The picture viewer that the web page and the HTML report share: one custom element.

`<before-after before="…" after="…">` needs `script()` and `stylesheet()`, linked or written into
the page; neither asks for anything else, and both work under a Content-Security-Policy without
'unsafe-inline'.
"""

from importlib.resources import files


def script() -> str:
    """Return the JavaScript that defines the element; a classic script, `</` nowhere in it."""
    return _text("viewer.js")


def stylesheet() -> str:
    """Return the element's CSS; its colours follow the page's `--ba-…` properties where set."""
    return _text("viewer.css")


def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
