"""Every picture once, in order, and nothing else."""

import os
import sys
from pathlib import Path

import pytest

from jpegslim.files.discovery import Candidate, Selection, discover
from jpegslim.results import FileResult, Status

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX file types")


def grow(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def found(*paths, without=(), **selection):
    """Return the candidates' paths relative to the current folder; fail on anything failed."""
    candidates = list(
        discover([Path(path) for path in paths], without=without, selection=Selection(**selection))
    )
    assert all(isinstance(candidate, Candidate) for candidate in candidates), candidates
    return [str(candidate.path) for candidate in candidates]


def failed(*paths):
    results = list(discover([Path(path) for path in paths]))
    assert all(isinstance(result, FileResult) for result in results), results
    assert all(result.status is Status.FAILED for result in results)
    return [(str(result.path), result.reason) for result in results]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_gives_its_jpegs_in_any_case_sorted_files_first(here):
    grow(here, "p/b.JPG", "p/a.jpeg", "p/c.Jpe", "p/d.jfif", "p/a/z.jpg", "p/Z/y.jpg")
    grow(here, "p/no.png", "p/jpg", "p/x.jpg.bak", "p/x.jpg2")
    assert found("p") == [
        "p/a.jpeg",
        "p/b.JPG",
        "p/c.Jpe",
        "p/d.jfif",
        "p/Z/y.jpg",
        "p/a/z.jpg",
    ]


def test_a_candidate_knows_where_it_came_from(here):
    grow(here, "p/q/a.jpg")
    path = Path("p/q/a.jpg")
    os.utime(path, ns=(5, 7))
    (below,) = discover([Path("p")])
    (named,) = discover([path])
    seen = {"size": 1, "mtime_ns": 7}
    assert below == Candidate(
        path, Path("p"), Path("q/a.jpg"), explicit=False, base=Path("p"), **seen
    )
    assert named == Candidate(path, path, Path("a.jpg"), explicit=True, base=Path(), **seen)
    assert (below.place, named.place) == (Path("p/q/a.jpg"), Path("a.jpg"))


def test_a_named_file_is_taken_whatever_it_is_called(here):
    grow(here, "scan", ".hidden.jpg", "._a.jpg")
    assert found("scan", ".hidden.jpg", "._a.jpg") == ["scan", ".hidden.jpg", "._a.jpg"]


def test_hidden_names_and_our_temporaries_are_passed_over(here):
    grow(here, "p/a.jpg", "p/._a.jpg", "p/.thumbs/a.jpg", "p/.jpegslim-0123456789abcdef.tmp")
    assert found("p", "p/.jpegslim-0123456789abcdef.tmp") == ["p/a.jpg"]
    assert found("p/.thumbs") == ["p/.thumbs/a.jpg"]
    assert found("p", "p/.thumbs") == ["p/a.jpg", "p/.thumbs/a.jpg"]


def test_the_output_folder_inside_the_input_is_not_entered(here):
    grow(here, "p/a.jpg", "p/out/a.jpg", "p/output/b.jpg")
    assert found("p", without=[Path("p/out")]) == ["p/a.jpg", "p/output/b.jpg"]
    assert found("p", without=[here / "p" / "x" / ".." / "out"]) == ["p/a.jpg", "p/output/b.jpg"]
    assert found("p/out", without=[Path("p/out")]) == ["p/out/a.jpg"]


@pytest.mark.parametrize(
    "paths",
    [
        ["p", "p"],
        ["p", "./p/", "p/../p"],
        ["p", "p/q"],
        ["p/q", "p"],
        ["p", "p/a.jpg", "p/q/b.jpg"],
        ["p/a.jpg", "p/q/b.jpg", "p", "p/a.jpg"],
        ["p/q/b.jpg", "p/a.jpg", "p/./a.jpg"],
    ],
)
def test_a_file_reached_twice_comes_once(here, paths):
    grow(here, "p/a.jpg", "p/q/b.jpg")
    assert sorted(found(*paths)) == ["p/a.jpg", "p/q/b.jpg"]


def test_what_the_walk_would_not_reach_is_taken_from_the_call(here):
    grow(here, "p/a.jpg", "p/scan", "p/out/c.jpg", "p/.h/d.jpg")
    paths = ["p", "p/scan", "p/out/c.jpg", "p/.h/d.jpg"]
    assert found(*paths, without=[Path("p/out")]) == [
        "p/a.jpg",
        "p/scan",
        "p/out/c.jpg",
        "p/.h/d.jpg",
    ]


def test_siblings_with_a_common_beginning_are_different(here):
    grow(here, "p/a.jpg", "p2/a.jpg")
    assert found("p", "p2") == ["p/a.jpg", "p2/a.jpg"]


@posix_only
def test_links_below_a_folder_are_not_followed(here):
    grow(here, "elsewhere/a.jpg", "p/b.jpg")
    (here / "p" / "link.jpg").symlink_to(here / "elsewhere" / "a.jpg")
    (here / "p" / "folder").symlink_to(here / "elsewhere")
    (here / "p" / "loop").symlink_to(here / "p")
    (here / "p" / "dangling.jpg").symlink_to("nowhere")
    assert found("p") == ["p/b.jpg"]


@posix_only
def test_a_named_link_leads_to_its_target_under_the_link_s_name(here):
    grow(here, "real/a.jpg")
    (here / "link.jpg").symlink_to("real/a.jpg")
    (here / "folder").symlink_to("real")
    real = Path(os.path.realpath(here)) / "real" / "a.jpg"
    link = Path("link.jpg")
    (candidate,) = discover([link])
    assert (candidate.path, candidate.root, candidate.place) == (real, link, link)
    assert candidate.explicit
    assert found("folder") == ["folder/a.jpg"]
    assert found("folder", "real", "link.jpg") == ["folder/a.jpg"]


def test_a_path_that_is_not_there(here):
    grow(here, "a.jpg")
    assert failed("no.jpg", "no/way") == [("no.jpg", "not_found"), ("no/way", "not_found")]
    assert failed("a.jpg/b") == [("a.jpg/b", "not_found")]
    assert failed("nul\0l") == [("nul\0l", "unreadable")]


@posix_only
def test_a_pipe_or_device_is_refused(here):
    os.mkfifo(here / "p.jpg")
    (here / "loop").symlink_to("loop")
    assert failed("p.jpg", "/dev/null", "loop") == [
        ("p.jpg", "not_a_regular_file"),
        ("/dev/null", "not_a_regular_file"),
        ("loop", "unreadable"),
    ]
    assert failed(".") == [("p.jpg", "not_a_regular_file")]


def test_an_unreadable_folder_is_told_and_the_walk_goes_on(here, monkeypatch):
    grow(here, "p/a/x.jpg", "p/b/y.jpg")
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    result, candidate = discover([Path("p")])
    assert (result.path, result.reason) == (Path("p/a"), "unreadable")
    assert result.message == "the folder can't be read: permission denied"
    assert candidate.path == Path("p/b/y.jpg")


@posix_only
def test_any_name_the_system_allows(here):
    names = ["new\nline.jpg", "\udcff\udcfe.jpg", "-rf.jpg", " .jpg", "é\u202e.jpg", "*.jpg"]
    grow(here, *(f"p/{name}" for name in names))
    assert found("p") == sorted(f"p/{name}" for name in names)


def test_a_tree_deeper_than_the_recursion_limit(deep):
    folder = Path("p")
    for name in ("", *deep):
        folder /= name
        folder.mkdir()
    (folder / "a.jpg").touch()
    assert found("p") == [str(folder / "a.jpg")]


def test_the_walk_streams(here, monkeypatch):
    grow(here, *(f"p/{number}/a.jpg" for number in range(50)))
    scanned, scan = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: scanned.append(path) or scan(path))
    stream = discover([Path("p")])
    next(stream)
    assert len(scanned) == 2


def test_a_file_that_is_gone_by_the_time_it_is_looked_at_is_no_matter(here, monkeypatch):
    grow(here, "p/a.jpg", "p/b.jpg")
    stream = discover([Path("p")])
    assert next(stream).path == Path("p/a.jpg")
    Path("p/b.jpg").unlink()
    assert list(stream) == []


def test_a_photo_library_is_left_to_its_program_and_told(here):
    grow(here, "p/a.jpg", "p/My.photoslibrary/originals/0/x.jpg")
    candidate, result = discover([Path("p")])
    assert candidate.path == Path("p/a.jpg")
    assert result.path == Path("p/My.photoslibrary")
    assert (result.status, result.reason) == (Status.SKIPPED, "photo_library")
    assert found("p", exclude=("*.photoslibrary",)) == ["p/a.jpg"]


def test_a_photo_library_that_is_named_is_entered(here):
    grow(here, "p/My.photoslibrary/originals/0/x.jpg")
    inside = "p/My.photoslibrary/originals/0/x.jpg"
    assert found("p/My.photoslibrary") == [inside]
    assert found("p/My.photoslibrary/originals", "p/My.photoslibrary") == [inside]
    named, skipped = discover([Path(inside), Path("p")])
    assert named.path == Path(inside)
    assert skipped.reason == "photo_library"
