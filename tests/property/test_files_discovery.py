"""Over random trees and arguments: each file once, every destination its own and inside."""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from jpegslim.errors import UsageError
from jpegslim.files.discovery import Candidate, discover
from jpegslim.files.plan import Task, plan
from jpegslim.settings import Settings

NAMES = st.sampled_from(["a", "b", ".h", "a.jpg", "B.JPG", "c.png", "out"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@settings(max_examples=150, deadline=None)
@given(
    files=st.lists(PATHS, min_size=1, max_size=10),
    arguments=st.lists(PATHS, min_size=1, max_size=4),
)
def test_every_picture_once_to_a_place_of_its_own(files, arguments):
    top = Path(tempfile.mkdtemp())
    try:
        for name in files:
            try:
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).touch()
            except OSError:  # a file stands where this one needs a folder, or the reverse
                continue
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
    finally:
        shutil.rmtree(top)
