"""A result is done only where its metadata is as asked for; ledgers from before know none of it."""

import sqlite3
from contextlib import closing

import pytest

from jpegslim.files.ledger import Ledger
from jpegslim.files.remembered import Intent, Output, Place, metadata_key
from jpegslim.files.store import Identity
from jpegslim.results import METADATA_LEFT, Reason, Status
from jpegslim.settings import Metadata, Settings

SOURCE, RESULT = "aa" * 32, "bb" * 32
INTENT = Intent(run="r", path=b"/a.jpg", temporary=b"/.t", source=SOURCE, result=RESULT)
KEEP, SAFE, STRIP = (Settings(metadata=each) for each in Metadata)
BAKED = Settings(metadata="strip", bake_orientation=True)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "ledger.sqlite"


def publish(ledger, settings):
    output = Output(target=85.0, score=85.2, source=SOURCE, metadata=metadata_key(settings))
    ledger.intend(INTENT, output)
    ledger.settle(INTENT, Identity(1, 2, 50, 3, RESULT))
    ledger.note(b"/source.jpg", Identity(1, 3, 100, 3, SOURCE))
    ledger.flush()


@pytest.mark.parametrize(
    ("made", "asked", "done"),
    [
        (KEEP, KEEP, True),
        (KEEP, SAFE, False),
        (KEEP, STRIP, False),
        (SAFE, KEEP, True),
        (SAFE, SAFE, True),
        (SAFE, STRIP, False),
        (STRIP, SAFE, True),
        (STRIP, BAKED, True),
        (BAKED, STRIP, True),
        (BAKED, SAFE, True),
    ],
)
def test_a_result_in_place_is_done_where_nothing_is_left_to_drop(file, made, asked, done):
    with Ledger(file) as ledger:
        publish(ledger, made)
        assert (ledger.verdict(RESULT, asked) is not None) == done
        assert (ledger.known(b"/a.jpg", 50, 3, asked) is not None) == done


@pytest.mark.parametrize("made", [KEEP, SAFE, STRIP, BAKED])
@pytest.mark.parametrize("asked", [KEEP, SAFE, STRIP, BAKED])
def test_a_result_beside_its_source_is_done_by_its_own_policy_only(file, made, asked):
    places = Place(b"/source.jpg", 100, 3), Place(b"/a.jpg", 50, 3)
    with Ledger(file) as ledger:
        publish(ledger, made)
        known = ledger.known_copy(*places, asked)
        assert (known is not None) == (made is asked)
        assert ledger.output(RESULT).metadata == metadata_key(made)


def older(file):
    with Ledger(file) as ledger:
        publish(ledger, KEEP)
    with closing(sqlite3.connect(file)) as db:
        db.execute("ALTER TABLE outputs DROP COLUMN metadata")
        db.execute("PRAGMA user_version = 1")
        db.commit()


def test_a_ledger_of_the_first_schema_is_taken_over(file):
    older(file)
    with Ledger(file) as ledger:
        assert ledger.verdict(RESULT, KEEP).reason == Reason.ALREADY_OPTIMIZED
        assert ledger.verdict(RESULT, SAFE) is None
        publish(ledger, SAFE)
        assert ledger.verdict(RESULT, SAFE).reason == Reason.ALREADY_OPTIMIZED
    with Ledger(file, read_only=True) as ledger:
        assert ledger.output(RESULT).metadata == "safe"


def test_a_ledger_of_the_first_schema_can_be_looked_at_and_stays_as_it_is(file):
    older(file)
    with Ledger(file, read_only=True) as ledger:
        assert ledger.verdict(RESULT, KEEP).reason == Reason.ALREADY_OPTIMIZED
        assert ledger.verdict(RESULT, STRIP) is None
        assert ledger.output(RESULT).metadata == "keep"
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)


def test_what_kept_its_metadata_is_told_of_again(file, make_kept):
    with Ledger(file) as ledger:
        ledger.record(b"/a.jpg", Identity(1, 2, 50, 3, SOURCE), make_kept(METADATA_LEFT), SAFE)
        ledger.flush()
        verdict = ledger.known(b"/a.jpg", 50, 3, SAFE)
        assert (verdict.status, verdict.metadata_left) == (Status.KEPT, True)
        ledger.record(b"/a.jpg", Identity(1, 2, 50, 3, SOURCE), make_kept("so it is"), KEEP)
        ledger.flush()
        assert not ledger.known(b"/a.jpg", 50, 3, KEEP).metadata_left


@pytest.fixture
def make_kept(tmp_path):
    from jpegslim.results import FileResult

    return lambda message: FileResult(
        path=tmp_path, status=Status.KEPT, reason="c2pa_signed", message=f"signed; {message}"
    )
