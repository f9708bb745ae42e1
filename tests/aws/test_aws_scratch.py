"""The function's folder below /tmp: what the living use stays, what the dead left goes."""

import subprocess
import sys

import pytest

pytest.importorskip("fcntl", reason="Lambda is Linux")

from jpegslim.aws.scratch import own_folder

_CRASHING = """\
import os, signal, sys
from pathlib import Path
from jpegslim.aws.scratch import own_folder
folder = own_folder(Path(sys.argv[1]))
(folder / "photo").write_bytes(bytes(1000))
print(folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def crash(top):
    """Let a runtime die in the middle of a photo; return its folder."""
    ran = subprocess.run(
        [sys.executable, "-c", _CRASHING, top], stdout=subprocess.PIPE, check=False
    )
    assert ran.returncode == -9
    return ran.stdout.decode().strip()


def test_what_a_crashed_runtime_left_is_removed(tmp_path):
    living = own_folder(tmp_path)
    (living / "photo").write_bytes(b"in work")
    dead = crash(tmp_path)
    others = tmp_path / "jpegslim-of-somebody-else"
    others.mkdir()
    assert {str(each) for each in tmp_path.iterdir()} == {str(living), dead, str(others)}
    new = own_folder(tmp_path)
    assert set(tmp_path.iterdir()) == {living, new, others}
    assert (living / "photo").read_bytes() == b"in work"


def test_what_is_no_folder_of_ours_is_no_trouble(tmp_path):
    (tmp_path / "jpegslim-function-file").write_bytes(b"x")
    (tmp_path / "jpegslim-function-link").symlink_to(tmp_path / "nowhere")
    assert own_folder(tmp_path).is_dir()
    assert (tmp_path / "jpegslim-function-file").read_bytes() == b"x"
