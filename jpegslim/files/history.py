"""What runs did, in SQLite beside the ledger, so that they can be reported on afterwards.

The ledger knows pictures, this knows runs: when, with which options, the totals, and the result of
every file that something was done to. Nothing depends on it; deleting it loses the past only.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Self

from jpegslim.errors import RunError
from jpegslim.files.mounts import on_network
from jpegslim.files.store import plain_name, plain_words
from jpegslim.files.transaction import transaction
from jpegslim.results import FileResult, Reason, Status, Tile, Totals, Url, place

SCHEMA = 1
# "jprn", so that another program's database is never taken for a history.
_APPLICATION = 0x6A70726E
_BUSY_SECONDS = 30.0

KEPT_DAYS = 90
KEPT_RUNS = 200
# A result takes 460 bytes: 46 MB for a run at most, 140 MB for all of them.
LARGEST_RUN = 100_000
KEPT_RESULTS = 300_000
_DAY = 86_400

# What a crash may lose.
_PENDING_ROWS = 500
_PENDING_SECONDS = 2.0

_TABLES = """
CREATE TABLE runs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, began REAL NOT NULL, options TEXT NOT NULL,
  totals TEXT, results INTEGER NOT NULL DEFAULT 0, left_out INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE results (
  run INTEGER NOT NULL, number INTEGER NOT NULL, result TEXT NOT NULL, PRIMARY KEY (run, number)
) WITHOUT ROWID;
"""
_RUNS = "SELECT number, began, options, totals, results, left_out FROM runs "
# Runs that are too old, too many, or hold results that are too many with those after them.
_PAST = """
SELECT number FROM (
  SELECT number, began, row_number() OVER latest AS place, sum(results) OVER latest AS held
  FROM runs WINDOW latest AS (ORDER BY number DESC)
) WHERE began < ? OR place > ? OR held > ?
"""

_UNTOLD = {"traceback", "view"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that is remembered.

    began: seconds since 1970. options: as they were given to `begin`. totals: what needs no
    results; None where the run did not end, or has not yet. results: how many are kept.
    left_out: how many were worth it and did not fit.
    """

    number: int
    began: float
    options: Mapping[str, Any]
    totals: Totals | None
    results: int
    left_out: int


def beside(ledger: Path) -> Path:
    """Return where the history of a ledger's runs is."""
    return ledger.with_name(f"{ledger.stem}.runs{ledger.suffix}")


def is_news(result: FileResult) -> bool:
    """Tell whether anything was done about a file, or to be told of it beyond its being known."""
    if result.metadata_left:
        # Who strips metadata must be told every time.
        return True
    if result.reason in (Reason.ALREADY_OPTIMIZED, Reason.ALREADY_COPIED):
        return False
    return result.seconds > 0 or result.status not in (Status.SKIPPED, Status.KEPT)


class History:
    """One open history; a context manager.

    Every method raises RunError, with the file's name and what to do, where it can't be used.
    """

    def __init__(self, file: Path, *, read_only: bool = False) -> None:
        """Open it, and make it where it is not there. read_only: it must be there."""
        self._file = file
        self._pending: list[tuple[int, int, str]] = []
        self._left_out = 0
        self._results = 0
        self._flushed = time.monotonic()
        if not read_only:
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise self._trouble(plain_words(error)) from error
        with self._translated():
            self._db = sqlite3.connect(
                f"{file.absolute().as_uri()}?mode={'rw' if read_only else 'rwc'}",
                uri=True,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
            )
            try:
                self._prepare(read_only=read_only)
            except BaseException:
                self._db.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; what `end` did not see is lost."""
        self._db.close()

    def begin(self, options: Mapping[str, Any], *, began: float) -> int:
        """Note that a run has begun, forget those past keeping, and return its number."""
        with self._transaction():
            limits = (began - KEPT_DAYS * _DAY, KEPT_RUNS - 1, KEPT_RESULTS)
            for (past,) in self._db.execute(_PAST, limits).fetchall():
                self._db.execute("DELETE FROM results WHERE run = ?", (past,))
                self._db.execute("DELETE FROM runs WHERE number = ?", (past,))
            done = self._db.execute(
                "INSERT INTO runs (began, options) VALUES (?, ?)", (began, json.dumps(options))
            )
            return int(done.lastrowid or 0)

    def add(self, run: int, result: FileResult) -> None:
        """Note with the next commit what became of a file."""
        if self._results >= LARGEST_RUN:
            self._left_out += 1
            return
        self._results += 1
        self._pending.append((run, self._results, _packed(result)))
        late = time.monotonic() - self._flushed > _PENDING_SECONDS
        if late or len(self._pending) >= _PENDING_ROWS:
            with self._transaction():
                self._write_pending(run)

    def end(self, run: int, totals: Totals) -> None:
        """Note how a run ended, and everything that is pending."""
        with self._transaction():
            self._write_pending(run)
            self._db.execute(
                "UPDATE runs SET totals = ? WHERE number = ?", (_packed_totals(totals), run)
            )

    def runs(self) -> list[Run]:
        """Return all that are remembered, the latest first."""
        with self._translated():
            return [_run(*row) for row in self._db.execute(_RUNS + "ORDER BY number DESC")]

    def run(self, number: int | None) -> Run | None:
        """Return one by its number, the latest for None; None where there is none."""
        with self._translated():
            chosen = "ORDER BY number DESC LIMIT 1" if number is None else "WHERE number = ?"
            row = self._db.execute(_RUNS + chosen, () if number is None else (number,)).fetchone()
            return None if row is None else _run(*row)

    def results(self, run: int) -> Iterator[FileResult]:
        """Yield the results of a run in the order they came."""
        with self._translated():
            query = "SELECT result FROM results WHERE run = ? ORDER BY number"
            for (packed,) in self._db.execute(query, (run,)):
                yield _unpacked(packed)

    def _prepare(self, *, read_only: bool) -> None:
        if read_only:
            self._db.execute("PRAGMA query_only = 1")
        else:
            journal = "DELETE" if on_network(self._file.parent) else "WAL"
            self._db.execute(f"PRAGMA journal_mode = {journal}")
            with self._transaction():
                (tables,) = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                if not tables:
                    for statement in _TABLES.split(";")[:-1]:
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
                    self._db.execute(f"PRAGMA user_version = {SCHEMA}")
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (schema,) = self._db.execute("PRAGMA user_version").fetchone()
        if application != _APPLICATION:
            raise self._trouble("it is another program's database")
        if schema > SCHEMA:
            raise self._trouble("it was written by a newer jpegslim")

    def _write_pending(self, run: int) -> None:
        self._db.executemany("INSERT INTO results VALUES (?, ?, ?)", self._pending)
        self._db.execute(
            "UPDATE runs SET results = ?, left_out = ? WHERE number = ?",
            (self._results, self._left_out, run),
        )
        self._pending.clear()
        self._flushed = time.monotonic()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated(), transaction(self._db):
            yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._trouble(str(error)) from error

    def _trouble(self, what: str) -> RunError:
        return RunError(
            f"the history of runs {plain_name(self._file)} can't be used ({what}):"
            " move it away, or run with --no-ledger"
        )


def _run(number: int, began: float, options: str, totals: str | None, *sums: int) -> Run:
    results, left_out = sums
    return Run(
        number=number,
        began=began,
        options=json.loads(options),
        totals=None if totals is None else _unpacked_totals(totals),
        results=results,
        left_out=left_out,
    )


def _packed(result: FileResult) -> str:
    """Return a result as JSON without what is as usual; names that are no UTF-8 survive in it."""
    told: dict[str, object] = {}
    for field in fields(result):
        value = getattr(result, field.name)
        if field.name in _UNTOLD or (field.default is not MISSING and value == field.default):
            continue
        if isinstance(value, Path | Url):
            value = str(value)
        elif isinstance(value, Tile):
            value = (value.x, value.y, value.width, value.height, value.score)
        told[field.name] = value
    return json.dumps(told, separators=(",", ":"))


def _unpacked(packed: str) -> FileResult:
    known = {field.name for field in fields(FileResult)}
    told = {name: value for name, value in json.loads(packed).items() if name in known}
    for name in ("path", "output", "original"):
        if name in told:
            told[name] = place(told[name])
    if "worst_tile" in told:
        told["worst_tile"] = Tile(*told["worst_tile"])
    if "notes" in told:
        told["notes"] = tuple(told["notes"])
    return FileResult(**(told | {"status": Status(told["status"])}))


_PLAIN_SUMS = (
    "bytes_in",
    "bytes_out",
    "megapixels",
    "seconds",
    "interrupted",
    "stopped",
    "cut_short",
)


def _packed_totals(totals: Totals) -> str:
    counts = {str(status): number for status, number in totals.counts.items()}
    return json.dumps({"counts": counts} | {name: getattr(totals, name) for name in _PLAIN_SUMS})


def _unpacked_totals(packed: str) -> Totals:
    told = json.loads(packed)
    totals = Totals(**{name: told[name] for name in _PLAIN_SUMS})
    totals.counts.update({Status(status): number for status, number in told["counts"].items()})
    return totals
