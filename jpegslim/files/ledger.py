"""What became of every file, in SQLite, across runs and names.

Identity is the digest of a file's bytes: a result of ours is known wherever it is moved or
copied. An index by path, size and time answers for a file in its place without reading it.

An intent and the result it will publish are on disk before the file is replaced. What is told
afterwards waits in memory for the next commit: when it is lost, the next run finds the result by
its digest. Only one process of a run writes; its workers look.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from jpegslim.errors import RunError
from jpegslim.files.mounts import on_network
from jpegslim.files.remembered import Excerpt, Intent, Output, Place, Verdict, metadata_key
from jpegslim.files.store import Identity, plain_name, plain_words
from jpegslim.files.transaction import transaction
from jpegslim.results import FileResult, Reason, Status
from jpegslim.settings import Metadata, Settings
from jpegslim.version import VERSION

SCHEMA = 2
# "jpsl", so that another program's database is never taken for a ledger.
_APPLICATION = 0x6A70736C
_BUSY_SECONDS = 30.0
# What a crash may lose: files that are only looked at again.
_PENDING_ROWS = 500
_PENDING_SECONDS = 2.0
# In kilobytes: digests lie all over a table, and those of 200,000 files fit in here.
_CACHE = 32_000

_TABLES = """
CREATE TABLE outputs (
  digest BLOB PRIMARY KEY, target REAL, score REAL, source BLOB NOT NULL, version TEXT NOT NULL,
  metadata TEXT NOT NULL DEFAULT 'keep'
) WITHOUT ROWID;
CREATE TABLE judged (
  digest BLOB NOT NULL, fingerprint TEXT NOT NULL, version TEXT NOT NULL,
  status TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
  PRIMARY KEY (digest, fingerprint)
) WITHOUT ROWID;
CREATE TABLE paths (
  path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, digest BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE intents (
  run TEXT NOT NULL, path BLOB NOT NULL, temporary BLOB NOT NULL,
  source BLOB NOT NULL, result BLOB NOT NULL, PRIMARY KEY (run, path)
) WITHOUT ROWID;
"""
# What a ledger of schema 1 lacks; its results keep all metadata.
_MIGRATION = "ALTER TABLE outputs ADD COLUMN metadata TEXT NOT NULL DEFAULT 'keep'"
_VERDICT = """
SELECT o.source, o.version, o.target, o.score, {metadata}, j.status, j.reason, j.message
FROM {known} AS k
LEFT JOIN outputs AS o ON o.digest = k.digest
LEFT JOIN judged AS j ON j.digest = k.digest AND j.fingerprint = ? AND j.version = ?
"""
_AT_PATH = "WHERE k.path = ? AND k.size = ? AND k.mtime_ns = ?"
_OUTPUT = "SELECT target, score, source, version, {metadata} FROM outputs AS o WHERE digest = ?"

_DIGEST = "SELECT digest FROM paths WHERE path = ? AND size = ? AND mtime_ns = ?"

_PUT_PATH = "INSERT OR REPLACE INTO paths VALUES (?, ?, ?, ?)"
_PUT_JUDGED = "INSERT OR REPLACE INTO judged VALUES (?, ?, ?, ?, ?, ?)"
_PUT_OUTPUT = "INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?, ?, ?)"
_PUT_INTENT = "INSERT OR REPLACE INTO intents VALUES (?, ?, ?, ?, ?)"
_DROP_INTENT = "DELETE FROM intents WHERE run = ? AND path = ?"

_LEAVE = "or run with --no-ledger"
_TROUBLES = {
    sqlite3.SQLITE_NOTADB: f"is damaged or no ledger: move it away, {_LEAVE}",
    sqlite3.SQLITE_CORRUPT: f"is damaged: move it away, {_LEAVE}",
    sqlite3.SQLITE_BUSY: f"is locked by another program: wait for it, {_LEAVE}",
    sqlite3.SQLITE_LOCKED: f"is locked by another program: wait for it, {_LEAVE}",
    sqlite3.SQLITE_READONLY: f"can't be written: give another --ledger FILE, {_LEAVE}",
    sqlite3.SQLITE_PERM: f"can't be written: give another --ledger FILE, {_LEAVE}",
    sqlite3.SQLITE_CANTOPEN: f"can't be opened: give another --ledger FILE, {_LEAVE}",
    sqlite3.SQLITE_IOERR: f"can't be read or written: see to its disk, {_LEAVE}",
    sqlite3.SQLITE_FULL: f"has no space left on its disk: free some, {_LEAVE}",
}


class Ledger:
    """One open ledger, on the thread that opened it; a context manager.

    Every method raises RunError, with the file's name and what to do, where the ledger is
    damaged, locked or can't be written.
    """

    def __init__(self, file: Path, *, read_only: bool = False) -> None:
        """Open the ledger, and make it where it is not there. read_only: it must be there."""
        self._file = file
        self._paths: list[tuple[bytes, int, int, bytes]] = []
        self._judged: list[tuple[bytes, str, str, str, str, str]] = []
        self._done: list[tuple[str, bytes]] = []
        self._flushed = time.monotonic()
        if not read_only:
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise RunError(
                    f"the folder of the ledger {plain_name(file)} can't be made:"
                    f" {plain_words(error)}; give another --ledger FILE, {_LEAVE}"
                ) from error
        with self._translated():
            self._db = sqlite3.connect(
                f"{Path(file).absolute().as_uri()}?mode={'rw' if read_only else 'rwc'}",
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

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            # What went wrong counts, not that the rest could not be noted either.
            with suppress(RunError):
                self.close()

    def close(self) -> None:
        """Write what is pending and close."""
        try:
            self.flush()
        finally:
            with self._translated():
                self._db.close()

    def known(self, path: bytes, size: int, mtime_ns: int, settings: Settings) -> Verdict | None:
        """Return the verdict on the file that stood at an absolute path, None where it is new.

        One look-up; the file is not read.
        """
        keys = (_fingerprint(settings), VERSION, path, size, mtime_ns)
        return self._verdict(self._by_path, keys, settings)

    def verdict(self, digest: str, settings: Settings) -> Verdict | None:
        """Return the verdict on bytes by their digest, None where there is something to do."""
        keys = (bytes.fromhex(digest), _fingerprint(settings), VERSION)
        return self._verdict(self._by_digest, keys, settings)

    def known_copy(self, source: Place, copy: Place, settings: Settings) -> Verdict | None:
        """Return why a source needs no work whose result or copy stands elsewhere, None if it does.

        Neither file is read.
        """
        origin, result = self._digest_at(source), self._digest_at(copy)
        if origin is None or result is None:
            return None
        if origin == result:
            return self.verdict(origin, settings)
        output = self.output(result)
        if output is None or output.source != origin or output.target != settings.target:
            return None
        if output.metadata != metadata_key(settings):
            return None
        return Verdict(
            status=Status.SKIPPED,
            reason=Reason.ALREADY_OPTIMIZED,
            message=f"jpegslim {output.version} put its result there before",
        )

    def output(self, digest: str) -> Output | None:
        """Return what is known of a result of ours, None where the bytes are none."""
        row = self._row(self._output, (bytes.fromhex(digest),))
        if row is None:
            return None
        target, score, source, version, metadata = row
        return Output(
            target=target, score=score, source=source.hex(), version=version, metadata=metadata
        )

    def intend(self, intent: Intent, output: Output | None) -> None:
        """Note durably what is about to be published. output: None for an unchanged copy."""
        result, source = bytes.fromhex(intent.result), bytes.fromhex(intent.source)
        with self._transaction():
            self._write_pending()
            if output is not None:
                made = (output.target, output.score, bytes.fromhex(output.source), output.version)
                self._db.execute(_PUT_OUTPUT, (result, *made, output.metadata))
            row = (intent.run, intent.path, intent.temporary, source, result)
            self._db.execute(_PUT_INTENT, row)
        self._forget_pending()

    def settle(self, intent: Intent, published: Identity | None) -> None:
        """Note with the next commit that an intent is over. published: None where it failed."""
        self._done.append((intent.run, intent.path))
        if published is not None:
            self.note(intent.path, published)

    def record(
        self, path: bytes, identity: Identity, result: FileResult, settings: Settings
    ) -> None:
        """Note with the next commit what was found of a file that stays as it is; see `judge`."""
        self.note(path, identity)
        self.judge(identity.digest, result, settings)

    def judge(self, digest: str, result: FileResult, settings: Settings) -> None:
        """Note with the next commit what was found of bytes that stay as they are.

        result: follows from the bytes and the settings; what may pass must not come here.
        """
        self._judged.append(
            (
                bytes.fromhex(digest),
                _fingerprint(settings),
                VERSION,
                str(result.status),
                str(result.reason),
                result.message,
            )
        )
        late = time.monotonic() - self._flushed > _PENDING_SECONDS
        if late or len(self._paths) >= _PENDING_ROWS:
            self.flush()

    def note(self, path: bytes, identity: Identity) -> None:
        """Note with the next commit what stands at a path."""
        self._paths.append((path, identity.size, identity.mtime_ns, bytes.fromhex(identity.digest)))

    def intents(self) -> list[Intent]:
        """Return every intent that is open, of this run or another."""
        with self._translated():
            rows = self._db.execute("SELECT run, path, temporary, source, result FROM intents")
            return [
                Intent(
                    run=run,
                    path=path,
                    temporary=temporary,
                    source=source.hex(),
                    result=result.hex(),
                )
                for run, path, temporary, source, result in rows
            ]

    def flush(self) -> None:
        """Commit what is pending."""
        if self._paths or self._judged or self._done:
            with self._transaction():
                self._write_pending()
            self._forget_pending()

    def _verdict(self, query: str, keys: tuple[object, ...], settings: Settings) -> Verdict | None:
        row = self._row(query, keys)
        if row is None:
            return None
        source, version, target, score, metadata, status, reason, message = row
        done = source is not None and covers(target, settings.target)
        if done and _has_dropped(metadata, settings.metadata):
            aim = "losslessly" if target is None else f"at {target:g}"
            scored = "" if score is None else f", score {score:.2f}"
            return Verdict(
                status=Status.SKIPPED,
                reason=Reason.ALREADY_OPTIMIZED,
                message=f"jpegslim {version} optimized it before, {aim}{scored}",
            )
        if status is not None:
            return Verdict(status=Status(status), reason=reason, message=message)
        return None

    def _digest_at(self, place: Place) -> str | None:
        keys = (place.path, place.size, place.mtime_ns)
        row = self._row(_DIGEST, keys)
        return None if row is None else str(row[0].hex())

    def _row(self, query: str, keys: tuple[object, ...]) -> Any:
        # No context manager: a run over files that are known spends its time here.
        try:
            return self._db.execute(query, keys).fetchone()
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _prepare(self, *, read_only: bool) -> None:
        run = self._db.execute
        run(f"PRAGMA cache_size = -{_CACHE}")
        if read_only:
            run("PRAGMA query_only = 1")
        else:
            # The log needs shared memory between all who have the file open.
            run(f"PRAGMA journal_mode = {'DELETE' if on_network(self._file.parent) else 'WAL'}")
            run("PRAGMA synchronous = FULL")
        schema, application = self._schema()
        if schema == 0 and application == 0 and not read_only:
            with self._transaction():
                # Another run may have been faster.
                if self._schema() == (0, 0):
                    if run("SELECT count(*) FROM sqlite_schema").fetchone() != (0,):
                        raise self._foreign()
                    for statement in _TABLES.split(";")[:-1]:
                        run(statement)
                    run(f"PRAGMA application_id = {_APPLICATION}")
                    run(f"PRAGMA user_version = {SCHEMA}")
            schema, application = self._schema()
        if application == _APPLICATION and schema == 1 and not read_only:
            with self._transaction():
                if self._schema() == (1, _APPLICATION):
                    run(_MIGRATION)
                    run(f"PRAGMA user_version = {SCHEMA}")
            schema, application = self._schema()
        if application != _APPLICATION:
            raise self._foreign()
        # One that is only looked at stays as it is, and has no such column.
        metadata = "o.metadata" if schema >= SCHEMA else "'keep'"
        self._by_path = _VERDICT.format(known="paths", metadata=metadata) + _AT_PATH
        self._by_digest = _VERDICT.format(known="(SELECT ? AS digest)", metadata=metadata)
        self._output = _OUTPUT.format(metadata=metadata)
        if schema > SCHEMA:
            raise RunError(
                f"the ledger {plain_name(self._file)} was written by a newer jpegslim:"
                f" use that, give another --ledger FILE, {_LEAVE}"
            )

    def _schema(self) -> tuple[int, int]:
        (schema,) = self._db.execute("PRAGMA user_version").fetchone()
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        return schema, application

    def _foreign(self) -> RunError:
        return RunError(
            f"{plain_name(self._file)} is another program's database:"
            f" give another --ledger FILE, {_LEAVE}"
        )

    def _write_pending(self) -> None:
        self._db.executemany(_DROP_INTENT, self._done)
        self._db.executemany(_PUT_JUDGED, self._judged)
        self._db.executemany(_PUT_PATH, self._paths)

    def _forget_pending(self) -> None:
        self._done.clear()
        self._judged.clear()
        self._paths.clear()
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
            raise self._failure(error) from error

    def _failure(self, error: sqlite3.Error) -> RunError:
        # Extended codes carry the plain one in their lowest byte.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        trouble = _TROUBLES.get(code, f"can't be used ({error}): move it away, {_LEAVE}")
        return RunError(f"the ledger {plain_name(self._file)} {trouble}")


def view(known: Path | Excerpt) -> Ledger | Excerpt:
    """Return the ledger open for looking only; what came with the task is looked at as it is."""
    return known if isinstance(known, Excerpt) else _view(known)


@lru_cache(maxsize=1)
def _view(file: Path) -> Ledger:
    """Return the same ledger for every file of a worker."""
    return Ledger(file, read_only=True)


def covers(target: float | None, wanted: float | None) -> bool:
    """Tell whether a result made at `target` already is what is wanted.

    A lower target than the result's goes on: the user asks for one more generation.
    """
    return wanted is None or (target is not None and target <= wanted)


def _has_dropped(done: str, asked: Metadata) -> bool:
    """Tell whether a result made by one policy lacks what another wants dropped."""
    if asked is Metadata.KEEP:
        return True
    return done.startswith((Metadata.STRIP, asked))


@lru_cache(maxsize=8)
def _fingerprint(settings: Settings) -> str:
    return settings.fingerprint()
