import makers
import pytest
from container_samples import noise, saved

from jpegslim.engine.container.afcp import refuse_afcp
from jpegslim.engine.container.segments import parse
from jpegslim.errors import UnsupportedJpeg

PICTURE = saved(noise())


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_trailer_that_counts_from_the_start_is_refused(order):
    with pytest.raises(UnsupportedJpeg) as caught:
        refuse_afcp(parse(makers.afcp(PICTURE, order=order)))
    assert caught.value.reason == "afcp_offsets"


@pytest.mark.parametrize(
    "behind",
    [
        b"",
        b"AXS!",
        b"AXS!" + bytes(8),
        b"AXS!" + b"\xff" * 8,
        # The place is one byte beside the sign.
        b"AXS!" + (len(PICTURE) + 1).to_bytes(4) + bytes(4),
        # The sign at the start says the other order of bytes.
        b"AXS*" + bytes(8) + b"AXS!" + len(PICTURE).to_bytes(4) + bytes(4),
        # The place is inside of the picture.
        b"AXS!" + (2).to_bytes(4) + bytes(4),
    ],
)
def test_what_only_looks_like_one_is_not(behind):
    refuse_afcp(parse(PICTURE + behind))
