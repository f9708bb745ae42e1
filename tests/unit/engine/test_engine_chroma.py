"""Chroma is never reduced below what the target allows."""

import io

import numpy as np
from PIL import Image

from jpegslim.engine.optimizer import optimize
from jpegslim.results import Status


def coloured_lines(size=(640, 640)):
    """Return a 4:4:4 photo of noise in grey with thin saturated vertical lines on it."""
    rng = np.random.default_rng(7)
    grey = rng.normal(150, 12, (size[1], size[0], 1)).repeat(3, axis=2)
    grey[:, ::7] = (230, 20, 20)
    out = io.BytesIO()
    pixels = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    pixels.save(out, "JPEG", quality=97, subsampling=0)
    return out.getvalue()


def test_thin_coloured_lines_keep_their_full_chroma():
    result = optimize(coloured_lines())
    tried = {probe.chroma_subsampling for probe in result.trace.probes}
    assert "4:4:4" in tried
    assert result.status is Status.OPTIMIZED
    assert result.chroma_subsampling == "4:4:4"
    assert result.score >= 85
