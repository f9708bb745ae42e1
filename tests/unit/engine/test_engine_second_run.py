"""A second run changes nothing; an edited photo is a new one."""

import io

import numpy as np
import pytest
from PIL import Image

from jpegslim import Settings, Status, optimize
from jpegslim.results import Reason


@pytest.mark.parametrize("again", [85, 85.5, 90, 100, None])
def test_at_the_same_or_a_higher_target_the_file_stays_as_it_is(jpeg, again):
    first = optimize(jpeg(), Settings(target=85))
    assert first.status is Status.OPTIMIZED
    second = optimize(first.data, Settings(target=again))
    assert (second.status, second.reason) == (Status.SKIPPED, Reason.ALREADY_OPTIMIZED)
    assert second.data == first.data
    assert second.bytes_in == second.bytes_out == len(first.data)
    assert f"score {first.score:.2f}" in second.detail


def test_at_a_lower_target_it_goes_on(jpeg):
    first = optimize(jpeg(), Settings(target=90))
    second = optimize(first.data, Settings(target=70))
    assert second.status is Status.OPTIMIZED
    assert second.bytes_out < first.bytes_out
    assert second.data.count(b"jpegslim/1 ") == 1
    third = optimize(second.data, Settings(target=70))
    assert third.reason == Reason.ALREADY_OPTIMIZED


def test_a_lossless_result_is_known_at_the_target_it_was_made_for(jpeg):
    first = optimize(jpeg(quality=60), Settings(target=85))
    assert first.status is Status.LOSSLESS
    assert optimize(first.data, Settings(target=85)).reason == Reason.ALREADY_OPTIMIZED
    assert optimize(first.data, Settings(target=40)).reason != Reason.ALREADY_OPTIMIZED


def test_a_file_packed_losslessly_on_request_may_still_be_optimized(jpeg):
    packed = optimize(jpeg(), Settings(target=None))
    assert packed.status is Status.LOSSLESS
    assert optimize(packed.data, Settings(target=None)).reason == Reason.ALREADY_OPTIMIZED
    assert optimize(packed.data, Settings(target=85)).status is Status.OPTIMIZED


def test_a_file_kept_once_is_kept_again(jpeg):
    smallest = optimize(jpeg(quality=60), Settings(marker=False)).data
    for _ in range(2):
        result = optimize(smallest)
        assert (result.status, result.data) == (Status.KEPT, smallest)


def test_a_photo_edited_and_saved_since_is_optimized_anew(jpeg):
    first = optimize(jpeg()).data
    with Image.open(io.BytesIO(first)) as image:
        comment = image.info["comment"]
        assert comment.startswith(b"jpegslim/1 ")
        brighter = Image.fromarray(np.minimum(np.asarray(image), 235) + np.uint8(20))
    written = io.BytesIO()
    brighter.save(written, "JPEG", quality=95, comment=comment)
    assert comment in written.getvalue()
    result = optimize(written.getvalue())
    assert result.status is Status.OPTIMIZED
    # The stale marker gave way to the new one.
    assert result.data.count(b"jpegslim/1 ") == 1
    assert comment not in result.data


def test_somebody_elses_comment_is_no_marker(jpeg, inserted):
    source = inserted(jpeg(), (0xFE, b"jpegslim/1 is what I used"))
    result = optimize(source)
    assert result.status is Status.OPTIMIZED
    assert b"jpegslim/1 is what I used" in result.data
