import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jpegslim.audit import AuditTotals, Outcome, PairResult, audit, judge
from jpegslim.errors import ExitCode, FileError, UsageError


@pytest.fixture
def picture():
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[0:80, 0:120]
    base = np.stack([rows * 3, columns * 2, rows + columns], axis=-1)
    return Image.fromarray((base + rng.integers(0, 20, base.shape)).clip(0, 255).astype(np.uint8))


@pytest.fixture
def trees(tmp_path, picture):
    """Two folders: `same.jpg` and `sub/worse.jpeg` in both, and how to add more."""
    before, after = tmp_path / "photos", tmp_path / "slim"
    (before / "sub").mkdir(parents=True)
    (after / "sub").mkdir(parents=True)
    picture.save(before / "same.jpg", quality=95)
    (after / "same.jpg").write_bytes((before / "same.jpg").read_bytes())
    picture.save(before / "sub" / "worse.jpeg", quality=95)
    picture.save(after / "sub" / "worse.jpeg", quality=40)
    return before, after


def by_name(trees):
    return {result.path.name: result for result in audit(*trees)}


def test_identical_pictures_score_100(tmp_path, picture):
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "b.tiff")
    judgement = judge(tmp_path / "a.png", tmp_path / "b.tiff")
    assert judgement.score == 100
    assert judgement.worst_tile.score == 100


def test_a_worse_copy_scores_lower_and_the_tiles_cover_it(tmp_path, picture):
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "b.jpg", quality=80)
    picture.save(tmp_path / "c.jpg", quality=30)
    good = judge(tmp_path / "a.png", tmp_path / "b.jpg")
    bad = judge(tmp_path / "a.png", tmp_path / "c.jpg")
    assert 100 > good.score > bad.score
    assert sum(tile.width * tile.height for tile in good.tiles) == 80 * 120
    assert good.worst_tile == min(good.tiles, key=lambda tile: tile.score)


def test_grey_beside_rgb_is_taken_as_rgb(tmp_path, picture):
    picture.convert("L").save(tmp_path / "grey.png")
    picture.convert("L").convert("RGB").save(tmp_path / "rgb.png")
    assert judge(tmp_path / "grey.png", tmp_path / "rgb.png").score == 100
    assert judge(tmp_path / "rgb.png", tmp_path / "grey.png").score == 100


def test_different_sizes_are_named(tmp_path, picture):
    picture.save(tmp_path / "a.png")
    picture.resize((60, 40)).save(tmp_path / "b.png")
    with pytest.raises(FileError, match=r"120.80 and 60.40"):
        judge(tmp_path / "a.png", tmp_path / "b.png")


def test_a_picture_that_does_not_decode_is_named(tmp_path, picture):
    picture.save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    with pytest.raises(FileError, match=r"b\.jpg: "):
        judge(tmp_path / "a.png", tmp_path / "b.jpg")
    with pytest.raises(FileError, match=r"c\.jpg: can't be read"):
        judge(tmp_path / "a.png", tmp_path / "c.jpg")


def test_pairs_are_found_by_their_path(trees):
    results = by_name(trees)
    assert results["same.jpg"].outcome is Outcome.IDENTICAL
    assert results["same.jpg"].score == 100
    worse = results["worse.jpeg"]
    assert worse.path == Path("sub/worse.jpeg")
    assert worse.outcome is Outcome.COMPARED
    assert worse.score < 95
    assert worse.bytes_out < worse.bytes_in


def test_a_file_missing_on_either_side_is_a_result(trees, picture):
    picture.save(trees[0] / "lost.jpg")
    picture.save(trees[1] / "new.jpg")
    results = by_name(trees)
    assert results["lost.jpg"].message == f"not in {trees[1]}"
    assert results["new.jpg"].message == f"not in {trees[0]}"
    assert results["lost.jpg"].outcome is results["new.jpg"].outcome is Outcome.MISSING


def test_nothing_that_fails_stops_the_audit(trees, picture):
    for tree in trees:
        (tree / "broken.jpg").write_bytes(b"\xff\xd8\xff" + os.urandom(50))
    picture.save(trees[0] / "size.jpg")
    picture.resize((10, 10)).save(trees[1] / "size.jpg")
    results = by_name(trees)
    assert results["broken.jpg"].outcome is Outcome.FAILED
    assert results["broken.jpg"].message.startswith("the original: ")
    assert results["size.jpg"].outcome is Outcome.FAILED
    assert results["worse.jpeg"].outcome is Outcome.COMPARED


def test_files_that_a_run_leaves_alone_are_not_missed(trees):
    (trees[0] / "movie.mp4").touch()
    (trees[0] / ".hidden.jpg").touch()
    assert set(by_name(trees)) == {"same.jpg", "worse.jpeg"}


def test_a_copy_inside_the_originals_is_not_an_original(trees, picture):
    inside = trees[0] / "slim"
    inside.mkdir()
    picture.save(inside / "same.jpg")
    results = {result.path: result.outcome for result in audit(trees[0], inside)}
    assert results == {
        Path("same.jpg"): Outcome.COMPARED,
        Path("sub/worse.jpeg"): Outcome.MISSING,
    }


def test_a_folder_beside_itself_is_identical(trees):
    assert {result.outcome for result in audit(trees[0], trees[0])} == {Outcome.IDENTICAL}


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root and Windows read everything"
)
def test_an_unreadable_folder_is_a_failure(trees):
    (trees[0] / "sub").chmod(0)
    try:
        results = by_name(trees)
    finally:
        (trees[0] / "sub").chmod(0o700)
    assert results["sub"].outcome is Outcome.FAILED


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes are POSIX")
def test_a_pipe_in_the_way_is_told_once(trees):
    (trees[0] / "odd.jpg").mkdir()
    os.mkfifo(trees[1] / "odd.jpg")
    assert by_name(trees)["odd.jpg"].outcome is Outcome.FAILED


def test_a_photo_library_is_no_pair_and_no_failure(trees):
    (trees[0] / "My.photoslibrary").mkdir()
    assert by_name(trees).keys() == {"same.jpg", "worse.jpeg"}


def test_an_audit_of_nothing_does_not_pass(tmp_path):
    with pytest.raises(UsageError, match="no JPEG files"):
        list(audit(tmp_path, tmp_path))
    (tmp_path / "a.jpg").touch()
    with pytest.raises(UsageError, match="not a folder"):
        list(audit(tmp_path, tmp_path / "a.jpg"))


def test_totals_follow_the_pairs():
    totals = AuditTotals()
    assert totals.median is None
    assert totals.saved_fraction == 0
    for name, score in (("a", 91.0), ("b", 85.0), ("c", 88.0)):
        pair = {"bytes_in": 100, "bytes_out": 40, "score": score}
        totals.add(PairResult(path=Path(name), outcome=Outcome.COMPARED, message="", **pair))
    assert totals.exit_code is ExitCode.OK
    assert totals.lowest.path == Path("b")
    assert totals.median == 88
    assert totals.saved_fraction == pytest.approx(0.6)
    totals.add(PairResult(path=Path("d"), outcome=Outcome.MISSING, message="not there"))
    assert totals.exit_code is ExitCode.SOME_FAILED
    assert totals.pairs == 4
    assert totals.bytes_in == 300
