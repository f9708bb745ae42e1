"""Where results go: never onto a source, never outside the output, never two onto one name."""

import sys
from pathlib import Path

import pytest

from jpegslim.errors import UsageError
from jpegslim.files.discovery import discover
from jpegslim.files.plan import Task, plan
from jpegslim.files.store import discard, stage
from jpegslim.results import FileResult, Status
from jpegslim.settings import Settings

SETTINGS = Settings()


def grow(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")


def planned(*paths, output="out", dry_run=False):
    paths = [Path(path) for path in paths]
    folder = None if output is None else Path(output)
    candidates = discover(paths, without=[] if folder is None else [folder])
    return list(plan(candidates, paths=paths, output=folder, settings=SETTINGS, dry_run=dry_run))


def targets(*paths, output="out"):
    return {str(task.source): str(task.destination) for task in planned(*paths, output=output)}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_in_place_the_destination_is_the_source():
    grow("p/a.jpg", "scan")
    first, second = planned("p", "scan", output=None, dry_run=True)
    assert first.source == first.destination == Path("p/a.jpg")
    assert (first.in_place, first.explicit, first.dry_run) == (True, False, True)
    assert first.settings == SETTINGS
    assert (second.destination, second.explicit) == (Path("scan"), True)


def test_a_task_names_its_temporary_beforehand():
    grow("a.jpg", "b.jpg")
    first, second = planned("a.jpg", "b.jpg", output=None)
    assert first.token != second.token
    staged = stage(b"x", first.destination, like=first.source, token=first.token)
    assert staged == first.staged
    discard(first.staged)
    assert sorted(path.name for path in Path().iterdir()) == ["a.jpg", "b.jpg"]


def test_a_folder_keeps_its_name_and_tree_in_the_output():
    grow("x/photos/a.jpg", "x/photos/q/b.jpg")
    assert targets("x/photos") == {
        "x/photos/a.jpg": "out/photos/a.jpg",
        "x/photos/q/b.jpg": "out/photos/q/b.jpg",
    }


def test_a_named_file_goes_straight_into_the_output():
    grow("x/y/a.jpg")
    assert targets("x/y/a.jpg") == {"x/y/a.jpg": "out/a.jpg"}


@pytest.mark.parametrize("dots", [".", "./", "p/..", "../here", "p/../../here/."])
def test_dots_stand_for_the_folder_s_own_name(dots):
    grow("a.jpg", "p/none")
    assert list(targets(dots).values()) == ["out/here/a.jpg"]


def test_the_output_inside_the_input_is_not_taken_as_input():
    grow("p/a.jpg", "p/out/p/a.jpg")
    assert targets("p", output="p/out") == {"p/a.jpg": "p/out/p/a.jpg"}


@pytest.mark.parametrize(
    ("paths", "output"),
    [
        (["p"], "p"),
        (["p"], "."),
        (["./p/../p"], "p/.."),
        (["p/a.jpg"], "p"),
        (["p/q"], "p"),
        (["elsewhere", "p"], "."),
        (["."], ".."),
    ],
)
def test_writing_onto_the_source_is_a_usage_error_before_any_work(paths, output):
    grow("p/a.jpg", "p/q/b.jpg", "elsewhere/a.jpg")
    with pytest.raises(UsageError, match="leave --output out"):
        plan(
            iter([]),
            paths=[Path(path) for path in paths],
            output=Path(output),
            settings=SETTINGS,
            dry_run=False,
        )


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_writing_onto_the_source_through_a_link_is_a_usage_error(here):
    grow("p/a.jpg")
    Path("out").symlink_to(here)
    with pytest.raises(UsageError, match="leave --output out"):
        planned("p")


def clashes(results):
    return {
        str(result.path): result.message for result in results if isinstance(result, FileResult)
    }


def test_two_inputs_for_one_name_both_fail_and_name_each_other():
    grow("x/p/a.jpg", "x/p/b.jpg", "y/p/a.jpg", "y/p/c.jpg")
    results = planned("x/p", "y/p")
    assert all(
        result.reason == "name_clash" and result.status is Status.FAILED
        for result in results
        if isinstance(result, FileResult)
    )
    failures = clashes(results)
    assert list(failures) == ["x/p/a.jpg", "y/p/a.jpg"]
    assert "y/p/a.jpg" in failures["x/p/a.jpg"]
    assert "x/p/a.jpg" in failures["y/p/a.jpg"]
    assert {str(task.source) for task in results if isinstance(task, Task)} == {
        "x/p/b.jpg",
        "y/p/c.jpg",
    }


def test_a_clash_is_told_in_one_line_whatever_the_name():
    grow("x/a\n.jpg", "y/a\n.jpg")
    assert r"'y/a\n.jpg'" in clashes(planned("x/a\n.jpg", "y/a\n.jpg"))["x/a\n.jpg"]


def test_two_named_files_for_one_name_both_fail():
    grow("x/a.jpg", "y/a.jpg", "y/b.jpg")
    results = planned("x/a.jpg", "y/a.jpg", "y/b.jpg")
    assert list(clashes(results)) == ["x/a.jpg", "y/a.jpg"]
    assert len(results) == 3


def test_only_what_the_other_walk_would_pick_is_a_rival(here):
    grow("x/p/a.png", "x/p/.h/a.jpg", "x/p/q/b.jpg", "elsewhere/b.jpg", "y/p/q/c.jpg")
    grow("z/p/a.png", "z/p/.h/a.jpg")
    Path("z/p/q/b.jpg").mkdir(parents=True)
    assert clashes(planned("x/p", "y/p", "z/p")) == {}
    if sys.platform != "win32":
        Path("y/p/q/b.jpg").symlink_to(here / "elsewhere" / "b.jpg")
        assert clashes(planned("x/p", "y/p", "z/p")) == {}


def test_one_folder_named_twice_is_no_clash():
    grow("p/a.jpg", "p/p/a.jpg", "p/p/p/a.jpg")
    assert clashes(planned("p", "./p", "p/p", "p/a.jpg")) == {}


def test_what_discovery_could_not_take_passes_through():
    (result,) = planned("nothing")
    assert result.reason == "not_found"
