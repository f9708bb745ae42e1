"""Small and odd pictures: the promise knows no lower limit of size."""

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from jpegslim import Settings, Status, optimize
from jpegslim.engine.codecs import turbo
from jpegslim.engine.container.segments import parse

SIZES = [(1, 1), (7, 9), (8, 8), (9, 7), (15, 17), (16, 5000), (5000, 16), (1, 300), (65_500, 8)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("kind", ["flat", "grain"])
def test_any_size_comes_out_whole_and_no_larger(request, jpeg, kind, size):
    source = jpeg(request.getfixturevalue(kind)(*size), quality=97)
    result = optimize(source)
    hold_to_the_promise(source, result, Settings())
    assert (result.width, result.height) == size


def hold_to_the_promise(source, result, settings):
    assert len(result.data) == result.bytes_out <= result.bytes_in == len(source)
    if result.status in (Status.KEPT, Status.SKIPPED):
        assert result.data == source
        return
    assert result.bytes_out < result.bytes_in
    frame = parse(source).frame
    components = len(frame.components)
    before, after = (turbo.decode(each, components=components) for each in (source, result.data))
    assert before.shape == after.shape
    if result.status is Status.LOSSLESS:
        assert np.array_equal(before, after)
    else:
        assert result.score >= settings.target
        assert result.worst_tile.score >= settings.tile_floor


@st.composite
def pictures(draw):
    width, height = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    grey = draw(st.booleans())
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    roughness = draw(st.sampled_from([0, 3, 20, 120]))
    slope = np.add.outer(np.arange(height), np.arange(width)) * draw(st.floats(0, 4))
    base = slope[..., np.newaxis] + generator.normal(0, roughness, (height, width, 3))
    pixels = np.clip(base + draw(st.integers(0, 255)), 0, 255).astype(np.uint8)
    image = Image.fromarray(pixels[..., 0] if grey else pixels)
    written = io.BytesIO()
    options = {} if grey else {"subsampling": draw(st.sampled_from([0, 1, 2]))}
    image.save(
        written,
        "JPEG",
        quality=draw(st.integers(5, 100)),
        progressive=draw(st.booleans()),
        **options,
    )
    return written.getvalue()


def wishes():
    return st.builds(
        Settings,
        target=st.floats(1, 100, allow_nan=False),
        tile_margin=st.sampled_from([0.0, 3.0, 10.0]),
        progressive=st.booleans(),
        marker=st.booleans(),
        generation_saving=st.sampled_from([0.0, 0.1, 0.5]),
    )


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(source=pictures(), wanted=wishes())
def test_no_result_is_ever_larger_or_breaks_the_promise(source, wanted):
    hold_to_the_promise(source, optimize(source, wanted), wanted)


@pytest.mark.endurance
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=pictures(), wanted=wishes())
def test_no_result_is_ever_larger_or_breaks_the_promise_at_length(source, wanted):
    hold_to_the_promise(source, optimize(source, wanted), wanted)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(source=pictures())
def test_a_second_run_never_changes_a_result(source):
    first = optimize(source).data
    assert optimize(first).data == first
