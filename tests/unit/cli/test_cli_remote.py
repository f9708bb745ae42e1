"""Names of objects on the command line, where S3 can't be had or is not meant."""

import subprocess
import sys

import pytest

from jpegslim.cli.names import is_remote
from jpegslim.cli.remote import check_remote
from jpegslim.errors import UsageError


@pytest.mark.parametrize("name", ["s3://bucket", "S3://bucket/key", "s3://"])
def test_a_name_with_the_scheme_is_an_objects(name):
    assert is_remote("local", name)


@pytest.mark.parametrize("name", [None, "", "s3:/bucket", "./s3://bucket", "https://bucket"])
def test_any_other_name_is_a_files(name):
    assert not is_remote(name)


def test_without_the_libraries_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr("jpegslim.cli.remote.find_spec", lambda _: None)
    with pytest.raises(
        UsageError, match=r"^S3 needs two more libraries: pip install 'jpegslim\[aws\]'$"
    ):
        check_remote(())


def test_a_run_over_files_loads_no_library_for_s3(tmp_path):
    script = (
        "import sys; from jpegslim.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith(('boto', 'jpegslim.aws'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "optimize", tmp_path / "nothing"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
