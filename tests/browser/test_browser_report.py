"""The HTML report in a real browser, opened from disk."""

import itertools
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jpegslim.reports.report_file import open_report
from jpegslim.reports.reporter import RunStart
from jpegslim.results import FileResult, Status, Tile, Totals
from jpegslim.settings import Settings

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
HOSTILE = "</script><img src=x onerror=alert(1)>\u202egpj.jpg"
if sys.platform == "win32":
    HOSTILE = "a\u202egpj.jpg"


def texture(number, size):
    generator = np.random.default_rng(number)
    coarse = generator.integers(30, 225, (9, 12, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    return np.clip(smooth + generator.normal(0, 5, smooth.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A folder with a finished run into another folder, and its page."""
    folder = tmp_path_factory.mktemp("run")
    photos = folder / "photos" / "day 1"
    photos.mkdir(parents=True)
    turned = Image.Exif()
    turned[0x0112] = 6
    for number in range(12):
        image = Image.fromarray(texture(number, (640 + 16 * number, 480)))
        exif = turned if number == 3 else Image.Exif()
        image.save(photos / f"photo {number:02}.jpg", quality=95, exif=exif)
    shutil.copy(photos / "photo 00.jpg", photos / HOSTILE.replace("/", ":"))
    (photos / "broken.jpg").write_bytes((photos / "photo 01.jpg").read_bytes()[:5000])
    command = [sys.executable, "-m", "jpegslim", "optimize", "photos", "--output", "slim"]
    command += ["--report", "run.html", "--ledger", "ledger.sqlite", "--quiet"]
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, cwd=folder, env=environment, check=False, timeout=600)
    assert done.returncode == 1
    return folder


@pytest.fixture
def page(run, visit):
    return visit((run / "run.html").as_uri(), viewport={"width": 1280, "height": 900})


def names(page):
    return page.locator("#rows-shown .open").all_text_contents()


def column(page, head):
    place = page.locator("#heads th").all_text_contents().index(head)
    return page.locator(f"#rows-shown tr td:nth-child({place + 1})").all_text_contents()


def picture_stands(page):
    page.wait_for_function(
        "[...document.querySelectorAll('#look img')].length === 2 &&"
        " [...document.querySelectorAll('#look img')].every((i) => i.complete && i.naturalWidth)"
    )


def test_it_tells_the_totals_and_what_went_wrong(page):
    assert page.locator("h1").text_content().startswith("Saved ")
    assert "14 files, into slim" in page.locator("#subline").text_content()
    assert "1 file failed." in page.locator("#alerts").text_content()
    assert page.locator(".chart svg").count() == 2


def test_no_name_becomes_markup_or_turns_its_writing(page):
    page.fill("#search", "gpj")
    (name,) = names(page)
    assert "\u202e" not in name
    assert "\\u202egpj.jpg" in name
    assert page.locator("img[src=x]").count() == 0


def test_headings_sort_both_ways(page):
    button = page.get_by_role("button", name="Score", exact=True)
    button.click()
    scores = [float(text) for text in column(page, "Score") if text]
    assert scores == sorted(scores)
    assert page.locator("th[aria-sort=ascending]").text_content() == "Score"
    button.click()
    scores = [float(text) for text in column(page, "Score") if text]
    assert scores == sorted(scores, reverse=True)
    # What has no score comes last both ways.
    assert column(page, "Score")[-1] == ""


def test_search_and_outcomes_filter(page):
    page.fill("#search", "day 07")
    assert [name.rsplit("/")[-1] for name in names(page)] == ["photo 07.jpg"]
    assert page.locator("#shown").text_content() == "1 of 14"
    page.fill("#search", "no such name")
    assert page.locator("#nothing").is_visible()
    page.get_by_role("button", name="Show all").click()
    assert len(names(page)) == 14
    page.get_by_label("optimized").uncheck()
    assert names(page) == [f"photos{os.sep}day 1{os.sep}broken.jpg"]


def test_failures_are_one_click_away(page):
    page.get_by_role("button", name="Show them").click()
    assert column(page, "Outcome") == ["failed"]
    assert "truncated" in page.locator(".why").text_content()


def test_a_card_opens_the_slider_on_embedded_pixels(page):
    page.locator(".card").first.click()
    picture_stands(page)
    sources = page.locator("#look img").evaluate_all("all => all.map((each) => each.src)")
    assert all(source.startswith("data:image/") for source in sources)
    assert page.locator("#look output").text_content() == "100%"
    page.get_by_role("button", name="Flicker").click()
    assert page.get_by_role("button", name="Flicker").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Close").click()
    assert not page.locator("#look").is_visible()


def test_a_file_without_embedded_pixels_is_shown_from_disk(page):
    cards = set(page.locator(".card").evaluate_all("all => all.map((each) => each.title)"))
    name = next(name for name in names(page) if name not in cards and "photo" in Path(name).name)
    page.locator("#rows-shown .open", has_text=name).click()
    picture_stands(page)
    sources = page.locator("#look img").evaluate_all("all => all.map((each) => each.src)")
    assert all(source.startswith("file:") for source in sources)
    assert sum("/slim/" in source for source in sources) == 1


def test_what_was_moved_is_explained(run, visit, tmp_path):
    shutil.copy(run / "run.html", tmp_path / "moved.html")
    page = visit((tmp_path / "moved.html").as_uri(), expecting="ERR_FILE_NOT_FOUND")
    cards = set(page.locator(".card").evaluate_all("all => all.map((each) => each.title)"))
    name = next(name for name in names(page) if name not in cards and "photo" in name)
    page.locator("#rows-shown .open", has_text=name).click()
    page.locator(".no-picture").wait_for()
    assert "not where they were" in page.locator(".no-picture").text_content()
    page.locator("#look-close").click()


def test_a_failed_file_says_why_it_has_no_picture(page):
    page.locator("#rows-shown .open", has_text="broken.jpg").click()
    assert "truncated" in page.locator(".no-picture").text_content()


def test_the_keyboard_is_enough(page):
    page.locator("#search").focus()
    page.keyboard.type("photo 1")
    while page.evaluate("document.activeElement.className") != "open":
        page.keyboard.press("Tab")
    name = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    picture_stands(page)
    assert page.locator("#look-name").text_content() == name
    page.locator("#look .ba-line").focus()
    before = page.locator("#look .ba-line").get_attribute("aria-valuenow")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#look .ba-line").get_attribute("aria-valuenow") != before
    page.keyboard.press("f")
    page.keyboard.press("Escape")
    assert not page.locator("#look").is_visible()
    # Back where one was.
    assert page.evaluate("document.activeElement.textContent") == name


def test_arrows_lead_from_file_to_file(page):
    first, second = names(page)[:2]
    page.locator("#rows-shown .open").first.click()
    assert page.locator("#look-before").is_disabled()
    page.get_by_role("button", name="Next file").click()
    assert page.locator("#look-name").text_content() == second
    page.get_by_role("button", name="Previous file").click()
    assert page.locator("#look-name").text_content() == first


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_light_and_dark(run, visit, scheme):
    page = visit((run / "run.html").as_uri(), color_scheme=scheme)
    ratios = page.evaluate(CONTRASTS)
    assert len(ratios) > 20
    assert min(ratios) >= 4.5


def test_a_phone_shows_everything_without_scrolling_sideways(run, visit):
    page = visit((run / "run.html").as_uri(), **PHONE)
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    page.locator("#sorter").select_option("name -1")
    shown = names(page)
    assert shown == sorted(shown, reverse=True)
    page.locator("#rows-shown .open", has_text="photo 05").tap()
    picture_stands(page)
    box = page.locator("#look").bounding_box()
    assert box["width"] == 390
    page.get_by_role("button", name="Close").tap()


def test_a_page_that_a_killed_run_left_opens(run, visit, tmp_path):
    text = (run / "run.html").read_text(encoding="utf-8")
    end = text.index("</script>", text.index('id="data-rows"'))
    (tmp_path / "cut.html").write_text(text[: end - 40], encoding="utf-8")
    page = visit((tmp_path / "cut.html").as_uri())
    assert "did not end" in page.locator("#alerts").text_content()
    assert len(names(page)) == 13


def test_a_page_without_pictures_points_at_none(visit, tmp_path):
    path = tmp_path / "told again.html"
    result = FileResult(
        path=Path("a.jpg"),
        status=Status.OPTIMIZED,
        reason="target_met",
        message="",
        bytes_in=4_000_000,
        bytes_out=1_500_000,
    )
    totals = Totals()
    totals.add(result)
    with open_report(path) as report:
        report.started(RunStart(settings=Settings(), output=None, dry_run=False, jobs=1))
        report.finished(result)
        report.closed(totals)
    page = visit(path.as_uri())
    page.locator("#rows-shown .open").click()
    words = "No picture: the original was replaced and no backup was kept."
    assert page.locator("#look .no-picture").text_content() == words


def test_ten_thousand_files_open_at_once(visit, tmp_path):
    path = tmp_path / "many.html"
    totals = Totals(seconds=9000.0)
    statuses = itertools.cycle([Status.OPTIMIZED] * 8 + [Status.KEPT, Status.FAILED])
    with open_report(path) as report:
        report.started(RunStart(settings=Settings(), output=None, dry_run=False, jobs=1))
        for number in range(10_000):
            status = next(statuses)
            done = status is Status.OPTIMIZED
            result = FileResult(
                path=Path(f"archive/{2000 + number % 20}/holiday/DSC_{number:05}.jpg"),
                status=status,
                reason="target_met" if done else "broken",
                message="" if done else "the file ends before the picture does",
                bytes_in=4_000_000 + number,
                bytes_out=1_500_000 + 97 * number if done else 4_000_000 + number,
                score=85 + number % 90 / 100 if done else None,
                worst_tile=Tile(512, 512, 512, 512, 80 + number % 300 / 100) if done else None,
                target=85.0,
                megapixels=12.0,
                seconds=0.9,
            )
            totals.add(result)
            report.finished(result)
        report.closed(totals)
    began = time.monotonic()
    page = visit(path.as_uri())
    assert page.locator("#page").text_content() == "1 to 100 of 10,000"
    seconds = time.monotonic() - began
    assert seconds < 5
    page.get_by_role("button", name="Next", exact=True).click()
    assert page.locator("#page").text_content() == "101 to 200 of 10,000"
    page.fill("#search", "2007 09987")
    assert len(names(page)) == 1


CONTRASTS = """() => {
  // The WCAG contrast of every text against the nearest ground behind it.
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.a === 1) return colour;
    }
    return { r: 255, g: 255, b: 255 };
  };
  const ratios = [];
  for (const element of document.querySelectorAll("main *, header *, footer *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest(".unseen, option")) continue;
    const style = getComputedStyle(element);
    const words = parse(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
    const [dim, bright] = [light(words), light(ground(element))].sort((a, b) => a - b);
    ratios.push((bright + 0.05) / (dim + 0.05));
  }
  return ratios;
}"""
