"""What can't be kept is refused before any work is done, or said with the right exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_lossless_and_baseline_exclude_each_other(command, tmp_path):
    ran = command("optimize", tmp_path, "--quality", "lossless", "--baseline")
    assert ran.returncode == 2
    assert b"leave out --baseline" in ran.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root writes everywhere")
def test_an_output_folder_that_can_not_be_written_stops_the_run(command, tmp_path, picture):
    (tmp_path / "a.jpg").write_bytes(picture(1))
    output = tmp_path / "output"
    output.mkdir(mode=0o555)
    ran = command("optimize", tmp_path / "a.jpg", "--output", output)
    assert ran.returncode == 3
    assert b"can't be used" in ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_into_a_full_disk_is_no_success(environment, tmp_path, picture, unbuffered):
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "jpegslim", "optimize", "-"],
            input=picture(1),
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={**environment, "PYTHONUNBUFFERED": unbuffered},
            timeout=120,
            check=False,
        )
    assert ran.returncode == 3
    assert b"standard output" in ran.stderr
