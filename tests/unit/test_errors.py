"""Errors: reasons that survive the way between processes, and the codes a caller sees."""

import pickle

import pytest

from jpegslim import errors

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.FileError)
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reason", [None, "a_reason_of_its_own"])
def test_an_error_comes_back_from_a_worker_as_it_was(kind, reason):
    error = kind("what happened", reason=reason)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made a line above
    assert type(again) is kind
    assert (str(again), again.reason) == ("what happened", reason or kind.reason)


def test_every_kind_has_a_reason_of_its_own():
    reasons = [kind.reason for kind in KINDS]
    assert len(set(reasons)) == len(reasons)


def test_a_run_error_is_no_file_error():
    assert not issubclass(errors.RunError, errors.FileError)
    assert issubclass(errors.RunError, errors.JpegslimError)


def test_the_exit_codes_are_promised():
    assert {code.name: code.value for code in errors.ExitCode} == {
        "OK": 0,
        "SOME_FAILED": 1,
        "USAGE": 2,
        "STOPPED": 3,
        "INTERRUPTED": 130,
    }
