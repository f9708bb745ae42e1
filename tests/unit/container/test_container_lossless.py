import jpeglib
import mozjpeg_lossless_optimization
import numpy as np
import pytest
from container_samples import app, com, inserted, mpf, noise, odd_files, saved

from jpegslim.engine.container.assemble import admit, assemble, carried
from jpegslim.engine.container.marker import Marker, read_marker, source_digest
from jpegslim.engine.container.segments import parse
from jpegslim.errors import FileError

SOURCES = {
    "sequential": saved(),
    "progressive": saved(progressive=True),
    "grey": saved(noise(channels=1)),
    "4:2:2": saved(subsampling="4:2:2"),
    "4:4:4": saved(subsampling="4:4:4"),
    "restart markers": saved(restart_marker_blocks=1),
    "CMYK": saved(noise().convert("CMYK")),
    "RGB": saved(keep_rgb=True),
    "odd size": saved(noise(37, 19)),
    "multi-picture": mpf(saved(), [saved(noise(16, 16))]),
}


def coefficients(data, tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    read = jpeglib.read_dct(str(path))
    planes = [plane for plane in (read.Y, read.Cb, read.Cr, read.K) if plane is not None]
    return planes, read.qt


def optimized(data):
    source = parse(data)
    coded = mozjpeg_lossless_optimization.optimize(data)
    marker = Marker(version="0.1.0", target=None, score=None, tables="", source=source_digest(data))
    delivered = assemble(source, coded, marker=marker, recoded=False)
    carried(source, parse(delivered), recoded=False)
    assert read_marker(parse(delivered)).source == marker.source
    return delivered


def assert_same_coefficients(before, after):
    assert len(before[0]) == len(after[0])
    for old, new in zip(before[0], after[0], strict=True):
        assert np.array_equal(old, new)
    assert np.array_equal(before[1], after[1])


@pytest.mark.parametrize("kind", SOURCES)
def test_a_lossless_splice_keeps_every_coefficient(kind, tmp_path):
    data = inserted(SOURCES[kind], app(13, b"Photoshop 3.0\0") + com(b"note"))
    if kind == "multi-picture":
        data = mpf(inserted(saved(), com(b"note")), [saved(noise(16, 16))])
    delivered = optimized(data)
    assert parse(delivered).frame.progressive
    assert parse(delivered).color_space is parse(data).color_space
    assert_same_coefficients(coefficients(data, tmp_path), coefficients(delivered, tmp_path))


def test_odd_files_keep_every_coefficient_in_a_lossless_splice(tmp_path):
    done = 0
    for _name, _row, data in odd_files():
        try:
            source = parse(data)
            admit(source)
        except FileError:
            continue
        # The lossless optimizer reads Huffman codes only.
        if source.frame.megapixels > 0.4 or source.frame.arithmetic:
            continue
        delivered = optimized(data)
        done += 1
        # jpeglib gives up on more than 50 markers.
        if len(source.segments) < 50:
            before, after = coefficients(data, tmp_path), coefficients(delivered, tmp_path)
            assert_same_coefficients(before, after)
    assert done > 200
