"""A real browser on the pages we write; tests skip where there is none."""

import os
import shutil

import pytest

# For a first start on a busy machine.
PATIENCE = 60_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def chromium():
    """The system's Chromium, for a module: two drivers can't be at work at once."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip)")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("needs Chromium (apt install chromium)")
    # Chromium refuses its sandbox to root, as in containers.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """Return a function that opens an address, and fails the test for what goes wrong in there.

    Errors and warnings on the console count, and every request beyond files and embedded data.
    expecting: what the browser itself will complain of.
    """
    contexts, troubles, expected = [], [], []

    def note(request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            troubles.append(f"asked for {request.url}")

    def open_page(address, *, expecting=None, **options):
        expected.append(expecting)
        context = chromium.new_context(**options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("request", note)
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on(
            "console",
            lambda message: (
                message.type in ("error", "warning")
                and troubles.append(f"{message.type}: {message.text}")
            ),
        )
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [
        each for each in troubles if not any(word in each for word in filter(None, expected))
    ] == []
