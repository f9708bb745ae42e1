"""Pictures for a report are made while both versions are at hand, and only those it wants."""

import math

import pytest

from jpegslim import batch
from jpegslim.results import Status, Wish
from jpegslim.settings import Settings


class Onlooker:
    """A reporter that wishes for what it is told to."""

    def __init__(self, wish):
        self.results = []
        self._wish = wish

    def wish(self):
        return self._wish

    def started(self, run):
        pass

    def found(self, files, size, *, complete):
        pass

    def finished(self, result):
        self.results.append(result)

    def closed(self, totals):
        pass


ALL = Wish(saves_over=-math.inf, scores_under=math.inf)
NONE = Wish(saves_over=math.inf, scores_under=-math.inf)


@pytest.fixture
def go(tmp_path, photograph):
    tree = tmp_path / "photos"
    tree.mkdir()
    (tree / "a.jpg").write_bytes(photograph(0))

    def run(wish, **options):
        onlooker = Onlooker(wish)
        batch.run(
            [tree],
            Settings(),
            jobs=1,
            reporters=[onlooker],
            **({"output": None, "dry_run": False} | options),
        )
        (result,) = onlooker.results
        assert result.status is Status.OPTIMIZED
        return result

    return run


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_view_shows_the_original_even_where_it_was_replaced(go, dry_run):
    view = go(ALL, dry_run=dry_run).view
    assert view.before != view.after
    assert view.thumbnail.startswith(b"\xff\xd8")


def test_nobody_pays_for_pictures_nobody_wants(go):
    assert go(NONE).view is None


def test_results_say_where_their_originals_are(go, tmp_path, photograph):
    result = go(NONE, output=tmp_path / "out")
    assert result.original == result.path
    assert result.output != result.path


def test_replaced_originals_are_gone_or_in_the_backup(go, tmp_path, photograph):
    assert go(NONE, backup=tmp_path / "kept").original.read_bytes() == photograph(0)


def test_without_a_backup_there_is_no_original(go):
    assert go(NONE).original is None
