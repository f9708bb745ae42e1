"""Lists may say anything, and the same thing twice."""

import time
from pathlib import Path

from jpegslim import batch
from jpegslim.settings import Settings


class Outcomes:
    """Keeps every result, in order."""

    def __init__(self):
        self.all = []

    def started(self, run):
        pass

    def found(self, files, size, *, complete):
        pass

    def finished(self, result):
        self.all.append(result)

    def closed(self, totals):
        pass


def go(names, *, output=None, dry_run=False):
    outcomes = Outcomes()
    batch.run(
        [],
        Settings(),
        output=output,
        jobs=2,
        dry_run=dry_run,
        reporters=[outcomes],
        listed=map(Path, names),
    )
    return outcomes.all


def test_a_name_listed_again_while_it_is_worked_on_is_no_failure(tmp_path, photograph):
    photo = tmp_path / "a.jpg"
    photo.write_bytes(photograph(1))
    link = tmp_path / "folder"
    link.symlink_to(tmp_path, target_is_directory=True)
    names = [photo, photo, link / "a.jpg", tmp_path / "." / "a.jpg"]
    results = go(names)
    assert sorted(str(each.status) for each in results) == ["optimized", *["skipped"] * 3]
    assert {each.reason for each in results if each.status == "skipped"} <= {
        "listed_twice",
        "already_optimized",
    }


def test_a_photo_is_finished_while_the_list_waits_for_more(tmp_path, photograph):
    names = [tmp_path / name for name in ("a.jpg", "b.jpg")]
    for number, name in enumerate(names):
        name.write_bytes(photograph(number))
    outcomes = Outcomes()

    def slow():
        yield names[0]
        deadline = time.monotonic() + 60
        while not outcomes.all:
            assert time.monotonic() < deadline, "held up until the next name"
            time.sleep(0.01)
            yield None
        yield names[1]

    batch.run(
        [], Settings(), output=None, jobs=1, dry_run=False, reporters=[outcomes], listed=slow()
    )
    assert [each.path for each in outcomes.all] == names


def test_two_listed_files_of_one_name_never_pass_for_one(tmp_path, photograph):
    names = [tmp_path / folder / "a.jpg" for folder in ("one", "two")]
    for number, name in enumerate(names):
        name.parent.mkdir()
        name.write_bytes(photograph(number))
    first, second = sorted(go(names, output=tmp_path / "out"), key=lambda each: each.status)
    assert (first.status, first.path) == ("failed", names[1])
    # By which of the two follows from whether the other one is finished.
    assert first.reason in {"name_clash", "exists"}
    assert second.status == "optimized"


def test_a_listed_file_is_never_written_onto_itself(tmp_path, photograph, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = photograph(1)
    Path("a.jpg").write_bytes(data)
    before = Path("a.jpg").stat()
    (result,) = go(["a.jpg"], output=Path())
    assert (result.status, result.reason) == ("failed", "exists")
    assert "onto itself" in result.message
    assert Path("a.jpg").read_bytes() == data
    assert Path("a.jpg").stat().st_ino == before.st_ino
