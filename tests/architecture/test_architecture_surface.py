"""What the library shows, and nothing else."""

import subprocess
import sys

import pytest

import jpegslim

PUBLIC = {
    "BrokenJpeg",
    "Comparison",
    "FileError",
    "JpegslimError",
    "NotAJpeg",
    "Optimized",
    "Reason",
    "Settings",
    "Status",
    "Tile",
    "UnsupportedJpeg",
    "UsageError",
    "__version__",
    "compare",
    "optimize",
    "parse_quality",
}


def test_the_public_names_are_these_and_no_others():
    assert set(jpegslim.__all__) == PUBLIC
    assert len(jpegslim.__all__) == len(PUBLIC)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_can_be_had(name):
    assert getattr(jpegslim, name) is not None


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__", "Reason", "Status"}))
def test_every_public_name_is_documented(name):
    assert (getattr(jpegslim, name).__doc__ or "").strip()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'shrink'"):
        _ = jpegslim.shrink


def test_a_star_import_brings_what_is_public_and_works():
    script = (
        "from jpegslim import *\n"
        f"missing = set({sorted(PUBLIC)!r}) - globals().keys()\n"
        "assert not missing, missing\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_importing_the_library_loads_no_codec():
    script = (
        "import sys, jpegslim\n"
        "heavy = {'numpy', 'PIL', 'ajpegli', 'simplejpeg'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
