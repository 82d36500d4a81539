"""The ledger's file: its tables, how an older file is lifted, and how it is opened.

``line`` is the truth, signed; the other tables are sums of it, kept so that a page over a
million lines costs milliseconds. What an owner may one day choose to keep of the text gets a table of its own, by
``line.seq``: no receipt covers it, and pruning a line must prune it.
"""

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from tandem.core.errors import Unavailable
from tandem.ledger.accounts import rebuild

LEDGER_FILE = "ledger.sqlite"

_CHAIN = (
    """
    CREATE TABLE line (
        seq       INTEGER PRIMARY KEY,
        body      TEXT NOT NULL,
        signature BLOB NOT NULL,
        at_us     INTEGER GENERATED ALWAYS AS (
                      CASE WHEN json_valid(body) THEN json_extract(body, '$.at_us') END) VIRTUAL
    )
    """,
    "CREATE INDEX line_by_time ON line (at_us)",
)
_ACCOUNTS = (
    """
    CREATE TABLE hourly (
        hour              INTEGER NOT NULL,
        place             TEXT NOT NULL,
        model             TEXT NOT NULL,
        policy            TEXT NOT NULL,
        outcome           TEXT NOT NULL,
        requests          INTEGER NOT NULL,
        fallbacks         INTEGER NOT NULL,
        redacted          INTEGER NOT NULL,
        prompt_tokens     INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL,
        cached_tokens     INTEGER NOT NULL,
        left_bytes        INTEGER NOT NULL,
        cost_pico         INTEGER NOT NULL,
        saved_pico        INTEGER NOT NULL,
        unpriced          INTEGER NOT NULL,
        PRIMARY KEY (hour, place, model, policy, outcome)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE hourly_name (
        hour INTEGER NOT NULL, sort TEXT NOT NULL, name TEXT NOT NULL, requests INTEGER NOT NULL,
        PRIMARY KEY (hour, sort, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE wait (
        hours INTEGER NOT NULL CHECK (hours IN (1, 24)), hour INTEGER NOT NULL, place TEXT NOT NULL,
        sort TEXT NOT NULL, bucket INTEGER NOT NULL, requests INTEGER NOT NULL,
        PRIMARY KEY (hours, hour, place, sort, bucket)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE monthly (month TEXT PRIMARY KEY, cost_pico INTEGER NOT NULL) WITHOUT ROWID",
)

Step = Callable[[sqlite3.Connection], None]


def _statements(*statements: str) -> Step:
    def run(db: sqlite3.Connection) -> None:
        for statement in statements:
            db.execute(statement)

    return run


def _add_accounts(db: sqlite3.Connection) -> None:
    _statements(*_ACCOUNTS)(db)
    rebuild(db)


MIGRATIONS: tuple[Step, ...] = (_statements(*_CHAIN), _add_accounts)
"""Each lifts ``user_version`` by one. Append; never edit one that was released."""


@contextmanager
def transaction(db: sqlite3.Connection) -> Generator[None]:
    """The write lock is taken first, so that what is read inside is what will be written after."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def check_version(db: sqlite3.Connection, file: Path) -> None:
    """Raise `Unavailable` where the file is not of this Tandem's schema: another one may lift it at any time."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != len(MIGRATIONS):
        raise _other_version(file, version)


def open_to_write(file: Path, patience_seconds: float) -> sqlite3.Connection:
    """The ledger's file, made or lifted where needed, belonging to its user alone (mode 0600).

    Commits are flushed to the disk: a killed process and a power cut lose none. Raises `Unavailable` for a file of a
    newer Tandem, and `sqlite3.Error` and `OSError` where it cannot be used.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(file, timeout=patience_seconds, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        _migrate(db, file)
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def reading(file: Path, patience_seconds: float = 2.0) -> Generator[sqlite3.Connection]:
    """The ledger's file, to read only, at one moment of it.

    Raises `Unavailable` where there is none that this Tandem can read.
    """
    if not file.exists():
        raise Unavailable(f"There is no ledger at {file} yet: it begins with the first answer of `tandem serve`.")
    try:
        db = _connect_to_read(file, patience_seconds)
        try:
            db.execute("BEGIN")
            check_version(db, file)
            yield db
        finally:
            db.close()
    except sqlite3.Error as error:
        raise Unavailable(f"The ledger at {file} cannot be read: {error}. Move it away, or free the disk.") from error


def _connect_to_read(file: Path, patience_seconds: float) -> sqlite3.Connection:
    """Where even the write-ahead log's index cannot be written, nobody writes: the file is then read as it lies."""
    address = file.absolute().as_uri()
    for how in ("mode=ro", "mode=ro&immutable=1"):
        db = sqlite3.connect(f"{address}?{how}", uri=True, timeout=patience_seconds, isolation_level=None)
        try:
            db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError:
            db.close()
            continue
        except sqlite3.Error:
            db.close()
            raise
        return db
    raise sqlite3.OperationalError("unable to open the file")


def _migrate(db: sqlite3.Connection, file: Path) -> None:
    if db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS):
        return
    with transaction(db):
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise _other_version(file, version)
        for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
            step(db)
            db.execute(f"PRAGMA user_version = {number}")


def _other_version(file: Path, version: int) -> Unavailable:
    if version < len(MIGRATIONS):
        return Unavailable(f"The ledger at {file} is of an older Tandem: start `tandem serve` once, which lifts it.")
    return Unavailable(
        f"The ledger at {file} has schema {version}, and this Tandem knows {len(MIGRATIONS)}. "
        "Use the newer Tandem, or move the file away."
    )
