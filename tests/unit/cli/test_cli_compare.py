import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from jpegslim.errors import ExitCode


@pytest.fixture
def pair(tmp_path):
    rows, columns = np.mgrid[0:128, 0:192]
    waves = 128 + 60 * np.sin(rows / 3) + 60 * np.cos(columns / 4)
    image = Image.fromarray(waves.astype(np.uint8)).convert("RGB")
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.jpg", quality=70)
    return tmp_path / "a.png", tmp_path / "b.jpg"


@pytest.fixture
def trees(tmp_path, pair):
    for name in ("photos", "slim/photos"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x.jpg").write_bytes(pair[1].read_bytes())
    return tmp_path / "photos", tmp_path / "slim" / "photos"


def test_two_pictures_get_a_score_its_meaning_and_a_place(invoke, pair):
    outcome = invoke("compare", *pair)
    assert outcome.exit_code == ExitCode.OK
    score, tile = outcome.stdout.splitlines()
    assert score.startswith("score ")
    assert "difference" in score
    assert tile.endswith("192x128 pixels at x=0, y=0")
    assert outcome.stderr == ""


def test_json_of_two_pictures_has_every_tile(invoke, pair):
    answer = json.loads(invoke("compare", *pair, "--json").stdout)
    assert list(answer) == ["score", "worst_tile", "tiles"]
    assert set(answer["worst_tile"]) == {"x", "y", "width", "height", "score"}
    assert answer["worst_tile"] in answer["tiles"]


def test_pictures_of_two_sizes_are_one_line_and_exit_code_1(invoke, pair, tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "c.png")
    outcome = invoke("compare", pair[0], tmp_path / "c.png")
    assert outcome.exit_code == ExitCode.SOME_FAILED
    assert outcome.stderr.startswith("jpegslim: the sizes differ: ")
    assert all(size in outcome.stderr for size in ("192", "128", "30", "20"))
    assert outcome.stderr.count("\n") == 1
    assert outcome.stdout == ""


def test_two_folders_get_a_line_a_pair_and_totals(invoke, trees):
    outcome = invoke("compare", *trees)
    assert outcome.exit_code == ExitCode.OK
    pair, totals, *_ = outcome.stdout.splitlines()
    assert pair.split() == ["100.00", "identical", "x.jpg"]
    assert totals == "1 pair: 1 identical"


def test_json_of_folders_is_an_object_a_line(invoke, trees):
    (trees[0] / "lost.jpg").touch()
    outcome = invoke("compare", *trees, "--json")
    assert outcome.exit_code == ExitCode.SOME_FAILED
    lost, same, last = map(json.loads, outcome.stdout.splitlines())
    assert (lost["path"], lost["status"]) == ("lost.jpg", "missing")
    assert (same["path"], same["score"]) == ("x.jpg", 100.0)
    assert last["totals"]["pairs"] == 2
    assert last["totals"]["missing"] == 1


def test_the_usual_slip_gets_a_hint(invoke, trees):
    outcome = invoke("compare", trees[0], trees[1].parent)
    assert outcome.exit_code == ExitCode.SOME_FAILED
    assert outcome.stderr == f"nothing matches; did you mean {trees[1]}?\n"


def test_names_are_shown_safely(invoke, trees):
    (trees[0] / "\x1b[2J.jpg").touch()
    outcome = invoke("compare", *trees)
    assert "missing: \\x1b[2J.jpg: not in " in outcome.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes and devices")
@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        ("| true", 0, ""),
        ("> /dev/full", 3, "jpegslim: can't write standard output: No space left on device\n"),
        (">&-", 0, ""),
    ],
)
def test_a_standard_output_that_is_gone_is_no_traceback(trees, redirection, code, said):
    if "full" in redirection and not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("no /dev/full here")
    command = f'"$0" -m jpegslim compare "$1" "$2" {redirection}; exit ${{PIPESTATUS[0]}}'
    answer = subprocess.run(
        ["bash", "-c", command, sys.executable, *trees],
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert (answer.returncode, answer.stderr) == (code, said)


def test_a_score_of_a_thumbnail_is_not_passed_off_as_a_verdict(tmp_path, invoke):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 255, (48, 48), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels).save(tmp_path / "b.jpg", quality=60)
    assert "says little" in invoke("compare", tmp_path / "a.png", tmp_path / "b.jpg").stdout
