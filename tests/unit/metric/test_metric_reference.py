"""The fallback: chosen where there is no kernel, and the same however it cuts its bands."""

import subprocess
import sys

import numpy as np
import pytest

from jpegslim.engine.metric import SRGB, implementation, reference, ssimulacra2


@pytest.mark.parametrize("band", [64, 2000, 9000])
def test_bands_do_not_change_the_sums(band, picture, damage, monkeypatch):
    original = picture(197, 150)
    pair = original, damage(original, 6.0)
    whole = reference.tile_sums(*pair, SRGB, 64)
    monkeypatch.setattr(reference, "_BAND_PIXELS", band)
    np.testing.assert_allclose(reference.tile_sums(*pair, SRGB, 64), whole, rtol=1e-9)


def test_without_a_kernel_it_says_so(monkeypatch):
    monkeypatch.setattr(ssimulacra2, "HAS_KERNEL", False)
    assert implementation() == "NumPy"
    assert ssimulacra2.kernel_paths() == ()


def test_an_installation_without_a_kernel_imports_and_scores_in_silence():
    script = """
import sys
sys.modules["jpegslim.engine.metric._kernel"] = None
import numpy as np
from jpegslim.engine import metric
assert metric.implementation() == "NumPy"
assert metric.compare(np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.uint8)).score == 100.0
"""
    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
