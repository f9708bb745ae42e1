from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegslim.engine.metric import ssimulacra2

Picture = NDArray[np.uint8]


@pytest.fixture(params=["kernel", "numpy"])
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test once with each implementation."""
    if request.param == "numpy":
        monkeypatch.setattr(ssimulacra2, "HAS_KERNEL", False)
    elif not ssimulacra2.HAS_KERNEL:
        pytest.skip("the C kernel is not built: python setup.py build_ext --inplace")
    return str(request.param)


@pytest.fixture
def kernel() -> None:
    """Skip a test where the kernel is missing."""
    if not ssimulacra2.HAS_KERNEL:
        pytest.skip("the C kernel is not built: python setup.py build_ext --inplace")


@pytest.fixture
def picture() -> Callable[..., Picture]:
    return draw


@pytest.fixture
def damage() -> Callable[..., Picture]:
    return add_noise


def draw(height: int, width: int, *, grey: bool = False, seed: int = 1) -> Picture:
    """Draw smooth waves, hard edges and some grain: every term of the metric has work."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    angles = random.uniform(0.02, 0.4, (3, 2))
    waves = np.stack([np.sin(a * x + b * y) for a, b in angles], axis=2)
    edges = 40.0 * (((x // 13 + y // 9) % 2)[:, :, None] - 0.5)
    light = 128.0 + 60.0 * waves + edges + random.normal(0, 3, (height, width, 1))
    samples = np.clip(light, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(samples[:, :, 1]) if grey else samples


def add_noise(picture: Picture, amount: float, *, seed: int = 2) -> Picture:
    noise = np.random.default_rng(seed).normal(0, amount, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)
