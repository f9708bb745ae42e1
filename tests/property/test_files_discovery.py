"""Over random trees and arguments: each file once, every destination its own and inside."""

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegslim.errors import UsageError
from jpegslim.files.discovery import Candidate, Selection, discover, discover_listed
from jpegslim.files.patterns import compile_patterns
from jpegslim.files.plan import Task, plan
from jpegslim.settings import Settings

NAMES = st.sampled_from(["a", "b", ".h", "a.jpg", "B.JPG", "c.png", "out"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


GLOBS = st.lists(
    st.sampled_from(["a", "*.JPG", "b/**", "/a", "a/*", "**/b/*.jpg", "?", "[!a]*", "b/", "out"]),
    max_size=2,
).map(tuple)


@contextmanager
def grown(files, links=()):
    """Make a tree of empty files and of links, as far as names allow."""
    top = Path(os.path.realpath(tempfile.mkdtemp()))
    try:
        for name in files:
            # A file may stand where this one needs a folder, or the reverse.
            with suppress(OSError):
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).touch()
        for name, target in links:
            with suppress(OSError):
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).symlink_to(top / target)
        yield top
    finally:
        shutil.rmtree(top)


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
@settings(max_examples=100, deadline=None)
@given(
    files=st.lists(PATHS, min_size=1, max_size=8),
    links=st.lists(st.tuples(PATHS, PATHS | st.just(".")), max_size=5),
    arguments=st.lists(PATHS | st.just("."), min_size=1, max_size=3),
    include=GLOBS,
    exclude=GLOBS,
)
def test_with_links_followed_every_picture_still_comes_once(
    files, links, arguments, include, exclude
):
    with grown(files, links) as top:
        paths = [top / name for name in arguments]
        plain = Selection(include=include, exclude=exclude)
        follow = Selection(include=include, exclude=exclude, follow_symlinks=True)
        without = [top / "out"]
        here, everywhere = (
            [
                os.path.realpath(each.path)
                for each in discover(paths, without=without, selection=selection)
                if isinstance(each, Candidate)
            ]
            for selection in (plain, follow)
        )
        assert len(everywhere) == len(set(everywhere))
        assert set(here) <= set(everywhere)
        # No link leads into the output; what was named there is another matter.
        if not any(os.path.realpath(path).startswith(str(top / "out")) for path in paths):
            assert not any(path.startswith(f"{top}/out/") for path in everywhere)


@settings(max_examples=100, deadline=None)
@given(files=st.lists(PATHS, min_size=1, max_size=10), include=GLOBS, exclude=GLOBS)
def test_patterns_leave_out_what_they_match_and_nothing_else(files, include, exclude):
    with grown(files) as top:
        chosen = {
            each.relative.as_posix()
            for each in discover([top], selection=Selection(include=include, exclude=exclude))
        }
        wanted, unwanted = compile_patterns(include), compile_patterns(exclude)
        for each in discover([top]):
            name = each.relative.as_posix()
            folders = [folder.as_posix() for folder in each.relative.parents][:-1]
            left_out = unwanted.match_file(name) or any(map(unwanted.match_folder, folders))
            taken_in = not include or wanted.match_file(name)
            assert (name in chosen) is (taken_in and not left_out)


@settings(max_examples=100, deadline=None)
@given(
    files=st.lists(PATHS, min_size=1, max_size=10),
    names=st.lists(PATHS | st.just("."), min_size=1, max_size=4),
)
def test_listed_names_find_what_paths_find_and_stay_in_the_output(files, names):
    with grown(files) as top:
        listed = [top / name for name in names]
        found = [each for each in discover_listed(listed) if isinstance(each, Candidate)]
        given_as_paths = [each for each in discover(listed) if isinstance(each, Candidate)]
        assert {each.path for each in found} == {each.path for each in given_as_paths}
        for each in found:
            assert not each.place.is_absolute()
            assert ".." not in each.place.parts
            assert each.place.name == each.path.name


@settings(max_examples=150, deadline=None)
@given(
    files=st.lists(PATHS, min_size=1, max_size=10),
    arguments=st.lists(PATHS, min_size=1, max_size=4),
)
def test_every_picture_once_to_a_place_of_its_own(files, arguments):
    with grown(files) as top:
        paths, output = [top / name for name in arguments], top / "out"
        found = list(discover(paths, without=[output]))
        sources = [os.path.realpath(each.path) for each in found if isinstance(each, Candidate)]
        assert len(sources) == len(set(sources))
        assert sources == [
            os.path.realpath(each.path)
            for each in discover(paths, without=[output])
            if isinstance(each, Candidate)
        ]
        try:
            planned = list(
                plan(found, paths=paths, output=output, settings=Settings(), dry_run=False)
            )
        except UsageError:
            return
        assert len(planned) == len(found)
        tasks = [each for each in planned if isinstance(each, Task)]
        destinations = [task.destination for task in tasks]
        assert len(destinations) == len(set(destinations))
        for task in tasks:
            assert task.destination.is_relative_to(output)
            assert ".." not in task.destination.parts
            assert os.path.realpath(task.destination) != os.path.realpath(task.source)
