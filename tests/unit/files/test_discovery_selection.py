"""What the user does not want is left out, and what was named is told of."""

import os
import time
from pathlib import Path

import pytest

from jpegslim.errors import UsageError
from jpegslim.files.discovery import (
    Candidate,
    Root,
    Selection,
    discover,
    discover_listed,
    distinct,
    holds,
)
from jpegslim.files.patterns import compile_patterns
from jpegslim.results import Status


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def grow(*names, size=1):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x" * size)


def look(*paths, **selection):
    return list(discover([Path(path) for path in paths], selection=Selection(**selection)))


def found(*paths, **selection):
    return [each.path.as_posix() for each in look(*paths, **selection)]


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("*.jpg", "a.jpg"),
        ("*.jpg", "q/r/a.jpg"),
        ("*.JPG", "q/a.jpg"),
        ("q/*.jpg", "q/a.jpg"),
        ("./q/*.jpg", "q/a.jpg"),
        ("/q/*.jpg", "q/a.jpg"),
        ("/a.jpg", "a.jpg"),
        ("**/a.jpg", "a.jpg"),
        ("**/a.jpg", "q/r/a.jpg"),
        ("q/**/a.jpg", "q/a.jpg"),
        ("q/**/a.jpg", "q/r/s/a.jpg"),
        ("q/**", "q/r/a.jpg"),
        ("**", "q/a.jpg"),
        ("IMG_????.jpg", "IMG_0001.jpg"),
        ("[a-c]*.jpg", "b.jpg"),
        ("[!a-c]*.jpg", "d.jpg"),
        ("[]]a.jpg", "]a.jpg"),
        ("[*].jpg", "*.jpg"),
        ("a[b.jpg", "a[b.jpg"),
        ("a+(b).jpg", "a+(b).jpg"),
        ("new\nline*", "new\nline.jpg"),
        ("caf\u00e9.jpg", "cafe\u0301.jpg"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
    ],
)
def test_a_pattern_matches(glob, path):
    assert compile_patterns([glob]).match_file(path)
    assert compile_patterns(["other", glob, "q/other"]).match_file(path)


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("a.jpg", "xa.jpg"),
        ("a.jpg", "a.jpg/b"),
        ("*.jpg", "a.jpg.bak"),
        ("q/*.jpg", "q/r/a.jpg"),
        ("q/*.jpg", "p/q/a.jpg"),
        ("/a.jpg", "q/a.jpg"),
        ("q*a.jpg", "q/a.jpg"),
        ("q?a.jpg", "q/a.jpg"),
        ("q[!x]a.jpg", "q/a.jpg"),
        ("a.jpg/", "a.jpg"),
        ("q/a.jpg/", "q/a.jpg"),
        ("[a-c].jpg", "d.jpg"),
        ("a.jpg", "a_jpg"),
    ],
)
def test_a_pattern_does_not_match(glob, path):
    assert not compile_patterns([glob]).match_file(path)


@pytest.mark.parametrize("glob", ["", "/", "./", "../x", "q/../r", "[z-a]"])
def test_a_pattern_that_can_match_nothing_is_wrong_usage(glob):
    with pytest.raises(UsageError):
        Selection(exclude=(glob,))
    with pytest.raises(UsageError):
        Selection(include=(glob,))


@pytest.mark.parametrize(
    "glob", ["raw", "RAW", "raw/", "p*w", "q/raw", "q/raw/", "q/*w", "q/raw/**"]
)
def test_excluded_folders_are_not_even_entered(glob, monkeypatch):
    glob = glob.replace("p*w", "r*w")
    grow("p/a.jpg", "p/q/raw/b.jpg", "p/q/c.jpg")
    scanned, scan = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: scanned.append(str(path)) or scan(path))
    assert found("p", exclude=(glob,)) == ["p/a.jpg", "p/q/c.jpg"]
    assert scanned == ["p", "p/q"]


def test_patterns_are_held_against_the_path_below_the_root():
    grow("p/q/a.jpg", "p/b.jpg", "q/c.jpg")
    assert found("p", "q", exclude=("/q",)) == ["p/b.jpg", "q/c.jpg"]
    assert found("p", "q", include=("q/*",)) == ["p/q/a.jpg"]


def test_include_takes_only_pictures_and_exclude_wins():
    grow("p/a.jpg", "p/a.png", "p/b.jpg", "p/q/a1.jpg", "p/.a.jpg")
    assert found("p", include=("a*",)) == ["p/a.jpg", "p/q/a1.jpg"]
    assert found("p", include=("a*", "b*"), exclude=("*1*",)) == ["p/a.jpg", "p/b.jpg"]


def test_a_named_file_is_taken_whatever_the_patterns_say():
    grow("p/a.jpg", "p/raw/b.jpg")
    assert found("p/a.jpg", exclude=("*",)) == ["p/a.jpg"]
    assert found("p", "p/raw/b.jpg", exclude=("raw",)) == ["p/a.jpg", "p/raw/b.jpg"]
    assert found("p", "p/raw", exclude=("raw",)) == ["p/a.jpg", "p/raw/b.jpg"]
    assert found("p", "p/a.jpg", include=("b*",)) == ["p/raw/b.jpg", "p/a.jpg"]


def test_small_files_are_left_out_and_told_of_where_they_were_named():
    grow("p/a.jpg", size=99)
    grow("p/b.jpg", size=100)
    assert found("p", min_size=100) == ["p/b.jpg"]
    (result,) = look("p/a.jpg", min_size=100)
    assert (result.status, result.reason) == (Status.SKIPPED, "too_small")


@pytest.mark.parametrize("path", ["p", "p/a.jpg"])
@pytest.mark.parametrize(
    ("age", "young"), [(0, True), (50, True), (70, False), (-50, True), (-1e6, False)]
)
def test_a_file_that_may_still_be_written_is_left_for_later(path, age, young):
    grow("p/a.jpg")
    moment = time.time() - age
    os.utime("p/a.jpg", (moment, moment))
    (result,) = look(path, min_age=60)
    if young:
        assert (result.status, result.reason) == (Status.SKIPPED, "too_young")
        assert result.path == Path("p/a.jpg")
    else:
        assert isinstance(result, Candidate)
    assert isinstance(look(path)[0], Candidate)


@pytest.mark.parametrize("numbers", [{"min_size": -1}, {"min_age": -1}, {"min_age": float("nan")}])
def test_numbers_that_make_no_sense_are_wrong_usage(numbers):
    with pytest.raises(UsageError):
        Selection(**numbers)


def test_the_walk_holds_what_it_would_yield():
    grow("p/a.jpg", "p/raw/b.jpg", "p/My.photoslibrary/c.jpg")
    (root,) = distinct([Path("p")])
    assert isinstance(root, Root)
    for name, selection, held in [
        ("a.jpg", Selection(), True),
        ("a.jpg", Selection(include=("b*",)), False),
        ("a.jpg", Selection(min_size=2), False),
        ("raw/b.jpg", Selection(), True),
        ("raw/b.jpg", Selection(exclude=("raw",)), False),
        ("raw/b.jpg", Selection(exclude=("raw",), follow_symlinks=True), False),
        ("My.photoslibrary/c.jpg", Selection(), False),
    ]:
        assert holds(root, Path(name), selection=selection) is held, name


def listed(*names, **selection):
    stream = discover_listed(map(Path, names), selection=Selection(**selection))
    return {each.path.as_posix(): each.place.as_posix() for each in stream}


def test_listed_names_keep_their_folders_in_the_output(here):
    grow("p/q/a.jpg", "p/b.jpg", "c.jpg")
    assert listed("p/q/a.jpg", "./c.jpg", "p") == {
        "p/q/a.jpg": "p/q/a.jpg",
        "p/b.jpg": "p/b.jpg",
        "c.jpg": "c.jpg",
    }
    assert listed(".")["p/q/a.jpg"] == "p/q/a.jpg"


def test_listed_names_that_could_leave_the_output_go_by_their_last_part(here):
    grow("p/q/a.jpg", "p/q/r/b.jpg")
    absolute = (here / "p/q/a.jpg").as_posix()
    assert listed(absolute) == {absolute: "a.jpg"}
    assert listed("p/../p/q/a.jpg") == {"p/../p/q/a.jpg": "a.jpg"}
    assert listed("p/../p/q") == {"p/../p/q/a.jpg": "q/a.jpg", "p/../p/q/r/b.jpg": "q/r/b.jpg"}
    assert listed("p/q/r/..") == {"p/q/r/../a.jpg": "q/a.jpg", "p/q/r/../r/b.jpg": "q/r/b.jpg"}


def test_every_listed_name_is_judged_alone(here):
    grow("p/a.jpg", "p/b.jpg")
    stream = list(discover_listed([Path("p/a.jpg"), Path("no.jpg"), Path("p"), Path("p/a.jpg")]))
    assert [each.path.name for each in stream] == ["a.jpg", "no.jpg", "a.jpg", "b.jpg", "a.jpg"]
    assert stream[1].reason == "not_found"


def test_a_list_may_be_endless(here):
    grow("p/a.jpg")
    stream = discover_listed(iter(lambda: Path("p/a.jpg"), None))
    assert [next(stream).path for _ in range(3)] == [Path("p/a.jpg")] * 3
