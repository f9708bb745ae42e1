"""What docs/web.md shows with curl works word for word."""

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "web.md").read_text(encoding="utf-8")
SHOWN = "http://127.0.0.1:8765"


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_of_the_page_work_word_for_word(launch, photo, tmp_path):
    blocks = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    (tmp_path / "in.jpg").write_bytes(photo(0))
    for name in ("a.jpg", "day 2/b & c.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(photo(len(name)))
    running = launch()
    said = []
    for block in blocks:
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.replace(SHOWN, running.url)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ended.returncode == 0, block + ended.stderr
        said.append(ended.stdout)
    assert "jpegslim-status: optimized" in said[0]
    assert 0 < (tmp_path / "out.jpg").stat().st_size < (tmp_path / "in.jpg").stat().st_size
    # The answer stands in the page as it comes.
    assert said[1].strip() in TEXT
    with zipfile.ZipFile(tmp_path / "photos.zip") as archive:
        assert sorted(archive.namelist()) == ["photos/a.jpg", "photos/day 2/b & c.jpg"]
    assert 'jpegslim_pictures_total{status="optimized"} 3' in said[3]
    assert running.stop() == 0


def test_the_limits_of_the_page_are_those_of_the_program():
    from jpegslim.web.limits import Limits

    limits = Limits()
    for words in (
        f"{limits.file_bytes // 10**6} MB a file",
        f"{limits.megapixels:g} megapixels",
        f"{limits.files} files a job",
        f"{limits.queue} single photos waiting, {limits.queue_of_one} of them",
        f"{limits.stored_bytes // 10**9} GB stored",
        f"{limits.connections} connections, {limits.connections_of_one} of one",
        f"{limits.batches} jobs of one client",
        f"{limits.idle_seconds:g} s without a byte, {limits.upload_seconds / 60:g} min an upload",
    ):
        assert words in TEXT, words
