"""A file of verdicts, an SQLite database: what was reached once is there after a crash, for any number of runs."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from entropy_theory.checking.verdict import Verdict
from entropy_theory.files import reason

APPLICATION = 0x45545653
"""``ETVS`` in the header of the file, by which such a file is known."""

FORMAT = 1
"""Of the tables below. A file of another one is refused."""

HEADER = 100
"""Bytes that every SQLite file begins with."""

PATIENCE = 60.0
"""Seconds that a run waits while another one writes."""

TABLE = """CREATE TABLE verdicts (
    version TEXT NOT NULL,
    source TEXT NOT NULL,
    seed TEXT NOT NULL,
    budget TEXT NOT NULL,
    claim TEXT NOT NULL,
    reading TEXT NOT NULL,
    verdict TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (version, source, seed, budget, claim, reading)
)"""

EXPECTED = "expected a store of verdicts that an earlier run wrote, or a new name"


class StoreError(ValueError):
    """A store that cannot be read or written, is damaged, or is no store of verdicts."""


class Key(NamedTuple):
    """What a verdict depends on.

    Parameters
    ----------
    version : str
        Of the package.
    source : str
        Fingerprint of the claims.
    seed, budget : int
    claim, reading : str
    """

    version: str
    source: str
    seed: int
    budget: int
    claim: str
    reading: str

    def __str__(self) -> str:
        return f"{self.claim} ({self.reading}), seed {self.seed}, budget {self.budget}"


class Store:
    """The verdicts in a file; a context manager. Several processes may have it open at once.

    Parameters
    ----------
    path : path
        It is made if it is not there.

    Raises
    ------
    StoreError
        Here and from each method: if the file cannot be read or written, is damaged, or is of another kind or format.
    """

    def __init__(self, path: str | Path) -> None:
        import sqlite3  # not loaded by those who keep nothing

        self.path = Path(path)
        self._lacking()
        with self._said("opened"):
            # Absolute, as ":memory:" and "" are no files for SQLite. Autocommit: a statement is a transaction.
            self._file = sqlite3.connect(os.path.abspath(path), timeout=PATIENCE, isolation_level=None)
        try:
            self._settle()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Nothing waits to be written."""
        self._file.close()

    def get(self, key: Key) -> Verdict | None:
        """The verdict kept under `key`.

        Parameters
        ----------
        key : Key

        Returns
        -------
        Verdict or None
            None if there is none.

        Raises
        ------
        StoreError
            Also if the row does not fit its checksum.
        """
        with self._said("read"):
            row = self._file.execute(
                "SELECT verdict, sha256 FROM verdicts WHERE version = ? AND source = ? AND seed = ? AND budget = ? "
                "AND claim = ? AND reading = ?",
                _texts(key),
            ).fetchone()
        return None if row is None else self._believed(key, *row)

    def put(self, key: Key, verdict: Verdict) -> Verdict:
        """Keep a verdict; when this returns it is on the disk.

        Parameters
        ----------
        key : Key
        verdict : Verdict

        Returns
        -------
        Verdict
            The one that stands: if another run has kept one under this key meanwhile, that one.

        Raises
        ------
        StoreError
            If it cannot be written, as on a full disk; the file is as before.
        """
        text = json.dumps(verdict.to_json())
        with self._said("written"):
            inserted = self._file.execute(
                "INSERT OR IGNORE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*_texts(key), text, checksum(key, text)),
            ).rowcount
        if inserted:
            return verdict
        standing = self.get(key)
        if standing is None:
            raise StoreError(f"{self.path} lost its verdict on {key}, {EXPECTED}")
        return standing

    def __len__(self) -> int:
        with self._said("read"):
            return int(self._file.execute("SELECT count(*) FROM verdicts").fetchone()[0])

    def _lacking(self) -> None:
        """Refuse what SQLite would say nothing clear about, without opening it: that would end the locks of another
        connection of this process."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            why = reason(error) if isinstance(error, OSError) else str(error)
            raise StoreError(f"{self.path} cannot be read: {why}") from None
        if stat.S_ISDIR(found.st_mode):
            raise StoreError(f"{self.path} cannot be read: is a directory, {EXPECTED}")
        if not stat.S_ISREG(found.st_mode):
            raise StoreError(f"{self.path} cannot be read: is no regular file, {EXPECTED}")
        if 0 < found.st_size < HEADER:  # one byte is as good as none to SQLite
            raise StoreError(f"{self.path} is no store of verdicts, {EXPECTED}")

    def _settle(self) -> None:
        with self._said("opened"):
            # A write-ahead log is no good on network folders.
            if self._one("PRAGMA journal_mode = DELETE") != "delete":
                raise StoreError(f"{self.path} cannot be opened with a rollback journal, {EXPECTED}")
            # As FULL, and the folder is synchronised too once the journal is gone.
            self._file.execute("PRAGMA synchronous = EXTRA")
            self._file.execute("PRAGMA trusted_schema = OFF")
            if self._new():
                self._make()
            self._recognise()
            if (found := self._one("PRAGMA integrity_check(1)")) != "ok":
                raise StoreError(f"{self.path} is damaged ({' '.join(str(found).split())}), {EXPECTED}")
        with self._said("written"):
            # A folder in which no journal can be written is met here, not after the first claim.
            self._file.execute("BEGIN IMMEDIATE")
            self._file.execute(f"PRAGMA user_version = {FORMAT}")
            self._file.execute("ROLLBACK")

    def _new(self) -> bool:
        marks = [self._one(f"PRAGMA {name}") for name in ("application_id", "user_version")]
        return marks == [0, 0] and self._one("SELECT count(*) FROM sqlite_master") == 0

    def _make(self) -> None:
        with self._said("written"):
            self._file.execute("BEGIN IMMEDIATE")
            if self._new():  # still, now that no other run can be at it
                self._file.execute(TABLE)
                self._file.execute(f"PRAGMA application_id = {APPLICATION}")
                self._file.execute(f"PRAGMA user_version = {FORMAT}")
            self._file.execute("COMMIT")

    def _recognise(self) -> None:
        if (application := self._one("PRAGMA application_id")) != APPLICATION:
            raise StoreError(f"{self.path} is a database of another program (application {application}), {EXPECTED}")
        if (version := self._one("PRAGMA user_version")) != FORMAT:
            raise StoreError(
                f"{self.path} is a store of format {version}, expected format {FORMAT}: read it with the release that "
                "wrote it, or give a new name"
            )
        if [row[0] for row in self._file.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")] != [TABLE]:
            raise StoreError(f"{self.path} is damaged (its tables are not those of format {FORMAT}), {EXPECTED}")

    def _one(self, statement: str) -> Any:
        row = self._file.execute(statement).fetchone()
        return None if row is None else row[0]

    def _believed(self, key: Key, text: Any, digest: Any) -> Verdict:
        if not isinstance(text, str) or checksum(key, text) != digest:
            raise StoreError(f"{self.path} is damaged (the verdict on {key} does not fit its checksum), {EXPECTED}")
        try:
            verdict = Verdict.from_json(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{self.path} is damaged (the verdict on {key}: {error}), {EXPECTED}") from None
        if (verdict.claim, verdict.reading) != (key.claim, key.reading):
            raise StoreError(f"{self.path} is damaged (the verdict on {key} is on {verdict.claim}), {EXPECTED}")
        return verdict

    @contextmanager
    def _said(self, done: str) -> Iterator[None]:
        import sqlite3

        try:
            yield
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise StoreError(self._why(error, done)) from None
        except ValueError as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"{str(self.path)!r} cannot be {done}: {error}, {EXPECTED}") from None

    def _why(self, error: Exception, done: str) -> str:
        name = str(getattr(error, "sqlite_errorname", ""))
        if name.startswith("SQLITE_NOTADB"):
            return f"{self.path} is no store of verdicts, {EXPECTED}"
        if name.startswith("SQLITE_CORRUPT"):
            return f"{self.path} is damaged ({' '.join(str(error).split())}), {EXPECTED}"
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return f"{self.path} cannot be {done}: another process has kept it locked for {PATIENCE:g} s"
        if name.startswith("SQLITE_FULL"):
            return f"{self.path} cannot be written: the disk is full, expected room for a verdict"
        if name.startswith("SQLITE_READONLY"):
            return f"{self.path} cannot be written: it is read-only, expected a file in a folder that can be written to"
        if name.startswith("SQLITE_CANTOPEN"):
            return f"{self.path} cannot be written: {self._closed()}"
        return f"{self.path} cannot be {done}: {' '.join(str(error).split())}"

    def _closed(self) -> str:
        """Why the file, or the journal beside it, cannot be made."""
        for name in (self.path, self.path.with_name(f"{self.path.name}-journal")):
            try:
                exists = name.exists()
                os.close(os.open(name, os.O_RDWR | os.O_CREAT))
                if not exists:
                    name.unlink()
            except OSError as error:
                return reason(error)
        return "unable to open it, expected a file in a folder that can be written to"


def checksum(key: Key, text: str) -> str:
    """SHA-256 of a row, in hexadecimal: the verdict cannot pass for one on another claim.

    Parameters
    ----------
    key : Key
    text : str
        The verdict as JSON.

    Returns
    -------
    str
    """
    return hashlib.sha256(json.dumps([*_texts(key), text]).encode()).hexdigest()


def _texts(key: Key) -> tuple[str, ...]:
    """Seeds may be larger than the integers of SQLite."""
    return tuple(str(x) for x in key)
