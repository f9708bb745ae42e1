"""The parent is killed at random moments; every file survives, and no result is made twice."""

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from processes import children_of, gone_within

import jpegslim
from jpegslim import batch
from jpegslim.files.store import TEMPORARY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

FILES = 10
SETTINGS = jpegslim.Settings(marker=False)

RUN = """
import json, sys
from pathlib import Path
from jpegslim.batch import run
from jpegslim.results import Status
from jpegslim.settings import Settings
tree, ledger, output, backup = sys.argv[1:]
totals = run(
    [Path(tree)], Settings(marker=False), output=Path(output) if output else None, jobs=2,
    dry_run=False, ledger=Path(ledger), backup=Path(backup) if backup else None,
)
print(json.dumps({"optimized": totals.counts[Status.OPTIMIZED], "failed": len(totals.failures),
    "code": int(totals.exit_code), "stopped": totals.stopped}))
"""


def photograph(number):
    """Return a JPEG of clouds and grain that takes a worker some 0.2 s."""
    generator = np.random.default_rng(number)
    coarse = generator.integers(40, 215, (9, 12, 3), np.uint8)
    picture = Image.fromarray(coarse).resize((480, 360), Image.Resampling.BICUBIC)
    grain = generator.normal(0, 4, (360, 480, 3))
    pixels = np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=96)
    return written.getvalue()


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Archive:
    """A tree of photos, the ledger that goes with it, and what may be found there."""

    def __init__(self, folder, photos):
        self.tree, self.output = folder / "photos", folder / "out"
        self.ledger = folder / "state" / "ledger.sqlite"
        self._photos = photos
        self._judged = {}
        self.in_place = True
        self.backup = ""
        for number, data in enumerate(photos):
            path = self.tree / f"{number % 3}" / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def start(self):
        output = "" if self.in_place else str(self.output)
        return subprocess.Popen(
            [sys.executable, "-c", RUN, str(self.tree), str(self.ledger), output, self.backup],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    def finish(self):
        """Run to the end and return what the run says of itself."""
        with self.start() as process:
            told = json.loads(process.stdout.read())
        assert process.wait() == 0
        assert told["code"] == 0, told
        return told

    def results(self):
        """Return the digest of every result by number; fail on anything else."""
        found = {}
        for number, source in enumerate(self._photos):
            relative = Path(f"{number % 3}", f"{number}.jpg")
            original = (self.tree / relative).read_bytes()
            if not self.in_place:
                assert original == source
            result = self.tree / relative if self.in_place else self.output / "photos" / relative
            if result.exists():
                data = result.read_bytes()
                if data != source:
                    self._check(data, source)
                    found[number] = digest(data)
        return found

    def _check(self, data, source):
        """Hold a result to its promise, once for each."""
        if digest(data) not in self._judged:
            self._judged[digest(data)] = jpegslim.compare(source, data).score
        assert self._judged[digest(data)] >= 85

    def strays(self):
        places = (place for place in (self.tree, self.output) if place.exists())
        return [
            path for place in places for path in place.rglob("*") if fnmatch(path.name, TEMPORARY)
        ]


@pytest.fixture(scope="module")
def photos():
    return [photograph(number) for number in range(FILES)]


def kill_again_and_again(tmp_path, photos, *, kills, seed):
    """Kill runs at random moments until so many are dead; return what was counted."""
    moments = random.Random(seed)  # noqa: S311 - moments, no secrets
    counts = Counter()
    cycle = 0
    rehearsal = Archive(tmp_path / "rehearsal", photos)
    began = time.monotonic()
    rehearsal.finish()
    duration = time.monotonic() - began
    while counts["kills"] < kills:
        archive = Archive(tmp_path / str(cycle), photos)
        archive.in_place = cycle % 3 != 2
        archive.backup = str(tmp_path / f"backup {cycle}") if cycle % 3 == 1 else ""
        published = {}
        while counts["kills"] < kills:
            process = archive.start()
            with process:
                time.sleep(moments.uniform(0.2, 1.1) * duration)
                if process.poll() is not None:
                    counts["ended before the kill"] += 1
                    break
                workers = children_of(process.pid)
                process.kill()
                process.wait()
            counts["kills"] += 1
            counts["with workers at work"] += bool(workers)
            assert gone_within(workers, 2)
            counts["temporaries found after a kill"] += len(archive.strays())
            results = archive.results()
            assert published.items() <= results.items(), "a published result was made again"
            counts["killed halfway through the tree"] += 0 < len(results) < FILES
            published = results
        archive.finish()
        results = archive.results()
        assert published.items() <= results.items(), "a published result was made again"
        assert len(results) == FILES
        assert archive.strays() == []
        assert archive.finish()["optimized"] == 0
        assert archive.results() == results
        locks = archive.ledger.parent / "locks"
        assert [path.name for path in locks.iterdir()] == ["registry"]
        counts["trees finished"] += 1
        if archive.backup:
            outcomes = [each.outcome for each in batch.restore(Path(archive.backup))]
            assert outcomes == ["restored"] * FILES
            assert archive.results() == {}
            counts["backups restored"] += 1
        cycle += 1
    return counts


def test_a_run_that_is_killed_harms_no_file_and_the_next_goes_on(tmp_path, photos):
    counts = kill_again_and_again(tmp_path, photos, kills=6, seed=7)
    assert counts["with workers at work"]


@pytest.mark.endurance
def test_two_hundred_kills_harm_no_file(tmp_path, photos, capsys):
    counts = kill_again_and_again(tmp_path, photos, kills=200, seed=None)
    with capsys.disabled():
        print()  # noqa: T201 - the counts are what this test is for
        for name, number in counts.items():
            print(f"{name}: {number}")  # noqa: T201
    assert counts["killed halfway through the tree"] > 20
