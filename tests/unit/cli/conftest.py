from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from jpegslim.cli import program
from jpegslim.results import Optimized, Status, Totals


@pytest.fixture
def invoke():
    """Run the command line in this process; the result has exit_code, stdout and stderr."""

    def run(*args, stdin=None):
        return CliRunner().invoke(program, [str(arg) for arg in args], input=stdin)

    return run


@pytest.fixture
def batch(monkeypatch, tmp_path):
    """Stand in for the batch: what it was called with, and what it shall do."""
    monkeypatch.chdir(tmp_path)
    fake = SimpleNamespace(calls=[], totals=Totals(), results=[], error=None, delivered=None)

    def run(paths, settings, **options):
        if options["listed"] is not None:
            options["listed"] = list(options["listed"])
        fake.calls.append(SimpleNamespace(paths=paths, settings=settings, **options))
        return _conduct(fake, options["reporters"])

    def pipe(data, settings):
        fake.calls.append(SimpleNamespace(data=data, settings=settings))
        if fake.error is not None:
            raise fake.error
        return fake.delivered or Optimized(
            data=b"smaller",
            status=Status.OPTIMIZED,
            reason="target_met",
            detail="score 85.20",
            bytes_in=1000,
            bytes_out=400,
            score=85.2,
        )

    monkeypatch.setattr("jpegslim.batch.run", run)
    monkeypatch.setattr("jpegslim.batch.pipe", pipe)
    monkeypatch.setattr("jpegslim.batch.default_ledger", lambda: Path("usual.sqlite"))
    monkeypatch.setattr("jpegslim.files.pool.default_jobs", lambda: 7)
    return fake


def _conduct(fake, reporters):
    from jpegslim.reports.reporter import RunStart
    from jpegslim.settings import Settings

    if fake.error is not None:
        raise fake.error
    start = RunStart(settings=Settings(), output=None, dry_run=False, jobs=1)
    for reporter in reporters:
        reporter.started(start)
    for result in fake.results:
        fake.totals.add(result)
        for reporter in reporters:
            reporter.finished(result)
    for reporter in reporters:
        reporter.closed(fake.totals)
    return fake.totals
