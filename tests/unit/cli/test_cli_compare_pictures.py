"""`compare --heatmap` and `--side-by-side`: what is written, and what is never overwritten."""

import numpy as np
import pytest
from PIL import Image

from jpegslim.errors import ExitCode

OPTIONS = ["--heatmap", "--side-by-side"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    rows, columns = np.mgrid[0:128, 0:192]
    waves = 128 + 60 * np.sin(rows / 3) + 60 * np.cos(columns / 4)
    image = Image.fromarray(waves.astype(np.uint8)).convert("RGB")
    image.save(folder / "a.png")
    image.save(folder / "b.jpg", quality=30)
    return folder / "a.png", folder / "b.jpg"


def test_both_pictures_are_written_beside_the_judgement(invoke, pair, tmp_path):
    places = [tmp_path / "heat.png", tmp_path / "sides.PNG"]
    plain = invoke("compare", *pair)
    outcome = invoke("compare", *pair, "--heatmap", places[0], "--side-by-side", places[1])
    assert (outcome.exit_code, outcome.stdout) == (ExitCode.OK, plain.stdout)
    for place in places:
        with Image.open(place) as image:
            image.load()
            assert image.format == "PNG"
    assert sorted(tmp_path.iterdir()) == sorted(places)


@pytest.mark.parametrize("option", OPTIONS)
def test_a_picture_of_ours_is_replaced(invoke, pair, tmp_path, option):
    place = tmp_path / "out.png"
    for _ in range(2):
        assert invoke("compare", *pair, option, place).exit_code == ExitCode.OK
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("option", OPTIONS)
def test_a_picture_that_is_not_ours_is_left_alone(invoke, pair, tmp_path, option):
    place = tmp_path / "mine.png"
    Image.new("RGB", (9, 9)).save(place)
    before = place.read_bytes()
    for target in (place, pair[0]):
        outcome = invoke("compare", *pair, option, target)
        assert outcome.exit_code == ExitCode.USAGE
        assert f"{option} {target}: this exists and is no picture of ours" in outcome.stderr
    assert place.read_bytes() == before


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", ["out.jpg", "out", "out.png.bak"])
def test_the_name_says_png(invoke, pair, tmp_path, option, name):
    outcome = invoke("compare", *pair, option, tmp_path / name)
    assert outcome.exit_code == ExitCode.USAGE
    assert "must end in .png" in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_stops_with_one_line(invoke, pair, tmp_path):
    outcome = invoke("compare", *pair, "--heatmap", tmp_path / "no" / "out.png")
    assert outcome.exit_code == ExitCode.STOPPED
    assert "can't write" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_folders_have_no_pictures(invoke, pair, tmp_path):
    folder = pair[0].parent
    outcome = invoke("compare", folder, folder, "--heatmap", tmp_path / "out.png")
    assert outcome.exit_code == ExitCode.USAGE
    assert "not folders" in outcome.stderr


def test_a_broken_picture_writes_nothing(invoke, pair, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(pair[1].read_bytes()[:900])
    outcome = invoke("compare", pair[0], broken, "--heatmap", tmp_path / "out.png")
    assert outcome.exit_code == ExitCode.SOME_FAILED
    assert str(broken) in outcome.stderr
    assert not (tmp_path / "out.png").exists()


def test_a_link_is_never_written_through(invoke, pair, tmp_path):
    place = tmp_path / "out.png"
    place.symlink_to(tmp_path / "elsewhere.png")
    outcome = invoke("compare", *pair, "--heatmap", place)
    assert outcome.exit_code == ExitCode.USAGE
    assert not (tmp_path / "elsewhere.png").exists()


def test_a_turned_photo_is_shown_upright(invoke, tmp_path):
    rows, columns = np.mgrid[0:240, 0:400]
    waves = (128 + 60 * np.sin(rows / 3) + 60 * np.cos(columns / 4)).astype(np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6
    image = Image.fromarray(waves).convert("RGB")
    image.save(tmp_path / "a.jpg", quality=95, exif=turned)
    image.save(tmp_path / "b.jpg", quality=30, exif=turned)
    places = [tmp_path / "heat.png", tmp_path / "sides.png"]
    outcome = invoke(
        "compare",
        tmp_path / "a.jpg",
        tmp_path / "b.jpg",
        "--heatmap",
        places[0],
        "--side-by-side",
        places[1],
    )
    assert outcome.exit_code == ExitCode.OK
    with Image.open(places[0]) as heat, Image.open(places[1]) as sides:
        # 400 pixels high as it is shown, and under 200 around it.
        assert heat.height > 500
        # Two windows of 240 by 256.
        assert sides.width == 2 * 240 + 12 + 2 * 24
