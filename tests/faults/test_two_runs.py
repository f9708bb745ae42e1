"""Runs at the same time: on one tree one refuses or waits, on two trees both share the ledger."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_kill_parent import photograph

from jpegslim.files.ledger import Ledger

RUN = """
import json, os, sys, time
from pathlib import Path
from jpegslim.batch import run
from jpegslim.files import lock
from jpegslim.settings import Settings
lock.GRACE_SECONDS = 0.2
class Tell:
    started = found = closed = lambda *_, **__: None
    def finished(self, result):
        print(json.dumps(result.status), flush=True)
        time.sleep(float(os.environ["PAUSE"]))
totals = run([Path(sys.argv[1])], Settings(marker=False), output=None, jobs=1, dry_run=False,
    reporters=[Tell()], ledger=Path(sys.argv[2]), wait=len(sys.argv) > 3)
print(json.dumps([{str(each): n for each, n in totals.counts.items()}, totals.stopped]))
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a run, and ends it with the test."""
    running = []

    def start(tree, *more, pause=0.0):
        ledger = tmp_path / "state" / "ledger.sqlite"
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(tree), str(ledger), *more],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "PAUSE": str(pause),
            },
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def trees(tmp_path):
    places = tmp_path / "one", tmp_path / "two"
    for number in range(8):
        path = places[number % 2] / "b" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photograph(number))
    return places


def last(process):
    return json.loads(process.stdout.read().splitlines()[-1])


def test_on_one_tree_the_second_refuses_or_waits_for_the_first(trees, start):
    first = start(trees[0], pause=0.7)
    assert json.loads(first.stdout.readline()) == "optimized"
    refused, waiting = start(trees[0] / "b"), start(trees[0], "wait")
    counts, stopped = last(refused)
    assert counts == {}
    assert "another run is at work" in stopped
    assert last(first) == [{"optimized": 4}, None]
    assert last(waiting) == [{"skipped": 4}, None]


def test_on_two_trees_both_run_and_share_the_ledger(trees, start, tmp_path):
    both = [start(tree) for tree in trees]
    assert [last(each) for each in both] == [[{"optimized": 4}, None]] * 2
    again = start(tmp_path)
    assert last(again) == [{"skipped": 8}, None]
    with Ledger(tmp_path / "state" / "ledger.sqlite") as ledger:
        assert ledger.intents() == []
