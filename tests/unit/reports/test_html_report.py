import base64
import hashlib
import json
import re

import pytest

from jpegslim.reports import html_report
from jpegslim.reports.html_rows import FIELDS
from jpegslim.reports.report_file import open_report
from jpegslim.reports.reporter import Onlooker
from jpegslim.results import Status, Tile, Totals, View
from jpegslim.settings import Settings


@pytest.fixture
def write(tmp_path, make_start):
    """Return a function that writes a page of results, and returns its text."""

    def go(*results, start=None, end=True, totals=None):
        path = tmp_path / "run.html"
        totals = totals or Totals()
        with open_report(path) as report:
            assert isinstance(report, Onlooker)
            report.started(start or make_start())
            for result in results:
                totals.add(result)
                report.finished(result)
            if end:
                report.closed(totals)
        return path.read_text(encoding="utf-8")

    return go


def data(page, name):
    script = rf'<script type="[a-z/]+" id="data-{name}">(.*?)(</script>|\Z)'
    return re.search(script, page, re.DOTALL)[1]


def rows(page):
    lines = data(page, "rows").strip().splitlines()
    return [dict(zip(FIELDS, json.loads(line), strict=False)) for line in lines]


def test_the_page_holds_its_rows_and_totals(write, make_result, make_failure):
    page = write(make_result(), make_result("b.jpg", status=Status.KEPT), make_failure())
    assert [row["status"] for row in rows(page)] == ["optimized", "kept", "failed"]
    totals = json.loads(data(page, "totals"))
    assert (totals["files"], totals["failed"], totals["left_out"]) == (3, 1, 0)
    assert json.loads(data(page, "run"))["fields"] == list(FIELDS)


def test_a_page_that_a_killed_run_left_still_has_its_rows(write, make_result):
    page = write(make_result(), make_result("b.jpg"), end=False)
    assert len(rows(page)) == 2
    assert 'id="data-totals"' not in page


def test_only_what_is_in_the_page_may_run(write, make_result):
    page = write(make_result())
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http:" not in policy
    for kind in ("script", "style"):
        allowed = re.search(rf"{kind}-src ([^;]*)", policy)[1].split()
        texts = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in texts]
        assert allowed == [f"'sha256-{each.decode()}'" for each in hashes]
        assert len(texts) == 2
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "@import" not in page


def test_pictures_are_embedded_for_the_rows_they_belong_to(write, make_result):
    view = View(
        before=b"before",
        after=b"after",
        media_type="image/webp",
        tile=Tile(1, 2, 3, 4, 79.5),
        thumbnail=b"small",
    )
    page = write(make_result("a.jpg", status=Status.KEPT), make_result(view=view))
    (item,) = json.loads(data(page, "gallery"))
    assert (item["row"], item["kinds"], item["tile"]) == (1, ["saved", "score"], [1, 2, 3, 4])
    assert base64.b64decode(item["thumbnail"].partition(",")[2]) == b"small"
    assert base64.b64decode(data(page, "before-1")) == b"before"
    assert base64.b64decode(data(page, "after-1")) == b"after"


def test_a_table_too_long_for_a_browser_says_what_is_missing(write, make_result, monkeypatch):
    monkeypatch.setattr(html_report, "LARGEST_TABLE", 2)
    page = write(*(make_result(f"{number}.jpg") for number in range(5)))
    assert len(rows(page)) == 2
    totals = json.loads(data(page, "totals"))
    assert (totals["files"], totals["left_out"]) == (5, 3)
    assert "holds 2 rows" in totals["left_out_why"]


@pytest.mark.parametrize(
    ("target", "aim"), [(85.0, "high, 85"), (None, "lossless"), (83.5, "83.5")]
)
def test_the_aim_is_told_as_it_was_asked_for(write, make_start, target, aim):
    page = write(start=make_start(settings=Settings(target=target)))
    assert json.loads(data(page, "run"))["aim"] == aim


def test_hostile_texts_stay_texts(write, make_failure, make_start):
    evil = "</script><img src=x onerror=alert(1)>\u202e"
    start = make_start(notes=(evil,))
    page = write(make_failure(evil, message=evil), start=start, totals=Totals(stopped=evil))
    assert "<img" not in page
    assert "\u202e" not in page
    assert evil.replace("\u202e", "\\u202e") in json.loads(data(page, "totals"))["stopped"]
    assert json.loads(data(page, "run"))["notes"] == [evil.replace("\u202e", "\\u202e")]
