import io
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from jpegslim.engine.inspecting import inspect
from jpegslim.errors import NotAJpeg

EXIF = Image.Exif()
EXIF[0x010F], EXIF[0x0110], EXIF[0x0112] = "Maker", "Model 1", 6
EXIF.get_ifd(0x8769).update({0x829A: (1, 60), 0x9003: "2024:01:02 03:04:05", 0x927C: b"note" * 9})
EXIF.get_ifd(0x8825).update({2: (1.0, 2.0, 3.0)})
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def saved(kind="JPEG", mode="RGB", **options):
    written = io.BytesIO()
    Image.linear_gradient("L").resize((24, 16)).convert(mode).save(written, kind, **options)
    return written.getvalue()


SEEDS = [
    saved(exif=EXIF, icc_profile=PROFILE, comment=b"a comment"),
    saved(mode="CMYK", icc_profile=PROFILE),
    saved(mode="L", progressive=True) + b"behind",
    saved("MPO", save_all=True, append_images=[Image.new("RGB", (24, 16))]),
]


@settings(max_examples=400)
@given(st.data())
def test_whatever_is_in_a_file_it_is_described(draw):
    data = bytearray(draw.draw(st.sampled_from(SEEDS)))
    for _ in range(draw.draw(st.integers(1, 10))):
        at = draw.draw(st.integers(0, len(data) - 1))
        if draw.draw(st.booleans()):
            data[at] = draw.draw(st.integers(0, 255))
        elif len(data) > 60:
            del data[at : at + draw.draw(st.integers(1, 50))]
    with suppress(NotAJpeg):
        found = inspect(bytes(data))
        at = 0
        for stretch in found.segments:
            assert stretch.offset >= at
            at = stretch.offset + stretch.size + stretch.coded
        assert at <= found.size
        assert found.problem is not None or at == found.image_end
        if found.image_end is not None:
            behind = sum(part.size for part in found.parts)
            assert found.coded + found.metadata + behind == found.size
