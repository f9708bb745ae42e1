"""Photos with wide gamuts, measured again from outside: Pillow's decoder, published matrices."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jpegslim.engine.metric import SRGB, Colour, compare

EXAMPLES = Path(__file__).parents[2] / "examples" / "photos"
# CSS Color 4 and Adobe RGB (1998): linear light of their primaries to linear sRGB.
P3 = Colour(
    SRGB.curves,
    np.array(
        [
            [1.2249401762805598, -0.2249401762805597, 0.0],
            [-0.0420569547096881, 1.0420569547096880, 0.0],
            [-0.0196375545903344, -0.0786360455506319, 1.0982736001409663],
        ],
        np.float32,
    ),
)
ADOBE = Colour(
    np.tile(((np.arange(256) / 255) ** (563 / 256)).astype(np.float32), (3, 1)),
    np.array(
        [
            [1.3983557, -0.3983557, 0.0],
            [0.0, 1.0, 0.0],
            [0.0, -0.0429290, 1.0429290],
        ],
        np.float32,
    ),
)


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image), image.info.get("icc_profile")


@pytest.fixture
def optimized(command, tmp_path):
    """Optimize a photo into a folder; return its record and both files' bytes."""

    def run(path):
        ran = command("optimize", path, "--output", tmp_path, "--json")
        assert ran.returncode == 0, ran.stderr.decode()
        record = json.loads(ran.stdout.splitlines()[0])
        return record, path.read_bytes(), (tmp_path / path.name).read_bytes()

    return run


def held(optimized, path, colour):
    """Check the promise through the file's own colours; return how far sRGB would be off."""
    record, source, made = optimized(path)
    assert record["status"] == "optimized"
    (before, profile), (after, carried) = pixels(source), pixels(made)
    assert carried == profile
    score = compare(before, after, colour=colour).score
    assert score >= 84.95
    assert score == pytest.approx(record["score"], abs=0.05)
    return compare(before, after).score - score


def test_a_display_p3_photo_holds_its_promise(optimized):
    assert held(optimized, EXAMPLES / "dragonfly_on_lavender.jpg", P3) > 0.1


def test_an_adobe_rgb_photo_holds_its_promise(optimized, shared):
    assert held(optimized, shared / "weird" / "icc_wide_gamut" / "sea.jpg", ADOBE) > 0.3


def test_a_photo_whose_profile_lacks_a_part_is_worked_on_all_the_same(optimized, shared):
    record, source, made = optimized(shared / "weird" / "synth" / "icc_multiseg_missing.jpg")
    assert record["status"] in ("optimized", "lossless")
    assert pixels(made)[1] == pixels(source)[1]
