import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jpegslim.reports import wording
from jpegslim.results import Reason

ANY_TEXT = st.text(st.characters(categories=None))


@given(ANY_TEXT)
def test_nothing_printable_can_move_a_cursor_or_turn_the_line(text):
    shown = wording.printable(text)
    categories = {unicodedata.category(char) for char in shown if char not in "\u200c\u200d"}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(ANY_TEXT)
def test_well_formed_text_is_always_utf_8(text):
    wording.well_formed(text).encode("utf-8")


@given(st.text())
def test_text_without_surrogates_stays_as_it_is(text):
    assert wording.well_formed(text) == text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("IMG 1 [red].jpg", "IMG 1 [red].jpg"),
        ("Käse.jpg", "Käse.jpg"),
        ("3.12.03\u202fPM.jpg", "3.12.03\u202fPM.jpg"),
        ("a\x1b[31m.jpg", "a\\x1b[31m.jpg"),
        ("a\nb.jpg", "a\\x0ab.jpg"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("\U000e0001", "\\U000e0001"),
        (os.fsdecode(b"caf\xe9.jpg"), "caf\\xe9.jpg"),
        ("\ud800.jpg", "\\ud800.jpg"),
    ],
)
def test_names_are_shown_safely(name, shown):
    assert wording.printable(name) == shown


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (40_600_000, "40.6 MB"),
        (-2000, "-2.0 kB"),
        (3 * 10**18, "3000.0 PB"),
    ],
)
def test_sizes_are_decimal(number, words):
    assert wording.size(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations_are_as_coarse_as_speech(seconds, words):
    assert wording.duration(seconds) == words


def test_every_reason_has_words():
    for reason in Reason:
        assert "_" not in wording.reason(reason)
    assert wording.reason("hierarchical_coding") == "hierarchical coding"


def test_meanings_follow_the_scale():
    words = [wording.meaning(score) for score in (100, 95, 90, 87, 85, 82, 80, 75, 60, 40, 0, -50)]
    assert words[0] == "no measurable difference"
    assert words[1] == words[2] != words[3] == words[4] != words[5] == words[6]
    assert words[-1] == words[-2] == "plainly different"
