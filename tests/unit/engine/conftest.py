"""Pictures made on the spot from a shipped photo, and ways to look at a result from outside."""

import io
from pathlib import Path

import jpeglib
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from jpegslim.engine.metric import compare

PHOTOS = Path(__file__).parents[3] / "examples" / "photos"


@pytest.fixture(scope="session")
def photo():
    """A crop of a real photo with texture, edges and smooth parts: 320 by 256 pixels, RGB."""
    with Image.open(PHOTOS / "oakland_zoo_otters.jpg") as whole:
        return whole.convert("RGB").crop((320, 160, 640, 416))


@pytest.fixture(scope="session")
def jpeg(photo):
    """Return a function that writes a picture, the photo as a rule, with Pillow's options."""

    def write(picture=None, *, quality=95, **options):
        written = io.BytesIO()
        (picture or photo).save(written, "JPEG", quality=quality, **options)
        return written.getvalue()

    return write


@pytest.fixture(scope="session")
def flat():
    """Return a function that makes a picture of one colour."""
    return lambda width, height: Image.new("RGB", (width, height), (90, 140, 200))


@pytest.fixture(scope="session")
def grain():
    """Return a function that makes a picture of noise."""

    def make(width, height, *, seed=3):
        shape = (height, width, 3)
        return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))

    return make


@pytest.fixture(scope="session")
def pixels_by_pillow():
    """Decode with Pillow: the decoder that the engine does not use."""

    def decode(data):
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image)

    return decode


@pytest.fixture(scope="session")
def scores(pixels_by_pillow):
    """Score two JPEGs again from their bytes, once by each decoder."""

    def score(original, copy):
        grey = pixels_by_pillow(original).ndim == 2
        space = "GRAY" if grey else "RGB"
        pair = [simplejpeg.decode_jpeg(data, space) for data in (original, copy)]
        if grey:
            pair = [picture[:, :, 0] for picture in pair]
        return compare(*pair), compare(pixels_by_pillow(original), pixels_by_pillow(copy))

    return score


@pytest.fixture
def coefficients(tmp_path):
    """Read every DCT coefficient and quantization table of a JPEG with libjpeg."""

    def read(data):
        path = tmp_path / "coefficients.jpg"
        path.write_bytes(data)
        picture = jpeglib.read_dct(str(path))
        planes = (picture.Y, picture.Cb, picture.Cr, picture.K)
        return [plane for plane in planes if plane is not None], picture.qt

    return read


@pytest.fixture
def same_coefficients(coefficients):
    """Tell whether two JPEGs hold the same coefficients and tables."""

    def same(first, second):
        (planes, tables), (others, other_tables) = coefficients(first), coefficients(second)
        return (
            len(planes) == len(others)
            and all(map(np.array_equal, planes, others))
            and np.array_equal(tables, other_tables)
        )

    return same


def segment(marker, payload):
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


@pytest.fixture(scope="session")
def inserted():
    """Put segments, given as (marker, payload), right behind a JPEG's first two bytes."""

    def insert(data, *segments):
        return data[:2] + b"".join(segment(*each) for each in segments) + data[2:]

    return insert


@pytest.fixture(scope="session")
def enlarged():
    """Rewrite the frame header's width and height."""

    def rewrite(data, width, height):
        at = next(
            data.find(bytes((0xFF, sof))) for sof in (0xC0, 0xC2) if bytes((0xFF, sof)) in data
        )
        return data[: at + 5] + height.to_bytes(2) + width.to_bytes(2) + data[at + 9 :]

    return rewrite
