"""Pictures too small for the metric keep every pixel: judged by PSNR, not by the score itself."""

import io

import numpy as np
import pytest
from PIL import Image

from jpegslim.engine import metric
from jpegslim.engine.optimizer import optimize
from jpegslim.results import Status


def thumbnail(width: int, height: int, mode: str) -> bytes:
    y, x = np.mgrid[0:height, 0:width]
    rng = np.random.default_rng(width * height)
    waves = 127 + 60 * np.sin(x / 3.0) + 50 * np.cos(y / 4.0) + rng.normal(0, 6, (height, width))
    picture = Image.fromarray(np.clip(waves, 0, 255).astype(np.uint8)).convert(mode)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=95)
    return out.getvalue()


def psnr(a: bytes, b: bytes) -> float:
    first, second = (np.asarray(Image.open(io.BytesIO(each)), np.float64) for each in (a, b))
    error = np.mean((first - second) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(("width", "height"), [(8, 8), (16, 16), (48, 48), (112, 82), (112, 900)])
def test_below_six_scales_no_pixel_changes(width, height, mode):
    data = thumbnail(width, height, mode)
    result = optimize(data)
    assert result.status in (Status.LOSSLESS, Status.KEPT)
    assert result.reason in ("not_measurable", "too_little_to_gain")
    assert psnr(data, result.data) == np.inf


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("side", [113, 128, 200])
def test_from_six_scales_on_a_delivered_picture_is_close(side, mode):
    data = thumbnail(side, side, mode)
    result = optimize(data)
    assert psnr(data, result.data) > 32


def test_six_scales_begin_at_113_pixels():
    assert metric.is_meaningful(113, 5000)
    assert not metric.is_meaningful(112, 5000)
