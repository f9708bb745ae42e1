"""`--output DIR`: every JPEG of the run ends up there, and the originals stay."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import jpegslim

JPEGS = {
    "one.jpg",
    "two.JPEG",
    "trip/three.jpe",
    "trip/day 2/four.jfif",
    "small.jpg",
    "broken.jpg",
}
OPTIMIZED = {"one.jpg", "two.JPEG", "trip/three.jpe", "trip/day 2/four.jfif"}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "slim"


def records(ran):
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory, command, fill, contents, looks):
    """One run into an output folder, looked at by several tests; then one more."""
    top = fill(tmp_path_factory.mktemp("output") / "photos")
    (top / "one.jpg").chmod(0o600)
    out = top.parent / "slim"
    before = SimpleNamespace(contents=contents(top), looks=looks(top))
    first = command("optimize", top, "--output", out, "--json")
    after = SimpleNamespace(contents=contents(top), looks=looks(top))
    made = SimpleNamespace(contents=contents(out), looks=looks(out))
    second = command("optimize", top, "--output", out, "--json")
    made_again = SimpleNamespace(contents=contents(out), looks=looks(out))
    return SimpleNamespace(**locals())


def test_the_tree_is_mirrored_whole(run):
    assert run.first.returncode == 1
    assert set(run.made.contents) == {f"photos/{name}" for name in JPEGS}
    for name in OPTIMIZED:
        source, made = run.before.contents[name], run.made.contents[f"photos/{name}"]
        assert len(made) < len(source)
        assert jpegslim.compare(source, made).score >= 85


def test_the_originals_are_not_touched(run):
    assert run.after == run.before


def test_what_is_kept_or_broken_is_copied_as_it_is(run):
    for name in ("small.jpg", "broken.jpg"):
        assert run.made.contents[f"photos/{name}"] == run.before.contents[name]


def test_times_and_permissions_follow(run):
    for name in JPEGS:
        assert run.made.looks[f"photos/{name}"][1:] == run.before.looks[name][1:]
    assert run.made.looks["photos/one.jpg"][2] == 0o600


def test_every_record_names_what_stands_there_now(run):
    for record in records(run.first)[:-1]:
        output = Path(record["output"])
        assert output.is_relative_to(run.out)
        assert len(run.made.contents[output.relative_to(run.out).as_posix()]) == record["bytes_out"]


def test_a_second_run_changes_nothing(run):
    assert run.made_again == run.made
    first, second = (records(each)[-1]["totals"] for each in (run.first, run.second))
    assert second["skipped"] == first["optimized"] == 4
    # What the first run saved is not saved again.
    assert second["bytes_out"] == second["bytes_in"] == first["bytes_in"]
    assert second["exit_code"] == 1


def test_another_quality_makes_the_result_anew_from_the_original(command, folder, out):
    photo, made = folder / "one.jpg", out / "one.jpg"
    command("optimize", photo, "--output", out, "--quality", "small")
    small = made.stat().st_size
    command("optimize", photo, "--output", out, "--quality", "archive")
    assert made.stat().st_size > small
    assert jpegslim.compare(photo.read_bytes(), made.read_bytes()).score >= 90


def test_a_file_that_is_not_ours_is_never_replaced(command, folder, out, picture, contents):
    stranger = out / "photos" / "one.jpg"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(picture(9))
    ran = command("optimize", folder / "one.jpg", folder / "two.JPEG", "--output", out / "photos")
    assert ran.returncode == 1
    assert stranger.read_bytes() == picture(9)
    assert "exists and was not made from this file" in ran.stderr.decode()
    assert (out / "photos" / "two.JPEG").exists()


def test_a_result_edited_since_is_not_replaced(command, folder, out, picture):
    photo, edited = folder / "one.jpg", out / "one.jpg"
    command("optimize", photo, "--output", out)
    edited.write_bytes(picture(9))
    assert command("optimize", photo, "--output", out).returncode == 1
    assert edited.read_bytes() == picture(9)


def test_two_inputs_of_one_name_fail_both(command, tmp_path, out, picture, contents):
    for name in ("a/photos/x.jpg", "b/photos/x.jpg", "a/photos/y.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture())
    ran = command(
        "optimize", tmp_path / "a/photos", tmp_path / "b/photos", "--output", out, "--json"
    )
    assert ran.returncode == 1
    told = {record["path"]: record for record in records(ran)[:-1]}
    for name in ("a/photos/x.jpg", "b/photos/x.jpg"):
        assert told[str(tmp_path / name)]["reason"] == "name_clash"
    assert set(contents(out)) == {"photos/y.jpg"}


def test_a_dry_run_makes_no_folder(command, folder, out):
    assert command("optimize", folder, "--output", out, "--dry-run").returncode == 1
    assert not out.exists()


def test_an_output_inside_the_input_is_not_walked(command, folder, contents):
    for _ in range(2):
        command("optimize", folder, "--output", folder / "slim")
    made = contents(folder / "slim")
    assert {name.removeprefix("photos/") for name in made} == JPEGS


def test_output_onto_the_input_is_refused(command, folder, contents):
    before = contents(folder)
    ran = command("optimize", folder, "--output", folder.parent)
    assert ran.returncode == 2
    assert contents(folder) == before


def test_single_files_go_right_into_the_folder(command, folder, out, contents):
    assert command("optimize", folder / "one.jpg", "--output", out).returncode == 0
    assert set(contents(out)) == {"one.jpg"}


def test_odd_names_arrive_unchanged(command, tmp_path, out, picture, contents):
    top = tmp_path / "p"
    names = {"new\nline.jpg", "-rf.jpg", "日本 é.jpg"}
    top.mkdir()
    for name in names:
        (top / name).write_bytes(picture())
    assert command("optimize", "p", "--output", out, cwd=tmp_path).returncode == 0
    assert set(contents(out / "p")) == names
