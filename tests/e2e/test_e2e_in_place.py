"""`jpegslim optimize PATH`: photos replaced where they stand."""

import os
from types import SimpleNamespace

import pytest

import jpegslim

PHOTOS = ["one.jpg", "two.JPEG", "trip/three.jpe", "trip/day 2/four.jfif"]


@pytest.fixture(scope="module")
def run(tmp_path_factory, command, fill, contents, looks):
    """One run over a folder, looked at by several tests; then one more."""
    top = fill(tmp_path_factory.mktemp("in_place") / "photos")
    (top / "one.jpg").chmod(0o640)
    before = SimpleNamespace(contents=contents(top), looks=looks(top))
    first = command("optimize", top)
    after = SimpleNamespace(contents=contents(top), looks=looks(top))
    second = command("optimize", top)
    again = SimpleNamespace(contents=contents(top), looks=looks(top))
    return SimpleNamespace(**locals())


def test_photos_are_replaced_and_everything_else_is_left(run):
    before, after = run.before.contents, run.after.contents
    assert run.first.returncode == 1
    assert after.keys() == before.keys()
    assert sorted(name for name in before if before[name] != after[name]) == sorted(PHOTOS)
    for name in PHOTOS:
        assert len(after[name]) < len(before[name])
        assert jpegslim.compare(before[name], after[name]).score >= 85


def test_the_first_line_says_that_originals_are_not_kept(run):
    first, *_ = run.first.stderr.decode().splitlines()
    assert first == "replacing in place; originals are not kept"


def test_the_summary_names_the_broken_file_and_why(run):
    told = run.first.stderr.decode()
    assert f"{run.top / 'broken.jpg'}: the file ends before the picture does" in told
    assert "6 files: 4 optimized, 1 kept, 1 failed" in told
    assert "lowest score delivered 85." in told
    assert "Traceback" not in told
    assert run.first.stdout == b""


def test_times_and_permissions_follow(run):
    for name in PHOTOS:
        inode, time, mode = run.before.looks[name]
        new_inode, new_time, new_mode = run.after.looks[name]
        assert new_inode != inode
        assert (new_time, new_mode) == (time, mode)
    assert run.after.looks["one.jpg"][2] == 0o640


def test_what_is_not_made_smaller_is_not_even_touched(run):
    for name in run.before.looks.keys() - set(PHOTOS):
        assert run.after.looks[name] == run.before.looks[name]


def test_a_second_run_changes_nothing(run):
    assert run.again == run.after
    assert run.second.returncode == 1
    assert "4 skipped" in run.second.stderr.decode()
    assert "already optimized" in run.second.stderr.decode()


def test_no_temporary_is_left(run):
    assert list(run.top.rglob(".*")) == []
    assert list(run.top.rglob("*.tmp")) == []


def test_a_dry_run_writes_nothing(command, folder, contents, looks):
    before = contents(folder), looks(folder)
    ran = command("optimize", folder, "--dry-run")
    assert (contents(folder), looks(folder)) == before
    told = ran.stderr.decode()
    assert "dry run: nothing will be written" in told
    assert "replacing in place" not in told
    assert "would save" in told


def test_the_lossless_preset_keeps_every_pixel(command, folder, contents):
    before = contents(folder)
    assert command("optimize", folder, "--quality", "lossless").returncode == 1
    after = contents(folder)
    changed = [name for name in before if before[name] != after[name]]
    assert set(changed) >= {"one.jpg", "two.JPEG", "trip/three.jpe"}
    for name in changed:
        assert jpegslim.compare(before[name], after[name]).score == 100


def test_baseline_is_written_on_request(command, tmp_path, picture):
    photo = tmp_path / "a.jpg"
    photo.write_bytes(picture())
    assert command("optimize", photo, "--baseline").returncode == 0
    assert b"\xff\xc2" not in photo.read_bytes()[:4000]
    assert photo.stat().st_size < len(picture())


def test_a_file_named_outright_is_judged_by_its_content(command, tmp_path, picture):
    photo = tmp_path / "scan.bak"
    photo.write_bytes(picture())
    assert command("optimize", photo).returncode == 0
    assert photo.stat().st_size < len(picture())


def test_a_file_that_is_no_jpeg_is_skipped(command, tmp_path):
    other = tmp_path / "fake.jpg"
    other.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    ran = command("optimize", other)
    assert ran.returncode == 0
    assert "1 skipped" in ran.stderr.decode()
    assert "not a JPEG" in ran.stderr.decode()


def test_any_name_will_do(command, tmp_path, picture):
    names = [
        "café ß.jpg",
        "写真.jpg",
        "🐈.jpeg",
        "new\nline.jpg",
        "-rf.jpg",
        "--help.jpg",
        "[red]x.jpg",
    ]
    top = tmp_path / "p"
    top.mkdir()
    for name in names:
        (top / name).write_bytes(picture())
    ran = command("optimize", ".", cwd=top)
    assert (ran.returncode, "7 optimized" in ran.stderr.decode()) == (0, True)
    assert {path.name for path in top.iterdir()} == set(names)
    assert {path.stat().st_size < len(picture()) for path in top.iterdir()} == {True}


def test_a_name_that_begins_with_a_dash_comes_after_two_of_them(command, tmp_path, picture):
    (tmp_path / "-x.jpg").write_bytes(picture())
    assert command("optimize", "--", "-x.jpg", cwd=tmp_path).returncode == 0
    assert (tmp_path / "-x.jpg").stat().st_size < len(picture())


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_not_unicode_will_do(command, tmp_path, picture):
    top = tmp_path / "p"
    top.mkdir()
    path = os.fsencode(top) + b"/caf\xe9.jpg"
    try:
        with open(path, "wb") as file:  # noqa: PTH123 - a name in bytes
            file.write(picture())
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    assert command("optimize", top).returncode == 0
    assert os.stat(path).st_size < len(picture())  # noqa: PTH116


def test_a_link_named_outright_stays_a_link(command, tmp_path, picture):
    target, link = tmp_path / "real.jpg", tmp_path / "link.jpg"
    target.write_bytes(picture())
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("this system makes no links")
    assert command("optimize", link).returncode == 0
    assert link.is_symlink()
    assert target.stat().st_size < len(picture())


def test_the_same_photo_named_twice_is_worked_on_once(command, folder, tmp_path):
    told = command("optimize", folder, folder / "one.jpg", folder / "trip").stderr.decode()
    assert "6 files:" in told
