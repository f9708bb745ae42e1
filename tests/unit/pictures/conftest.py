import io

import numpy as np
import pytest
from PIL import Image

from jpegslim.engine.colour import PLAIN
from jpegslim.engine.comparing import Pair


@pytest.fixture(scope="session")
def textured():
    """Return a function that makes (H, W, 3) pixels full of texture, the same every time."""

    def make(width, height):
        generator = np.random.default_rng(7)
        coarse = generator.integers(40, 215, (height // 16 + 2, width // 16 + 2, 3), np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((width, height)))
        grain = generator.normal(0, 6, (height, width, 3))
        return np.clip(smooth + grain, 0, 255).astype(np.uint8)

    return make


@pytest.fixture(scope="session")
def spoilt(textured):
    """Return a function that makes a pair: the copy is the original but for one flat square."""

    def make(width, height, x, y, side=48):
        original = textured(width, height)
        copy = original.copy()
        square = copy[y : y + side, x : x + side]
        square[:] = square.mean(axis=(0, 1)).astype(np.uint8)
        return Pair(PLAIN, original, copy)

    return make


@pytest.fixture(scope="session")
def jpeg():
    def encode(pixels, **options):
        written = io.BytesIO()
        Image.fromarray(pixels).save(written, "JPEG", **options)
        return written.getvalue()

    return encode
