"""The page without a server as somebody uses it, in Debian's chromium.

The page, the function's HTTP side and the bucket each have an origin of their own, as deployed.
"""

import json
import shutil
import time
from pathlib import Path

import pytest
from site_parts import Bridge, allow_page, api_server, load_publisher, make_table, page_server

import jpegslim
from jpegslim.aws import desk, uploads
from jpegslim.aws.connection import connect

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("needs chromium, as Debian packages it", allow_module_level=True)

expect = playwright.expect
# A first start of the browser and of a worker on a busy machine.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
LARGEST = 1_000_000
LINE = "#single-view [role=slider]"


class Bucket:
    """A bucket that lives as long as this module."""

    def __init__(self, endpoint, name):
        self.client, self.name = connect(endpoint_url=endpoint, transfers=30), name
        self.endpoint = endpoint
        self.client.create_bucket(Bucket=name)

    def stored(self):
        listed = self.client.list_objects_v2(Bucket=self.name)
        return [each["Key"] for each in listed.get("Contents", ())]

    def get(self, key):
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()


class Deployed:
    """The whole stack on loopback: its origins, its bucket for photos, its limits."""

    def __init__(self, weed, moto, patch, folder):
        self.publisher = load_publisher()
        self.photos, page = Bucket(weed, "page-of-photos"), Bucket(weed, "page-itself")
        make_table("visitors-of-page", moto)
        page_side, api_side = page_server(page), api_server(lambda event: desk.handler(event, None))
        self.servers = [page_side, api_side]
        self.url, self.endpoint = page_side.origin, api_side.origin
        allow_page(self.photos, self.url)
        for name, value in {
            "AWS_ENDPOINT_URL_S3": weed,
            "AWS_ENDPOINT_URL_DYNAMODB": moto,
            "JPEGSLIM_SITE_ORIGIN": self.url,
            "JPEGSLIM_SITE_BUCKET": self.photos.name,
            "JPEGSLIM_SITE_TABLE": "visitors-of-page",
            "JPEGSLIM_SITE_LARGEST": str(LARGEST),
            "JPEGSLIM_SITE_HOURLY": "1000",
        }.items():
            patch.setenv(name, value)
        desk._desk()
        for name in ("ORIGIN", "BUCKET", "TABLE", "LARGEST", "HOURLY"):
            patch.delenv(f"JPEGSLIM_SITE_{name}")
        patch.setattr(uploads, "own_folder", lambda: folder)
        self.bridge = Bridge(self.photos, uploads.handler)
        self.publisher.publish(
            page.client,
            self.publisher.Site(
                bucket=page.name, endpoint=self.endpoint, photos_origin=weed, largest=LARGEST
            ),
        )

    def stop(self):
        self.bridge.stop()
        for server in self.servers:
            server.stop()
        uploads._studio().close()
        for cached in (desk._desk, uploads._studio, uploads._teller):
            cached.cache_clear()


@pytest.fixture(scope="module")
def deployed(weed, moto, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        running = Deployed(weed, moto, patch, tmp_path_factory.mktemp("studio"))
        yield running
        running.stop()
        assert running.bridge.troubles == []


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        # Containers run as root, which chromium's own sandbox refuses.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, deployed):
    """Return a function that opens the page; afterwards nothing may have been complained about.

    Neither on the console, nor may anything have been asked of an origin but the three.
    """
    origins = (deployed.url, deployed.endpoint, deployed.photos.endpoint, "blob:", "data:")
    opened, complaints, elsewhere = [], [], []

    def open_page(*, expecting=(), **options):
        context = browser.new_context(accept_downloads=True, **options)
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)

        def note(text):
            if not any(words in text for words in expecting):
                complaints.append(text)

        page.on("console", lambda said: said.type in ("error", "warning") and note(said.text))
        page.on("pageerror", lambda error: note(str(error)))
        page.on(
            "request",
            lambda asked: asked.url.startswith(origins) or elsewhere.append(asked.url),
        )
        page.goto(deployed.url)
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_page
    for context in opened:
        context.close()
    assert complaints == []
    assert elsewhere == []


def drop(page, files):
    """Drop files on the page as a browser tells of it; `files`: bytes by name."""
    transfer = page.evaluate_handle(
        """files => {
            const transfer = new DataTransfer();
            for (const [name, bytes] of files) {
                transfer.items.add(new File([new Uint8Array(bytes)], name, {type: "image/jpeg"}));
            }
            return transfer;
        }""",
        [[name, list(data)] for name, data in files.items()],
    )
    page.dispatch_event("#dropzone", "drop", {"dataTransfer": transfer})


def finished(page):
    page.wait_for_selector("#single-download:visible")
    expect(page.locator("#single-working")).to_be_hidden()


def told(page):
    message = page.locator("#single-message.error")
    message.wait_for()
    return message.inner_text()


def test_a_dropped_photo_is_shown_beside_itself_and_can_be_downloaded(visit, deployed, photo):
    page = visit(viewport={"width": 1000, "height": 900})
    before = set(deployed.photos.stored())
    data = photo(0, size=(900, 500))
    drop(page, {"lavender.jpg": data})
    finished(page)
    expect(page.locator(LINE)).to_be_visible()
    with page.expect_download() as waiting:
        page.click("#single-download")
    saved = Path(waiting.value.path()).read_bytes()
    assert waiting.value.suggested_filename == "lavender.jpg"
    new = set(deployed.photos.stored()) - before
    (result,) = (key for key in new if key.startswith("results/"))
    (state,) = (json.loads(deployed.photos.get(key)) for key in new if key.startswith("states/"))
    # What the page shows, the bucket holds, and the library makes.
    assert saved == deployed.photos.get(result) == jpegslim.optimize(data).data
    assert len(saved) == state["bytes_out"] < len(data)
    figures = page.locator("#single-figures")
    expect(figures).to_contain_text(f"{len(saved) / 1000:.1f} kB")
    expect(figures).to_contain_text(f"{state['score']:.1f}")
    assert not any("lavender" in key for key in new)


def test_the_line_moves_and_the_worst_spot_is_shown(visit, photo):
    page = visit(viewport={"width": 1000, "height": 900})
    drop(page, {"a.jpg": photo(1, size=(900, 500))})
    finished(page)
    line = page.locator(LINE)
    line.focus()
    page.keyboard.press("End")
    expect(line).to_have_attribute("aria-valuenow", "100")
    page.get_by_role("button", name="Worst spot").click()
    expect(page.locator("#single-view .ba-outline")).to_be_visible()


def test_another_preset_is_another_upload_and_is_remembered(visit, deployed, photo):
    page = visit()
    drop(page, {"a.jpg": photo(2)})
    finished(page)
    before = len(deployed.photos.stored())
    page.locator("input[value=small]").check(force=True)
    expect(page.locator("[data-size=small]")).not_to_be_empty()
    assert len(deployed.photos.stored()) == before + 3
    page.locator("input[value=high]").check(force=True)
    expect(page.locator("#single-working")).to_be_hidden()
    assert len(deployed.photos.stored()) == before + 3


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xd8" + bytes(LARGEST), "This photo has 1.0 MB: this page takes up to 1.0 MB."),
        (b"GIF89a" + bytes(100), "This is not a JPEG."),
        (b"", "This is not a JPEG."),
    ],
    ids=["large", "other", "empty"],
)
def test_what_could_not_be_taken_is_refused_before_anything_is_sent(visit, deployed, data, words):
    page = visit()
    before = deployed.photos.stored()
    drop(page, {"a.jpg": data})
    assert told(page) == words
    expect(page.locator("#single-download")).to_be_hidden()
    assert deployed.photos.stored() == before


def test_a_broken_photo_is_told_in_words_and_the_next_one_works(visit, photo):
    page = visit()
    drop(page, {"a.jpg": photo(3)[:3000]})
    words = told(page)
    assert words.endswith(".")
    assert "{" not in words
    expect(page.locator("#single-download")).to_be_hidden()
    page.click("#single-again")
    drop(page, {"b.jpg": photo(3)})
    finished(page)


def test_a_visitor_who_sent_enough_is_told_so(visit, deployed, photo, monkeypatch):
    page = visit(expecting=("429",))
    quota = desk._desk()._quota
    monkeypatch.setattr(quota, "_limits", desk.Limits(hourly=1, daily=1000))
    # An hour in which no other test sent anything.
    monkeypatch.setattr(quota, "_clock", lambda: time.time() + 30 * 24 * 3600)
    drop(page, {"a.jpg": photo(4)})
    finished(page)
    page.click("#single-again")
    drop(page, {"b.jpg": photo(4)})
    assert told(page).startswith("This page takes 1 photo an hour from one visitor: try again in ")


def test_an_upload_that_begins_too_late_is_told_so(visit, photo, monkeypatch):
    page = visit(expecting=("403",))
    monkeypatch.setattr(desk, "UPLOAD_SECONDS", 1)

    def hold(route):
        if route.request.method == "PUT":
            time.sleep(2.1)
        route.continue_()

    page.route("**/uploads/*", hold)
    drop(page, {"a.jpg": photo(5)})
    assert told(page) == "The upload was refused, as it began too late. Try once more."


def test_an_upload_whose_answer_was_lost_is_not_lost(visit, photo):
    page = visit(expecting=("ERR_FAILED", "412"))
    lost = []

    def lose(route):
        if route.request.method == "PUT" and not lost:
            lost.append(route.fetch().status)
            route.abort()
        else:
            route.continue_()

    page.route("**/uploads/*", lose)
    drop(page, {"a.jpg": photo(6)})
    finished(page)
    assert lost == [200]


@pytest.mark.parametrize("part", ["states", "results"])
def test_a_gap_in_the_network_costs_no_second_upload(visit, deployed, photo, part):
    page = visit(expecting=("ERR_FAILED", "503"))
    missed = []

    def miss(route):
        if len(missed) < 3:
            missed.append(route.request.url)
            # Out of reach, and out of order.
            route.abort() if len(missed) < 3 else route.fulfill(status=503, body="<Error/>")
        else:
            route.continue_()

    page.route(f"**/{part}/*", miss)
    before = len(deployed.photos.stored())
    drop(page, {"a.jpg": photo(9 if part == "states" else 10)})
    finished(page)
    assert len(missed) == 3
    assert len(deployed.photos.stored()) == before + 3


def test_a_network_that_stays_away_is_told(visit, photo):
    page = visit(expecting=("ERR_FAILED",))
    faster = "wait => (call, ms) => wait(call, ms / 50)"
    page.evaluate(f"() => {{ window.setTimeout = ({faster})(window.setTimeout); }}")
    missed = []
    page.route("**/states/*", lambda route: missed.append(1) or route.abort())
    drop(page, {"a.jpg": photo(11)})
    assert told(page) == ("The connection broke off while the photo was worked on. Try once more.")
    assert len(missed) == 9
    expect(page.locator("#single-download")).to_be_hidden()


@pytest.mark.parametrize("readable", [False, True])
def test_a_crowd_that_the_api_turns_away_is_told_so(visit, deployed, photo, readable):
    page = visit(expecting=("429", "ERR_FAILED"))
    before = deployed.photos.stored()

    def throttle(route):
        if readable:
            route.fulfill(status=429, body='{"message":"Too Many Requests"}')
        else:
            # What a page sees of it where no header says that it may read the answer.
            route.abort()

    page.route("**/v1/photos", throttle)
    drop(page, {"a.jpg": photo(12)})
    assert told(page) == (
        "The service can't be reached, or too many ask at this moment. Try again in a minute."
    )
    assert deployed.photos.stored() == before


def test_a_result_that_arrives_incomplete_is_not_handed_out(visit, photo):
    page = visit()

    def cut(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.body()[:-10])

    page.route("**/results/*", cut)
    drop(page, {"a.jpg": photo(7)})
    assert told(page) == "The result arrived incomplete. Try once more."
    expect(page.locator("#single-download")).to_be_hidden()


def test_several_photos_are_for_another_place(visit, photo):
    page = visit()
    drop(page, {"a.jpg": photo(0), "b.jpg": photo(1)})
    expect(page.locator("#notice")).to_contain_text("the service takes 1 at once")
    expect(page.locator("#choose-folder")).to_be_hidden()
    assert page.locator("#files").get_attribute("multiple") is None


def test_an_address_that_is_none_shows_the_page(visit, deployed, photo):
    page = visit(expecting=("404",))
    page.goto(f"{deployed.url}/a/wrong/address")
    page.wait_for_selector("html[data-ready]")
    drop(page, {"a.jpg": photo(8)})
    finished(page)


def test_the_page_says_what_becomes_of_photos(visit):
    page = visit()
    expect(page.locator("#keeping")).to_have_text("Photos and results are deleted within 48 hours.")
    expect(page.locator("#limit")).to_have_text("up to 1 MB")
    expect(page.get_by_text("HTTP interface")).to_have_count(1)
    expect(page.get_by_text("HTTP interface")).to_be_hidden()


def test_the_page_can_ask_nobody_else(visit, deployed):
    page = visit(expecting=("Content Security Policy", "Content-Security-Policy"))
    answer = page.evaluate(
        "address => fetch(address).then(() => 'sent', () => 'blocked')", "http://127.0.0.1:9/x"
    )
    assert answer == "blocked"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone(visit, photo, scheme):
    phone = {"width": 360, "height": 740}
    page = visit(viewport=phone, is_mobile=True, has_touch=True, color_scheme=scheme)
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= phone["width"]
    drop(page, {"a long name of a photo that somebody once gave it, really.jpg": photo(0)})
    finished(page)
    assert page.evaluate(wide) <= phone["width"]
