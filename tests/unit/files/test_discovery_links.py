"""Links followed where asked to: each file once, no loop, nothing outside the rules."""

import os
import sys
from pathlib import Path

import pytest

from jpegslim.files.discovery import Candidate, Selection, discover
from jpegslim.results import FileResult

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs links")

FOLLOW = Selection(follow_symlinks=True)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    folder = Path(os.path.realpath(tmp_path))
    monkeypatch.chdir(folder)
    return folder


def grow(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")


def link(name, target):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).symlink_to(target)


def follow(*paths, without=(), selection=FOLLOW):
    found = list(discover([Path(path) for path in paths], without=without, selection=selection))
    assert all(isinstance(each, Candidate) for each in found), found
    return [(os.path.relpath(os.path.realpath(each.path)), str(each.relative)) for each in found]


def test_a_link_to_a_file_elsewhere_is_worked_on_where_it_is(here):
    grow("real/a.jpg")
    link("p/link.jpg", here / "real" / "a.jpg")
    (candidate,) = discover([Path("p")], selection=FOLLOW)
    assert candidate.path == here / "real" / "a.jpg"
    assert (candidate.relative, candidate.explicit) == (Path("link.jpg"), False)
    assert candidate.place == Path("p/link.jpg")


def test_a_linked_folder_is_walked(here):
    grow("real/q/a.jpg", "p/b.jpg")
    link("p/folder", here / "real")
    assert follow("p") == [("p/b.jpg", "b.jpg"), ("real/q/a.jpg", "folder/q/a.jpg")]


def test_what_the_walk_reaches_anyway_comes_by_its_own_name(here):
    grow("p/a.jpg", "p/q/b.jpg", "r/c.jpg")
    link("p/0.jpg", "a.jpg")
    link("p/0", "q")
    link("p/q/up", here / "p")
    link("p/r", here / "r")
    assert sorted(follow("p", "r")) == [
        ("p/a.jpg", "a.jpg"),
        ("p/q/b.jpg", "q/b.jpg"),
        ("r/c.jpg", "c.jpg"),
    ]


def test_several_links_to_one_place_give_each_file_once(here):
    grow("real/a.jpg", "real/q/b.jpg")
    link("p/1", here / "real")
    link("p/2", here / "real")
    link("p/3", here / "real" / "q")
    link("p/4.jpg", here / "real" / "a.jpg")
    link("p/5.jpg", here / "real" / "a.jpg")
    link("o/6", here / "real" / "q")
    for paths in (["p"], ["p", "o"], ["o", "p"], ["real/a.jpg", "p"], ["p", "real/a.jpg"]):
        assert sorted(place for place, _ in follow(*paths)) == ["real/a.jpg", "real/q/b.jpg"]


def test_loops_end(here):
    grow("outer/p/a.jpg", "outer/b.jpg", "other/c.jpg")
    link("outer/p/self", ".")
    link("outer/p/up", here / "outer")
    link("outer/p/other", here / "other")
    link("other/back", here / "outer" / "p")
    link("other/round", here / "other")
    assert sorted(place for place, _ in follow("outer/p")) == [
        "other/c.jpg",
        "outer/b.jpg",
        "outer/p/a.jpg",
    ]


def test_a_link_that_bites_its_tail_is_told_only_where_it_poses_as_a_picture(here):
    grow("p/a.jpg")
    link("p/loop.jpg", "loop.jpg")
    link("p/loop", "loop")
    link("p/nowhere.jpg", "nothing")
    link("p/nowhere", "nothing")
    found = list(discover([Path("p")], selection=FOLLOW))
    assert {each.path.name: each.reason for each in found if isinstance(each, FileResult)} == {
        "loop.jpg": "unreadable",
        "nowhere.jpg": "not_found",
    }
    assert len(found) == 3


def test_links_do_not_lead_into_the_output(here):
    grow("p/a.jpg", "out/p/a.jpg", "out/p/b.jpg")
    link("p/results", here / "out" / "p")
    link("p/b.jpg", here / "out" / "p" / "b.jpg")
    assert follow("p", without=[Path("out")]) == [("p/a.jpg", "a.jpg")]


def test_an_excluded_file_comes_by_a_link_that_is_not(here):
    grow("p/raw/a.jpg")
    link("p/picked/best.jpg", here / "p" / "raw" / "a.jpg")
    selection = Selection(follow_symlinks=True, exclude=("raw",))
    assert follow("p", selection=selection) == [("p/raw/a.jpg", "picked/best.jpg")]


def test_an_excluded_link_is_not_followed(here):
    grow("real/a.jpg")
    link("p/folder", here / "real")
    link("p/link.jpg", here / "real" / "a.jpg")
    selection = Selection(follow_symlinks=True, exclude=("folder", "link*"))
    assert follow("p", selection=selection) == []
