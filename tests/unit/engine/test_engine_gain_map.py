"""What is said of pictures that carry an HDR gain map."""

import io

import pytest
from PIL import Image

from jpegslim.engine.optimizer import optimize
from jpegslim.results import Status
from jpegslim.settings import Settings

XMP = (
    b"http://ns.adobe.com/xap/1.0/\0"
    b'<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:GainMapMax="2.5"/>'
)


@pytest.fixture(scope="module")
def gain_map():
    written = io.BytesIO()
    Image.linear_gradient("L").resize((40, 30)).save(written, "JPEG", quality=80)
    plain = written.getvalue()
    return plain[:2] + b"\xff\xe1" + (len(XMP) + 2).to_bytes(2) + XMP + plain[2:]


@pytest.fixture(scope="module")
def picture(photograph):
    return photograph(3, size=(640, 480))


def test_its_bytes_are_counted_and_the_score_is_said_to_leave_it_out(picture, gain_map):
    result = optimize(picture + gain_map)
    assert result.status is Status.OPTIMIZED
    assert result.gain_map == len(gain_map)
    assert result.data.endswith(gain_map)
    (note,) = (note for note in result.notes if "gain map" in note)
    assert note.startswith("the score")


def test_without_a_score_there_is_nothing_to_say_of_it(picture, gain_map):
    result = optimize(picture + gain_map, Settings(target=None))
    assert result.status is Status.LOSSLESS
    assert result.gain_map == len(gain_map)
    assert not any("gain map" in note for note in result.notes)


def test_other_trailers_are_no_gain_map(picture):
    result = optimize(picture + picture)
    assert result.gain_map == 0
    assert result.notes == ()
