import io

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def photograph():
    """Return a function that makes a small JPEG of clouds and grain, another for each number."""

    def make(number=0, *, size=(160, 120), quality=96):
        generator = np.random.default_rng(number)
        coarse = generator.integers(40, 215, (6, 8, 3), np.uint8)
        picture = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
        grain = generator.normal(0, 4, (size[1], size[0], 3))
        pixels = np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8)
        written = io.BytesIO()
        Image.fromarray(pixels).save(written, "JPEG", quality=quality)
        return written.getvalue()

    return make
