"""The report as one HTML page that needs nothing else: rows as they come, pictures at the end."""

import time
from pathlib import Path

from jpegslim.reports import html_page, wording
from jpegslim.reports.html_gallery import Gallery
from jpegslim.reports.html_rows import FIELDS, file_row, script_json
from jpegslim.reports.records import finite, totals_record
from jpegslim.reports.reporter import RunStart
from jpegslim.reports.sink import Sink
from jpegslim.results import METADATA_LEFT, FileResult, Totals, Wish
from jpegslim.settings import PRESETS, Settings
from jpegslim.version import VERSION

# Chromium opens 10,000 rows in 0.9 s and 100,000 in 5 s.
LARGEST_TABLE = 100_000


class HtmlReport:
    """Writes the page to a sink. Memory is bounded by what the gallery may hold."""

    def __init__(self, sink: Sink, page: Path) -> None:
        """Write to `sink`, which is closed with the run where it is owned. page: its file."""
        self._sink = sink
        self._page = page
        self._gallery = Gallery()
        self._rows = 0
        self._left_out = 0
        self._dry_run = False
        self._folder: Path | None = None

    def started(self, run: RunStart) -> None:
        """Empty the file of an earlier run, and write all that is known now."""
        self._dry_run = run.dry_run
        self._folder = run.folder
        self._sink.clear()
        self._write(html_page.opening(_run_record(run)))

    def found(self, files: int, size: int, *, complete: bool) -> None:
        """Say nothing: only finished files are reported."""

    def finished(self, result: FileResult) -> None:
        """Write the file's row; raises RunError where the stream can't take it."""
        if self._rows >= LARGEST_TABLE:
            self._left_out += 1
            return
        self._write(script_json(file_row(result, page=self._page, folder=self._folder)) + "\n")
        self._gallery.add(self._rows, result)
        self._rows += 1

    def wish(self) -> Wish:
        """Return which results are worth a picture."""
        return self._gallery.wish()

    def closed(self, totals: Totals) -> None:
        """Write totals and pictures, and close the stream."""
        record = _shown(totals_record(totals, dry_run=self._dry_run)["totals"])
        assert isinstance(record, dict)  # noqa: S101 - as `totals_record` says
        left_out = totals.files - self._rows
        # Of a past run only what was done is told again.
        why = (
            f"a page holds {LARGEST_TABLE:,} rows; a .csv report holds all"
            if self._left_out
            else "they were known and left alone"
        )
        record |= {"left_out": left_out, "left_out_why": why}
        try:
            self._write(html_page.closing(record, self._gallery.shown()))
        finally:
            self._sink.close()

    def _write(self, text: str) -> None:
        self._sink.write(text.encode())


def _run_record(run: RunStart) -> dict[str, object]:
    return {
        "version": VERSION,
        "fields": FIELDS,
        "aim": _aim(run.settings),
        "target": finite(run.settings.target),
        "dry_run": run.dry_run,
        "began": time.time() if run.began is None else run.began,
        "output": None if run.output is None else wording.printable(str(run.output)),
        "backup": None if run.backup is None else wording.printable(str(run.backup)),
        "notes": [wording.printable(note) for note in run.notes],
        "left_words": METADATA_LEFT,
        "meanings": [[f"{score:g}", words] for score, words in wording.MEANINGS],
    }


def _shown(value: object) -> object:
    """Return a record whose texts are safe to show."""
    if isinstance(value, dict):
        return {wording.printable(key): _shown(each) for key, each in value.items()}
    return wording.printable(value) if isinstance(value, str) else value


def _aim(settings: Settings) -> str:
    for name, target in PRESETS.items():
        if target == settings.target:
            return name if target is None else f"{name}, {target:g}"
    return f"{settings.target:g}"
