"""A progressive picture that ends before its last bits came."""

import pytest
from container_samples import saved

from jpegslim.engine.container.scans import refuse_missing_scans
from jpegslim.engine.container.segments import parse
from jpegslim.engine.container.walk import SOS
from jpegslim.errors import UnsupportedJpeg


def scans_left(jpeg, count):
    """End the picture after some of its scans."""
    starts = [part.start for part in parse(jpeg).segments if part.marker == SOS]
    # Each scan brings its own tables along: they go with the scan they stand in front of.
    tables = [part for part in parse(jpeg).segments if starts[count - 1] < part.start]
    return jpeg[: tables[0].start] + b"\xff\xd9"


def test_whole_pictures_pass():
    refuse_missing_scans(parse(saved()))
    refuse_missing_scans(parse(saved(progressive=True)))
    refuse_missing_scans(parse(saved(progressive=True, subsampling="4:4:4", quality=100)))


def test_every_missing_scan_is_noticed():
    whole = saved(progressive=True)
    scans = parse(whole).scans
    assert scans > 3
    for count in range(1, scans):
        cut = parse(scans_left(whole, count))
        assert cut.scans == count
        with pytest.raises(UnsupportedJpeg, match="last scans of the picture are missing") as told:
            refuse_missing_scans(cut)
        assert told.value.reason == "scans_missing"
