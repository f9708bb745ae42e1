import io
import shutil
import subprocess

import pytest
from container_samples import SHARED, exif, inserted, mpf, noise, photo, photo_names, saved
from PIL import Image

from jpegslim.engine.container.assemble import admit, assemble, carried
from jpegslim.engine.container.mpf import read_index, rewrite
from jpegslim.engine.container.segments import parse
from jpegslim.errors import UnsupportedJpeg

PICTURE = saved(noise(64, 48), quality=95)
SMALLER = saved(noise(64, 48), quality=40)
GAIN_MAP = saved(noise(16, 12, channels=1))
PREVIEW = saved(noise(24, 16))


def index_of(container):
    for segment in container.segments:
        index = read_index(segment, container.data)
        if segment.marker == 0xE2 and index is not None:
            return index
    return None


def images(data):
    """Cut out what the index points at, the first image included."""
    index = index_of(parse(data))
    starts = [index.base + entry.offset if entry.offset else 0 for entry in index.entries]
    return [data[at : at + entry.size] for at, entry in zip(starts, index.entries, strict=True)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_index_follows_the_first_image_to_its_new_size(order):
    source = parse(mpf(PICTURE, [GAIN_MAP, PREVIEW], order=order))
    delivered = assemble(source, SMALLER, marker=None, recoded=True)
    assert len(delivered) < len(source.data)
    assert images(delivered)[1:] == [GAIN_MAP, PREVIEW]
    assert len(images(delivered)[0]) == parse(delivered).image_end
    carried(source, parse(delivered))


def test_pillow_reads_every_image_of_the_rewritten_file():
    source = parse(mpf(PICTURE, [GAIN_MAP, PREVIEW]))
    delivered = assemble(source, SMALLER, marker=None, recoded=True)
    with Image.open(io.BytesIO(delivered)) as multi:
        assert (multi.format, multi.n_frames) == ("MPO", 3)
        sizes = []
        for frame in range(3):
            multi.seek(frame)
            multi.load()
            sizes.append(multi.size)
    assert sizes == [(64, 48), (16, 12), (24, 16)]


def test_a_first_size_that_was_wrong_becomes_true():
    source = parse(mpf(PICTURE, [GAIN_MAP], size=17))
    delivered = parse(assemble(source, SMALLER, marker=None, recoded=True))
    assert index_of(delivered).entries[0].size == delivered.image_end


def test_padding_in_front_of_an_image_stays():
    joined = mpf(PICTURE, [bytes(300) + GAIN_MAP])
    index = index_of(parse(joined))
    source = bytearray(joined)
    at = index.segment.payload_start + index.entries[1].at
    size, offset = index.entries[1].size, index.entries[1].offset
    source[at + 4 : at + 12] = (size - 300).to_bytes(4, "little") + (offset + 300).to_bytes(
        4, "little"
    )
    delivered = assemble(parse(bytes(source)), SMALLER, marker=None, recoded=True)
    assert images(delivered)[1] == GAIN_MAP
    assert bytes(parse(delivered).trailer) == bytes(300) + GAIN_MAP


def reason_to_keep(data):
    with pytest.raises(UnsupportedJpeg) as caught:
        admit(parse(data))
    return caught.value.reason


def test_a_stale_index_keeps_the_file():
    source = mpf(PICTURE, [GAIN_MAP])
    end = parse(source).image_end
    assert reason_to_keep(source[:end] + b"0123456789" + source[end:]) == "mpf_inconsistent"
    assert reason_to_keep(source[:-10]) == "mpf_inconsistent"
    assert reason_to_keep(source[:end] + b"something else") == "mpf_inconsistent"


def test_an_index_into_the_first_image_keeps_the_file():
    source = mpf(PICTURE, [GAIN_MAP])
    index = index_of(parse(source))
    at = index.segment.payload_start + index.entries[1].at + 8
    inside = source[:at] + (1).to_bytes(4, "little") + source[at + 4 :]
    assert reason_to_keep(inside) == "mpf_inconsistent"


def test_an_unreadable_index_keeps_a_file_with_something_behind_the_picture():
    broken = inserted(PICTURE, b"\xff\xe2\x00\x0aMPF\0junk")
    assert reason_to_keep(broken + GAIN_MAP) == "mpf_inconsistent"
    delivered = parse(assemble(parse(broken), SMALLER, marker=None, recoded=True))
    carried(parse(broken), delivered)


def test_an_index_whose_images_were_cut_off_still_points_at_nothing():
    whole = mpf(PICTURE, [GAIN_MAP])
    source = parse(whole[: parse(whole).image_end])
    delivered = assemble(source, SMALLER, marker=None, recoded=True)
    carried(source, parse(delivered))
    entry = index_of(parse(delivered)).entries[1]
    assert index_of(parse(delivered)).base + entry.offset >= len(delivered)
    # Joined with the rest again, the index is whole again.
    assert images(delivered + GAIN_MAP)[1] == GAIN_MAP


def test_an_offset_beyond_32_bits_keeps_the_file():
    source = parse(mpf(PICTURE, [GAIN_MAP]))
    index = index_of(source)
    with pytest.raises(UnsupportedJpeg) as caught:
        rewrite(index, source, base=index.base, image_end=2**32)
    assert caught.value.reason == "mpf_overflow"


def test_a_wrong_index_does_not_pass_the_self_check():
    source = parse(mpf(PICTURE, [GAIN_MAP]))
    good = assemble(source, SMALLER, marker=None, recoded=True)
    index = index_of(parse(good))
    for at in (4, 8, 12):
        here = index.segment.payload_start + index.entries[1].at + at
        bad = good[:here] + bytes((good[here] ^ 1,)) + good[here + 1 :]
        with pytest.raises(UnsupportedJpeg):
            carried(source, parse(bad))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tag", [0x0201, 0x0111, 0x014A])
def test_exif_that_points_behind_the_picture_keeps_the_file(tag, order):
    def photo_with(offset):
        directory = exif([(tag, 4, 1, offset), (0x0202, 4, 1, len(PREVIEW))], order=order)
        return inserted(PICTURE, directory)

    # EXIF's offsets count from its TIFF header, 12 bytes into the file.
    beyond = len(photo_with(0)) - 12
    assert reason_to_keep(photo_with(beyond) + PREVIEW) == "exif_points_beyond"
    admit(parse(photo_with(beyond)))
    admit(parse(photo_with(30) + PREVIEW))
    admit(parse(photo_with(2**32 - 1) + PREVIEW))


def test_exif_directories_in_a_circle_come_to_an_end():
    admit(parse(inserted(PICTURE, exif([(0x014A, 4, 1, 8)])) + PREVIEW))


needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="needs the program exiftool"
)


def extracted(path, tag):
    ran = subprocess.run(["exiftool", "-b", f"-{tag}", path], capture_output=True, check=True)
    return ran.stdout


@needs_exiftool
@pytest.mark.parametrize("name", photo_names(with_images=True))
def test_exiftool_finds_the_same_images_in_a_recoded_photo(name, tmp_path):
    data = photo(name)
    source = parse(data)
    with Image.open(SHARED / "photos" / name) as image:
        coded = saved(image.convert("RGB"), quality=50)
    after = tmp_path / "after.jpg"
    after.write_bytes(assemble(source, coded, marker=None, recoded=True))
    for tag in ("MPImage2", "MPImage3", "PreviewImage", "MotionPhotoVideo"):
        assert extracted(after, tag) == extracted(SHARED / "photos" / name, tag)
    assert images(after.read_bytes())[1:] == images(data)[1:]
    assert all(image[:2] == b"\xff\xd8" for image in images(data)[1:])
