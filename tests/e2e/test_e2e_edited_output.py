"""What somebody did to a result since is theirs, marker or not."""

import shutil
from pathlib import Path

from jpegslim.engine.container.segments import parse

EXAMPLES = Path(__file__).parents[2] / "examples" / "photos"


def with_comment(data: bytes) -> bytes:
    """Return the file with one more comment in front of its tables, as a photo manager does."""
    first_table = next(part for part in parse(data).segments if part.marker == 0xDB)
    comment = b"keywords: holiday"
    segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
    return data[: first_table.start] + segment + data[first_table.start :]


def test_an_output_edited_since_is_not_replaced(tmp_path, command):
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(EXAMPLES / "oakland_zoo_otters.jpg", photos)
    assert command("optimize", photos, "--output", tmp_path / "slim").returncode == 0
    result = tmp_path / "slim" / "photos" / "oakland_zoo_otters.jpg"
    edited = with_comment(result.read_bytes())
    result.write_bytes(edited)
    again = command("optimize", photos, "--output", tmp_path / "slim", "-q", "80")
    assert again.returncode == 1
    assert b"exists" in again.stderr
    assert result.read_bytes() == edited


def test_an_untouched_output_is_replaced_at_another_quality(tmp_path, command):
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(EXAMPLES / "oakland_zoo_otters.jpg", photos)
    assert command("optimize", photos, "--output", tmp_path / "slim").returncode == 0
    result = tmp_path / "slim" / "photos" / "oakland_zoo_otters.jpg"
    before = result.stat().st_size
    assert command("optimize", photos, "--output", tmp_path / "slim", "-q", "80").returncode == 0
    assert result.stat().st_size < before
