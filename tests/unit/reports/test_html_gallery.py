import math

import pytest

from jpegslim.reports import html_gallery
from jpegslim.reports.html_gallery import Gallery
from jpegslim.results import Tile, View


@pytest.fixture
def make(make_result):
    def make(saved, worst, size=1000):
        view = View(
            before=b"b" * (size // 2),
            after=b"a" * (size // 2),
            media_type="image/webp",
            tile=Tile(0, 0, 8, 8, worst),
            thumbnail=b"",
        )
        return make_result(
            bytes_in=1_000_000,
            bytes_out=1_000_000 - saved,
            worst_tile=Tile(0, 0, 8, 8, worst),
            view=view,
        )

    return make


def test_the_biggest_savings_and_the_worst_tiles_stay(make):
    gallery = Gallery()
    for row in range(100):
        gallery.add(row, make(saved=1000 * row, worst=50 + row))
    shown = gallery.shown()
    assert [each.row for each in shown if "saved" in each.kinds] == [*range(92, 100)]
    assert [each.row for each in shown if "score" in each.kinds] == [*range(8)]


def test_one_file_may_be_both_and_is_kept_once(make):
    gallery = Gallery()
    gallery.add(5, make(saved=1, worst=80.0))
    (only,) = gallery.shown()
    assert (only.row, only.kinds) == (5, ("saved", "score"))


def test_the_budget_holds_whatever_comes(make):
    gallery = Gallery()
    for row in range(50):
        gallery.add(row, make(saved=row, worst=90 - row, size=900_000))
    sizes = [each.view.size for each in gallery.shown() if "saved" in each.kinds]
    assert sum(sizes) <= html_gallery._BYTES
    assert len(sizes) == 4
    assert {49, 48, 47, 46} <= {each.row for each in gallery.shown()}


def test_a_view_larger_than_the_budget_pushes_nothing_out(make):
    gallery = Gallery()
    gallery.add(0, make(saved=10, worst=80.0))
    gallery.add(1, make(saved=99, worst=10.0, size=html_gallery._BYTES + 2))
    assert [each.row for each in gallery.shown()] == [0]


def test_it_wishes_for_everything_until_it_is_full_then_for_better(make):
    gallery = Gallery()
    assert gallery.wish().saves_over == -math.inf
    assert gallery.wish().covers(0, 100.0)
    for row in range(9):
        gallery.add(row, make(saved=100 + row, worst=80.0 + row))
    wish = gallery.wish()
    assert wish.covers(101, 99.0)
    assert wish.covers(0, 87.9)
    assert not wish.covers(100, 88.0)


def test_what_has_no_view_is_passed_over(make_result):
    gallery = Gallery()
    gallery.add(0, make_result())
    assert gallery.shown() == []
