"""A photo of 200 megapixels takes no more memory than the admission counts on."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from jpegslim.files.pool import PEAK_BYTES, PEAK_BYTES_PER_MEGAPIXEL

PHOTOS = sorted((Path(__file__).parents[2] / "examples" / "photos").glob("*.jpg"))
SIZE = 16320, 12256

_CHILD = """
import resource, sys
from pathlib import Path
from jpegslim import Settings, optimize
target = None if sys.argv[2] == "lossless" else float(sys.argv[2])
result = optimize(Path(sys.argv[1]).read_bytes(), Settings(target=target))
unit = 1 if sys.platform == "darwin" else 1 << 10
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(result.status, result.bytes_in, result.bytes_out, result.chroma_subsampling, peak)
"""


def large(**options):
    canvas = Image.new("RGB", SIZE)
    pictures = []
    for photo in PHOTOS:
        with Image.open(photo) as image:
            pictures.append(image.convert("RGB"))
    top = number = 0
    while top < SIZE[1]:
        left = 0
        while left < SIZE[0]:
            picture = pictures[number % len(pictures)]
            canvas.paste(picture, (left, top))
            left, number = left + picture.width, number + 1
        top += min(picture.height for picture in pictures)
    written = io.BytesIO()
    canvas.save(written, "JPEG", quality=93, **options)
    return written.getvalue()


@pytest.mark.endurance
@pytest.mark.skipif(sys.platform == "win32", reason="reads the peak as POSIX tells it")
@pytest.mark.parametrize("target", ["85", "95", "lossless"])
@pytest.mark.parametrize(
    "options",
    [
        {"subsampling": "4:2:0"},
        {"subsampling": "4:4:4"},
        {"subsampling": "4:4:4", "progressive": True},
    ],
    ids=["420", "444", "444 progressive"],
)
def test_a_picture_of_200_megapixels_takes_no_more_than_is_counted_on(
    environment, tmp_path, options, target
):
    photo = tmp_path / "large.jpg"
    photo.write_bytes(large(**options))
    ran = subprocess.run(
        [sys.executable, "-c", _CHILD, photo, target],
        capture_output=True,
        text=True,
        env=environment,
        timeout=900,
        check=True,
    )
    status, before, after, _chroma, peak = ran.stdout.split()
    assert status in ("optimized", "lossless", "kept")
    assert int(after) <= int(before)
    megapixels = SIZE[0] * SIZE[1] / 1e6
    assert int(peak) < PEAK_BYTES + megapixels * PEAK_BYTES_PER_MEGAPIXEL
