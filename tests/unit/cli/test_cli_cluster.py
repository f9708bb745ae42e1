import pytest

from jpegslim.errors import ExitCode


@pytest.fixture
def library(monkeypatch):
    """Let the library be there, or not."""

    def present(*, is_there):
        spec = object() if is_there else None
        monkeypatch.setattr("jpegslim.cli.terms.find_spec", lambda _: spec)

    present(is_there=True)
    return present


@pytest.mark.parametrize(
    "where",
    ["tcp://scheduler:8786", "tls://10.0.0.1:8786", "[::1]:8786", "scheduler:8786", "local:12"],
)
def test_a_cluster_is_handed_on_as_it_is_named(invoke, batch, library, where):
    assert invoke("optimize", "photos", "--cluster", where).exit_code == ExitCode.OK
    assert invoke("optimize", "photos").exit_code == ExitCode.OK
    assert [call.cluster for call in batch.calls] == [where, None]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["photos", "--cluster", "scheduler"], "'scheduler' is no scheduler's address"),
        (["photos", "--cluster", "tcp://scheduler"], "is no scheduler's address"),
        (["photos", "--cluster", "local:0"], "is no scheduler's address"),
        (["photos", "--cluster", "local:abc:1"], "is no scheduler's address"),
        (["photos", "--cluster", "http://scheduler:8787"], "is no scheduler's address"),
        (["photos", "--cluster", ""], "is no scheduler's address"),
        (["photos", "--cluster", "local", "--jobs", "2"], "--jobs"),
        (["-", "--cluster", "local"], "no --cluster with it"),
    ],
)
def test_a_cluster_that_makes_no_sense_is_refused(invoke, batch, library, arguments, words):
    outcome = invoke("optimize", *arguments)
    assert outcome.exit_code == ExitCode.USAGE
    assert words in outcome.stderr.splitlines()[0]
    assert batch.calls == []


def test_without_the_library_the_way_to_it_is_told(invoke, batch, library):
    library(is_there=False)
    outcome = invoke("optimize", "photos", "--cluster", "local")
    assert outcome.exit_code == ExitCode.USAGE
    assert "pip install 'jpegslim[cluster]'" in outcome.stderr
    assert batch.calls == []
