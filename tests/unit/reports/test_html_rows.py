import json
import os
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from jpegslim.reports.html_rows import FIELDS, address, file_row, script_json
from jpegslim.results import Reason, Status, Tile

HOSTILE = [
    "</script><script>alert(1)</script>.jpg",
    "<!--<script>.jpg",
    "]]>&amp;&lt;.jpg",
    "a\u2028b\u2029c.jpg",
    "invoice\u202egpj.exe",
    "two\nlines\x1b[31m.jpg",
    os.fsdecode(b"caf\xe9.jpg"),
    "quote\"'`${x}\\.jpg",
]


class Scripts(HTMLParser):
    """Collects the text of script elements, as a browser would see it."""

    def __init__(self):
        super().__init__()
        self.texts, self.tags = [], []

    def handle_starttag(self, tag, _attrs):
        self.tags.append(tag)
        if tag == "script":
            self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data


def named(row):
    return dict(zip(FIELDS, row, strict=False))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_ends_its_script_or_hides_in_the_page(make_result, name):
    row = file_row(make_result(name), page=Path("run.html"))
    line = script_json(row)
    assert line.isascii()
    assert "\n" not in line
    page = Scripts()
    page.feed(f'<script type="application/json">{line}\n</script><p>')
    assert page.tags == ["script", "p"]
    shown = json.loads(page.texts[0])[0]
    assert shown == row[0]
    assert not any(sign in shown for sign in "\u202e\u2028\u2029\n\x1b")
    shown.encode()


def test_a_row_says_what_the_table_shows(make_result):
    row = named(file_row(make_result("photos/a.jpg", output=None), page=Path("run.html")))
    assert row["name"] == str(Path("photos/a.jpg"))
    assert (row["status"], row["why"], row["in"], row["out"]) == (
        "optimized",
        None,
        1_000_000,
        400_000,
    )
    assert row["tile"] == [512, 0, 512, 300, 79.5]
    assert (row["score"], row["target"], row["megapixels"]) == (85.2, 85, 12)


def test_empty_values_at_the_end_take_no_room(make_failure):
    row = file_row(make_failure(), page=Path("run.html"))
    assert len(row) < len(FIELDS)
    assert row[-1] is not None
    assert named(row)["why"] == "the data ends early"


def test_a_number_that_json_lacks_is_left_out(make_result):
    row = named(file_row(make_result(score=float("nan")), page=Path("run.html")))
    assert row["score"] is None
    with pytest.raises(ValueError, match="JSON"):
        script_json([float("inf")])


def test_reasons_are_told_in_words(make_result):
    result = make_result(status=Status.KEPT, reason=Reason.TOO_LITTLE_TO_GAIN, message="")
    assert named(file_row(result, page=Path("run.html")))["why"] == "too little to gain"
    result = make_result(status=Status.KEPT, reason=Reason.TOO_LITTLE_TO_GAIN, message="why so")
    assert named(file_row(result, page=Path("run.html")))["why"] == "too little to gain (why so)"
    result = make_result(status=Status.SKIPPED, reason="not_a_jpeg", message="not a JPEG: text")
    assert named(file_row(result, page=Path("run.html")))["why"] == "not a JPEG: text"


def test_what_metadata_policies_say_is_shown(make_result):
    result = make_result(metadata_dropped=500, gain_map=7000, notes=("one\x07", "two"))
    row = named(file_row(result, page=Path("run.html")))
    assert (row["dropped"], row["gain_map"], row["notes"]) == (500, 7000, ["one\\x07", "two"])


def test_both_versions_have_addresses_only_where_both_are(make_result, tmp_path):
    page = tmp_path / "reports" / "run.html"
    there = make_result("in.jpg", original=tmp_path / "in.jpg", output=tmp_path / "out" / "in.jpg")
    row = named(file_row(there, page=page))
    assert (row["before"], row["after"]) == ("../in.jpg", "../out/in.jpg")
    replaced = make_result("in.jpg", original=None, output=Path("in.jpg"))
    row = named(file_row(replaced, page=page))
    assert row.get("before") is row.get("after") is None
    same_pixels = make_result(
        status=Status.LOSSLESS, original=Path("in.jpg"), output=Path("out.jpg"), worst_tile=None
    )
    assert named(file_row(same_pixels, page=page)).get("before") is None


def test_relative_names_count_from_where_the_run_was(make_result, tmp_path):
    result = make_result("a/in.jpg", original=Path("a/in.jpg"), output=Path("out/in.jpg"))
    row = named(file_row(result, page=tmp_path / "page.html", folder=tmp_path / "then"))
    assert (row["before"], row["after"]) == ("then/a/in.jpg", "then/out/in.jpg")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize("name", HOSTILE)
def test_an_address_leads_to_the_very_file(tmp_path, name):
    path = tmp_path / name.replace("/", "-")
    url = address(path, tmp_path / "run.html")
    assert url.isascii()
    assert not set(url) & set("<>\"'&?#: \n")
    assert unquote_to_bytes(url) == os.fsencode(path.name)


def test_a_turned_picture_says_so_where_its_tile_is_shown(make_result):
    row = named(file_row(make_result(orientation=6), page=Path("run.html")))
    assert row["orientation"] == 6
    row = named(file_row(make_result(orientation=6, worst_tile=None), page=Path("run.html")))
    assert row.get("orientation") is None


def test_a_tile_far_below_zero_is_a_number(make_result):
    row = named(file_row(make_result(worst_tile=Tile(0, 0, 9, 9, -512.34567)), page=Path("x.html")))
    assert row["tile"][4] == -512.35


def test_a_score_is_rounded_once(make_result):
    # The totals show 80.01 of it, as the console does.
    row = named(file_row(make_result(score=80.0149), page=Path("x.html")))
    assert row["score"] == 80.01
