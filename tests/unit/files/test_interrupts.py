"""An interruption waits for what must not be torn apart."""

import os
import signal
import sys

import pytest

from jpegslim.files.interrupts import as_ctrl_c, held

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(autouse=True)
def _usual_ctrl_c():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interruption_is_raised_once_the_block_is_over(name):
    steps = []
    with pytest.raises(KeyboardInterrupt), as_ctrl_c(), held():
        os.kill(os.getpid(), getattr(signal, name))
        steps.append("renamed")
        steps.append("told")
    assert steps == ["renamed", "told"]


def test_without_an_interruption_nothing_is_raised_and_the_handlers_are_back():
    before = signal.getsignal(signal.SIGINT)
    with held():
        pass
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interruption_wins_over_the_error_of_the_block():
    with pytest.raises(KeyboardInterrupt), held():
        os.kill(os.getpid(), signal.SIGINT)
        raise ValueError
