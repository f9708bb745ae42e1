"""Names of objects on the command line, where S3 can't be had or is not meant."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from jpegslim.cli.names import is_remote
from jpegslim.cli.remote import check_remote
from jpegslim.errors import ExitCode, UsageError
from jpegslim.results import Totals, Url


@pytest.mark.parametrize("name", ["s3://bucket", "S3://bucket/key", "s3://"])
def test_a_name_with_the_scheme_is_an_objects(name):
    assert is_remote("local", name)


@pytest.mark.parametrize("name", [None, "", "s3:/bucket", "./s3://bucket", "https://bucket"])
def test_any_other_name_is_a_files(name):
    assert not is_remote(name)


@pytest.mark.parametrize("name", ["s3:/bucket/key", "S3:bucket", "s3:"])
@pytest.mark.parametrize("arguments", [[], ["photos", "--output"]])
def test_what_only_looks_like_an_objects_name_becomes_no_folder(invoke, batch, arguments, name):
    outcome = invoke("optimize", *arguments, name)
    assert outcome.exit_code == ExitCode.USAGE
    assert "write s3://BUCKET/KEY, or './" in outcome.stderr
    assert batch.calls == []


@pytest.mark.parametrize("missing", ["boto3", "awscrt"])
def test_without_the_libraries_one_line_says_what_to_install(monkeypatch, missing):
    monkeypatch.setattr("jpegslim.cli.remote.find_spec", lambda name: name != missing or None)
    with pytest.raises(
        UsageError, match=r"^S3 needs more libraries: pip install 'jpegslim\[aws\]'$"
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


@pytest.fixture
def orders(monkeypatch, tmp_path):
    """Stand in for runs over S3: what they were asked for."""
    there = pytest.importorskip("jpegslim.aws.run", reason="needs the extra aws")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jpegslim.batch.default_ledger", lambda: tmp_path / "usual.sqlite")
    monkeypatch.setattr("jpegslim.cli.terms.find_spec", lambda _: object())
    taken = []

    def run(order):
        taken.append(replace(order, listed=list(order.listed), listed_files=[*order.listed_files]))
        return Totals()

    monkeypatch.setattr(there, "run", run)
    return taken


def test_options_reach_a_run_over_s3(invoke, orders, tmp_path):
    from jpegslim.aws.addresses import Address

    options = (
        "--cluster",
        "tcp://here:8786",
        "--profile",
        "ana",
        "--region",
        "eu-west-1",
        "--wait",
    )
    more = ("--timeout", "30", "--time-limit", "60", "--max-errors", "3", "-n", "-q", "web")
    outcome = invoke("optimize", "s3://my/in", "-o", "s3://my/out", *options, *more)
    assert outcome.exit_code == ExitCode.OK, outcome.stderr
    (order,) = orders
    assert (order.sources, order.output) == ([Address("my", "in")], Address("my", "out"))
    assert (order.listed, order.listed_files) == ([], [])
    assert (order.cluster, order.profile, order.region) == ("tcp://here:8786", "ana", "eu-west-1")
    assert (order.timeout, order.time_limit, order.max_errors) == (30, 60, 3)
    assert order.wait is order.dry_run is True
    assert order.settings.target == 80
    assert order.ledger == tmp_path / "usual.sqlite"
    assert order.endpoint_url is None


def test_a_list_of_objects_comes_in_pieces_and_one_of_files_by_itself(invoke, orders):
    from jpegslim.aws.addresses import Address

    for options, stdin in (
        ([], "s3://my/a\n\nS3://my/a b//c\nd\n"),
        (["-o", "s3://my"], "a//b\ns3://my/c\n"),
    ):
        outcome = invoke("optimize", "--from-file", "-", *options, stdin=stdin)
        assert outcome.exit_code == ExitCode.OK, outcome.stderr
    objects, files = orders
    ((a, b, file),) = objects.listed
    assert (a, b, objects.listed_files) == (Address("my", "a"), Address("my", "a b//c"), [])
    assert (file.reason, file.path) == ("mixed", Path("d"))
    path, address = files.listed_files
    assert (path, files.listed, files.output) == (Path("a/b"), [], Address("my", ""))
    assert (address.reason, address.path) == ("mixed", Url("s3://my/c"))


def test_among_listed_files_an_object_is_a_failure_of_its_own(invoke, batch):
    assert invoke("optimize", "--from-file", "-", stdin="a.jpg\ns3://my/c.jpg\n").exit_code == 0
    a, told = batch.calls[0].listed
    assert a == Path("a.jpg")
    assert (told.status, told.reason, told.path) == ("failed", "mixed", Url("s3://my/c.jpg"))


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("s3://my", "failed", "names a bucket: a list names objects one by one"),
        ("s3://my/", "failed", "names a bucket"),
        ("s3://", "failed", "names no bucket: write s3://BUCKET/KEY"),
        ("s3:///a", "failed", "names no bucket"),
        ("s3://my/photos/", "skipped", "ends with a slash"),
        ("s3://my/" + 342 * "é" * 2, "failed", "longer than the 1024 bytes"),
    ],
)
def test_a_listed_name_that_is_no_objects_costs_only_itself(invoke, orders, name, status, words):
    outcome = invoke("optimize", "--from-file", "-", stdin=f"{name}\ns3://my/a.jpg\n")
    assert outcome.exit_code == ExitCode.OK
    ((told, _),) = orders[0].listed
    assert (told.status, str(told.path)) == (status, name)
    assert words in told.message


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["s3://my/a", "--backup", "kept"], "--backup is not for S3"),
        (["s3://my/a", "photos"], "can't be mixed"),
        (["s3://my/a", "--cluster", "local", "--jobs", "2"], "--jobs"),
        (["photos", "--region", "eu-west-1"], "--region is for PATHs or an --output"),
        (["s3://my/a", "--from-file", "-"], "not both"),
    ],
)
def test_what_makes_no_sense_over_s3_is_refused(invoke, batch, orders, arguments, words):
    outcome = invoke("optimize", *arguments, stdin="")
    assert outcome.exit_code == ExitCode.USAGE
    assert words in outcome.stderr.splitlines()[0]
    assert orders == batch.calls == []
