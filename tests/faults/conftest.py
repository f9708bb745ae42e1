from pathlib import Path

import pytest

from jpegslim.files.worker import Worker

ENTRY = "worker_entries:obey"


@pytest.fixture
def entry(monkeypatch):
    """An entry whose module the children find through PYTHONPATH."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    return ENTRY


@pytest.fixture
def worker(entry):
    with Worker(entry) as worker:
        yield worker
