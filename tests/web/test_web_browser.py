"""The page as somebody uses it, in Debian's chromium."""

import io
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("needs chromium, as Debian packages it", allow_module_level=True)

expect = playwright.expect
TOKEN = "a token of fair length"  # noqa: S105 - of a service of the test
# A first start of the browser and of a worker on a busy machine.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
LINE = "#single-view [role=slider]"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        # Containers run as root, which chromium's own sandbox refuses.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(launch):
    return launch("--jobs", 2).url


class Watch:
    """What a page said and asked for."""

    def __init__(self, page, url):
        self.complaints = []
        self.elsewhere = []
        self.expected = ()
        page.on("console", lambda said: said.type in ("error", "warning") and self._note(said.text))
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on(
            "request",
            lambda request: (
                request.url.startswith((url, "blob:", "data:"))
                or self.elsewhere.append(request.url)
            ),
        )

    def _note(self, text):
        if not any(words in text for words in self.expected):
            self.complaints.append(text)


@pytest.fixture
def visit(browser, url):
    """Return a function that opens the page; afterwards nothing may have been complained about."""
    opened = []

    def open_page(*, at=url, ready=True, **options):
        context = browser.new_context(accept_downloads=True, **options)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("dialog", lambda dialog: dialog.accept())
        page.watch = Watch(page, at)
        opened.append((context, page))
        page.goto(f"{at}/")
        if ready:
            page.wait_for_selector("html[data-ready]")
        return page

    yield open_page
    for context, page in opened:
        context.close()
        assert page.watch.complaints == []
        assert page.watch.elsewhere == []


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
    page.dispatch_event("#dropzone", "dragenter", {"dataTransfer": transfer})
    expect(page.locator("#dropzone")).to_have_class("drop over")
    page.dispatch_event("#dropzone", "drop", {"dataTransfer": transfer})


def write_tree(top, photo, *, number, broken=()):
    for each in range(number):
        data = photo(each, size=(240, 180))
        path = top / f"day {each % 2}" / f"{each:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data[:3000] if each in broken else data)
    return top


def test_a_dropped_photo_is_shown_beside_itself_and_can_be_downloaded(visit, photo):
    page = visit(viewport={"width": 1000, "height": 900})
    data = photo(0, size=(900, 500))
    drop(page, {"lavender.jpg": data})
    with page.expect_download() as waiting:
        page.click("#single-download:visible")
    saved = Path(waiting.value.path()).read_bytes()
    assert waiting.value.suggested_filename == "lavender.jpg"
    assert len(saved) < len(data)
    with Image.open(io.BytesIO(saved)) as picture:
        assert picture.size == (900, 500)
    expect(page.locator("#single-figures")).to_contain_text("Score")
    expect(page.locator("#single-view .ba-zoom")).to_have_text("100%")


def test_the_line_moves_with_the_mouse_and_uncovers_the_original(visit, photo):
    page = visit(viewport={"width": 1000, "height": 900})
    drop(page, {"a.jpg": photo(0, size=(900, 500))})
    page.wait_for_selector("#single-download:visible")
    line = page.locator(LINE)
    page.locator("#single-view .ba-stage").scroll_into_view_if_needed()
    knob = page.locator("#single-view .ba-knob").bounding_box()
    middle = (knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2)
    before = page.locator("#single-view img").nth(1).evaluate("image => image.style.clipPath")
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 200, middle[1], steps=5)
    page.mouse.up()
    assert int(line.get_attribute("aria-valuenow")) > 60
    after = page.locator("#single-view img").nth(1).evaluate("image => image.style.clipPath")
    assert after != before


def test_another_preset_makes_another_file_and_the_first_is_kept(visit, photo):
    page = visit()
    drop(page, {"a.jpg": photo(1)})
    page.wait_for_selector("[data-size=high]:not(:empty)")
    first = page.locator("#single-view").get_attribute("after")
    page.locator("input[value=small]").check(force=True)
    page.wait_for_selector("[data-size=small]:not(:empty)")
    assert page.locator("#single-view").get_attribute("after") != first
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.locator("input[value=high]").check(force=True)
    expect(page.locator("#single-view")).to_have_attribute("after", first)
    assert not any("/v1/" in asked for asked in requests)


def test_the_flicker_swaps_the_two_in_place(visit, photo):
    page = visit()
    drop(page, {"a.jpg": photo(0)})
    page.wait_for_selector("#single-download:visible")
    button = page.get_by_role("button", name="Flicker")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".ba-tag-after").first).to_be_visible()
    expect(page.locator(".ba-tag-after").first).to_be_hidden()
    button.click()
    expect(page.locator(".ba-tag-before").first).to_be_visible()
    expect(page.locator(".ba-tag-after").first).to_be_visible()


def test_without_wish_for_motion_the_flicker_swaps_only_when_asked(visit, photo):
    page = visit(reduced_motion="reduce")
    drop(page, {"a.jpg": photo(0)})
    page.wait_for_selector("#single-download:visible")
    page.get_by_role("button", name="Flicker").click()
    expect(page.locator(".ba-tag-after").first).to_be_hidden()
    page.wait_for_timeout(1500)
    expect(page.locator(".ba-tag-after").first).to_be_hidden()


def test_a_broken_photo_is_told_in_plain_words(visit, photo):
    page = visit()
    # chromium itself says that a request was refused.
    page.watch.expected = ("422",)
    drop(page, {"broken.jpg": photo(0)[:4000]})
    expect(page.locator("#single-message")).to_contain_text("truncated")
    expect(page.locator("#single-download")).to_be_hidden()


def test_twenty_photos_with_a_broken_one_become_a_zip(visit, photo, tmp_path):
    page = visit()
    tree = write_tree(tmp_path / "trip", photo, number=20, broken={7})
    (tree / "notes.txt").write_text("not a photo")
    page.set_input_files("#folder", tree)
    expect(page.locator("#batch-title")).to_have_text("20 photos done")
    expect(page.locator("#batch-figures")).to_contain_text("Failed")
    expect(page.locator("#notice")).to_contain_text("1 file left out")
    page.click("[data-filter=failed]")
    expect(page.locator(".row:visible")).to_have_count(1)
    expect(page.locator(".row:visible .row-message")).to_contain_text("truncated")
    with page.expect_download() as waiting:
        page.click("#batch-zip")
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        assert names == {
            *(f"trip/{path.relative_to(tree).as_posix()}" for path in tree.rglob("*.jpg")),
            "jpegslim-failed.txt",
        }
        for name in names - {"jpegslim-failed.txt", "trip/day 1/07.jpg"}:
            with Image.open(io.BytesIO(archive.read(name))) as picture:
                picture.load()
    page.click("[data-filter=all]")
    page.get_by_role("button", name="trip/day 0/00.jpg").click()
    expect(page.locator("#look")).to_be_visible()
    expect(page.locator("#look-view .ba-zoom")).to_have_text("100%")
    page.click("#look-next")
    expect(page.locator("#look-name")).not_to_have_text("trip/day 0/00.jpg")
    page.keyboard.press("Escape")
    expect(page.locator("#look")).to_be_hidden()
    page.click("#batch-delete")
    expect(page.locator("#start")).to_be_visible()


def test_a_reload_in_the_middle_loses_nothing_that_was_uploaded(visit, photo, tmp_path):
    page = visit()
    tree = write_tree(tmp_path / "trip", photo, number=16)
    page.set_input_files("#folder", tree)
    # A function: the page's policy refuses to evaluate text.
    page.wait_for_function("() => document.querySelectorAll('[data-state=optimized]').length >= 2")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.wait_for_function(
        """() => {
            const rows = [...document.querySelectorAll('.row')];
            return rows.length > 1 && rows.every(row => row.dataset.state === 'optimized');
        }"""
    )
    # Those that were not up yet are told of, and brought by dropping the same folder again.
    page.set_input_files("#folder", tree)
    expect(page.locator("#batch-title")).to_have_text("16 photos done")
    with page.expect_download() as waiting:
        page.click("#batch-zip")
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert len(archive.namelist()) == 16
    page.go_back()
    expect(page.locator("#start")).to_be_visible()


def test_a_job_that_is_gone_is_told(visit, url):
    page = visit()
    page.watch.expected = ("404",)
    page.goto("about:blank")
    page.goto(f"{url}/#job=AAAAAAAAAAAAAAAAAAAAAA")
    expect(page.locator("#notice")).to_contain_text("This job is gone")
    expect(page.locator("#dropzone")).to_be_visible()


def test_everything_can_be_done_with_the_keyboard(visit, photo):
    page = visit()
    choosers, reached = [], []
    page.on("filechooser", lambda chooser: choosers.append(chooser))  # noqa: PLW0108 - it wants a Python function
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
        if reached[-1] == "choose":
            break
    assert reached[-1] == "choose"
    page.keyboard.press("Enter")
    for _ in range(PATIENCE // 100):
        if choosers:
            break
        page.wait_for_timeout(100)
    photo_file = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo(0, size=(900, 500))}
    choosers[0].set_files(photo_file)
    page.wait_for_selector("#single-download:visible")
    line = page.locator(LINE)
    for _ in range(30):
        page.keyboard.press("Tab")
        if line.evaluate("line => line === document.activeElement"):
            break
    expect(line).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(line).to_have_attribute("aria-valuenow", "48")
    page.keyboard.press("Home")
    expect(line).to_have_attribute("aria-valuetext", "0% Original")
    zoom = page.locator("#single-view .ba-zoom")
    page.keyboard.press("+")
    expect(zoom).to_have_text("200%")
    page.keyboard.press("1")
    expect(zoom).to_have_text("100%")
    page.keyboard.press("f")
    expect(page.get_by_role("button", name="Flicker")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Flicker")).to_have_attribute("aria-pressed", "false")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "quality":
            break
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("[data-size=web]:not(:empty)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen(visit, photo, tmp_path, scheme):
    phone = {
        "viewport": {"width": 360, "height": 740},
        "device_scale_factor": 3,
        "is_mobile": True,
        "has_touch": True,
        "color_scheme": scheme,
    }
    page = visit(**phone)

    def fits():
        # Not innerWidth: a phone's browser makes that as wide as what does not fit.
        return page.evaluate("document.documentElement.scrollWidth") <= phone["viewport"]["width"]

    assert fits()
    drop(page, {"a long name of a photo that somebody once gave it, really.jpg": photo(0)})
    page.wait_for_selector("#single-download:visible")
    assert fits()
    page.locator(LINE).scroll_into_view_if_needed()
    box = page.locator("#single-view .ba-stage").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
    expect(page.locator(LINE)).not_to_have_attribute("aria-valuenow", "50")
    page.click("#single-again")
    page.set_input_files("#files", sorted(write_tree(tmp_path, photo, number=3).rglob("*.jpg")))
    expect(page.locator("#batch-title")).to_have_text("3 photos done")
    assert fits()
    page.locator(".row-name").first.click()
    expect(page.locator("#look-view .ba-line")).to_be_visible()
    assert fits()


def test_the_token_is_asked_for_once(visit, launch, photo):
    service = launch(JPEGSLIM_TOKEN=TOKEN)
    page = visit(at=service.url, ready=False)
    page.watch.expected = ("401",)
    page.fill("#login-token", "not the token at all")
    page.keyboard.press("Enter")
    expect(page.locator("#login-error")).to_have_text("That is not the token.")
    page.fill("#login-token", TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-ready]")
    drop(page, {"a.jpg": photo(0)})
    page.wait_for_selector("#single-download:visible")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#login")).to_be_hidden()
    assert TOKEN not in page.evaluate("document.cookie + JSON.stringify(localStorage)")


@pytest.mark.skipif(sys.platform == "win32", reason="the service stops on a signal")
def test_a_service_that_was_stopped_is_told(visit, launch, photo, tmp_path):
    service = launch()
    page = visit(at=service.url)
    page.watch.expected = ("ERR_CONNECTION_REFUSED",)
    page.set_input_files("#folder", write_tree(tmp_path / "trip", photo, number=3))
    expect(page.locator("#batch-title")).to_have_text("3 photos done")
    assert service.stop() == 0
    expect(page.locator("#batch-words")).to_contain_text("stopped")


def test_the_next_photo_is_not_drawn_in_the_shape_of_the_last(visit, photo):
    page = visit()
    drop(page, {"wide.jpg": photo(0, size=(900, 300))})
    page.wait_for_selector("#single-download:visible")
    # Its result never comes.
    page.route("**/v1/optimize*", lambda _: None)
    page.set_input_files(
        "#files",
        {"name": "tall.jpg", "mimeType": "image/jpeg", "buffer": photo(1, size=(200, 400))},
    )
    expect(page.locator("#single-name")).to_have_text("tall.jpg")
    picture = page.locator("#single-view img[alt='tall.jpg, original']")
    page.get_by_role("button", name="1:1").click()
    expect(picture).to_have_css("width", "200px")
    expect(picture).to_have_css("height", "400px")
    expect(page.get_by_role("button", name="Worst spot")).to_be_hidden()


def test_two_photos_of_one_name_are_both_taken_and_the_same_one_once(visit, photo):
    page = visit()

    def named(name, number):
        return {"name": name, "mimeType": "image/jpeg", "buffer": photo(number)}

    page.set_input_files("#files", [named("a.jpg", 0), named('what: is "b"?.jpg', 1)])
    expect(page.locator("#batch-title")).to_have_text("2 photos done")
    page.set_input_files("#files", [named("a.jpg", 2)])
    expect(page.locator("#batch-title")).to_have_text("3 photos done")
    names = [row.get_attribute("aria-label") for row in page.locator(".row-name").all()]
    assert names == ["a.jpg", "what_ is _b__.jpg", "a (2).jpg"]


def test_a_job_that_ended_makes_way_for_the_next(visit, url, photo):
    page = visit()
    page.watch.expected = ("404",)
    files = [
        {"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": photo(number)}
        for number in range(2)
    ]
    page.set_input_files("#files", files)
    expect(page.locator("#batch-title")).to_have_text("2 photos done")
    job = page.url.partition("#job=")[2]
    assert page.request.delete(f"{url}/v1/jobs/{job}").status == 204
    expect(page.locator("#batch-words")).to_have_text("The photos were deleted.")
    page.set_input_files("#files", files)
    expect(page.locator("#batch-zip")).to_be_visible()
    assert page.url.partition("#job=")[2] != job


def test_a_service_that_was_away_at_first_is_asked_again(visit, url, photo):
    page = visit()
    page.watch.expected = ("ERR_FAILED",)
    page.route("**/v1/service", lambda route: route.abort())
    page.reload()
    expect(page.locator("#notice")).to_contain_text("can't be reached")
    page.unroute("**/v1/service")
    drop(page, {"a.jpg": photo(0)})
    page.wait_for_selector("#single-download:visible")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_worst_place_is_found_however_the_picture_is_turned(visit, orientation):
    page = visit(viewport={"width": 1000, "height": 900})
    # Red where the worst tile is, in the pixels as they are stored.
    picture = Image.new("RGB", (400, 240), "white")
    picture.paste((255, 0, 0), (300, 20, 380, 60))
    exif = Image.Exif()
    exif[0x0112] = orientation
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=95, exif=exif)
    page.evaluate(
        """async ([bytes, orientation]) => {
            const address = URL.createObjectURL(new Blob([new Uint8Array(bytes)]));
            const view = document.createElement("before-after");
            const attributes = {
                before: address, after: address, width: 400, height: 240, orientation,
                "tile-x": 300, "tile-y": 20, "tile-width": 80, "tile-height": 40,
            };
            for (const [name, value] of Object.entries(attributes)) view.setAttribute(name, value);
            const ready = new Promise(done => view.addEventListener("viewer-ready", done));
            document.getElementById("main").prepend(view);
            await ready;
        }""",
        [list(written.getvalue()), orientation],
    )
    page.get_by_role("button", name="Worst spot").click()
    box = page.locator(".ba-outline:visible").bounding_box()
    assert sorted((round(box["width"]), round(box["height"]))) == [40, 80]
    with Image.open(io.BytesIO(page.screenshot())) as shown:
        pixels = shown.convert("RGB")
        for across in (0.15, 0.85):
            for down in (0.15, 0.85):
                at = (box["x"] + box["width"] * across, box["y"] + box["height"] * down)
                red, green, blue = pixels.getpixel(at)
                assert red > 200, at
                assert max(green, blue) < 60, at
