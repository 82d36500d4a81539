"""The store of responses: one SQLite file, because the Responses API promises that an answer can be fetched again.

It is the only place where Tandem writes a conversation's text to disk. A row holds one turn and a link to the turn
before it, never a copy of it, so that deleting a turn deletes its words: ``secure_delete`` overwrites them in the file
and a truncating checkpoint removes them from the write-ahead log. All SQL runs on one thread of the store's own.
"""

import asyncio
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, TypeVar

from tandem.core.errors import NotFound, Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
JsonObject = dict[str, object]
Side = Literal["input", "output"]

MAX_ID_CHARACTERS = 128

_MIGRATIONS = (
    (
        """
    CREATE TABLE response (
        seq         INTEGER PRIMARY KEY AUTOINCREMENT,
        id          TEXT NOT NULL UNIQUE,
        previous_id TEXT,
        used_at     REAL NOT NULL,
        bytes       INTEGER NOT NULL,
        body        TEXT NOT NULL
    )
    """,
        "CREATE INDEX response_by_use ON response (used_at DESC, seq DESC, bytes)",
        """
    CREATE TABLE item (
        response INTEGER NOT NULL REFERENCES response (seq) ON DELETE CASCADE,
        side     TEXT NOT NULL CHECK (side IN ('input', 'output')),
        position INTEGER NOT NULL,
        id       TEXT NOT NULL,
        body     TEXT NOT NULL,
        PRIMARY KEY (response, side, position)
    ) WITHOUT ROWID
    """,
        "CREATE INDEX item_by_id ON item (id)",
    ),
    (
        "ALTER TABLE response ADD COLUMN private INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE response ADD COLUMN labels TEXT NOT NULL DEFAULT '[]'",
    ),
)
"""Each entry lifts ``user_version`` by one. Append; never edit one that was released."""

_CHAIN = """
    WITH RECURSIVE turn (seq, id, previous_id, body, private, labels, depth) AS (
        SELECT seq, id, previous_id, body, private, labels, 0 FROM response WHERE id = ?
        UNION ALL
        SELECT r.seq, r.id, r.previous_id, r.body, r.private, r.labels, turn.depth + 1
        FROM turn JOIN response AS r ON r.id = turn.previous_id
    )
    SELECT seq, id, previous_id, body, private, labels FROM turn ORDER BY depth DESC
"""

_BEYOND_THE_LIMITS = """
    SELECT seq FROM (
        SELECT seq, used_at, row_number() OVER use AS place, sum(bytes) OVER use AS total
        FROM response WINDOW use AS (ORDER BY used_at DESC, seq DESC)
    ) WHERE used_at < ? OR place > ? OR total > ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLimits:
    """How much is kept. What was used longest ago goes first; continuing a conversation uses all its turns."""

    max_age_seconds: float = 30 * 24 * 3600.0
    max_responses: int = 10_000
    max_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """One turn. ``body`` is the response object without its ``output``; ``inputs`` are this turn's own items.

    ``private`` and ``labels`` tell how its text, that of the turns before it included, is to be treated.
    """

    id: str
    previous_id: str | None
    body: JsonObject
    inputs: tuple[JsonObject, ...]
    outputs: tuple[JsonObject, ...]
    private: bool = False
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """One item, and how its text is to be treated: as the turn that it was kept with."""

    body: JsonObject
    private: bool
    labels: tuple[str, ...]


class ResponseStore:
    """Responses by id, in the SQLite file at ``path``, shared safely with other processes; ``None`` is memory alone.

    The file is opened at the first use and belongs to its user alone (mode 0600). ``patience_seconds`` is how long
    one process waits for another's transaction. Every method raises `Unavailable` where the file cannot be used, and
    says what to do.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        limits: StoreLimits | None = None,
        clock: Callable[[], float] = time.time,
        patience_seconds: float = 5.0,
    ) -> None:
        self._patience_seconds = patience_seconds
        self._path = path
        self._limits = limits or StoreLimits()
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tandem-stored")
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish what is under way and let the file go."""
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, self._close))
        self._thread.shutdown(wait=False)

    async def ready(self) -> None:
        """Open the file, so that a store that cannot work is known before a model has laboured."""
        await self._run(lambda _: None)

    async def save(self, stored: StoredResponse) -> None:
        """Keep one turn, and let go of what is beyond the limits."""
        await self._run(lambda db: self._save(db, stored))

    async def load(self, response_id: str) -> StoredResponse:
        """One turn. Raises `NotFound`."""
        return await self._run(lambda db: self._load(db, response_id))

    async def chain(self, response_id: str) -> tuple[StoredResponse, ...]:
        """The turns that lead to a response, oldest first, itself last.

        Raises `NotFound` where it, or a turn before it, is not there (any more).
        """
        return await self._run(lambda db: self._chain(db, response_id))

    async def find_item(self, item_id: str) -> StoredItem:
        """The latest item of that id. Raises `NotFound`."""
        return await self._run(lambda db: _find_item(db, item_id))

    async def delete(self, response_id: str) -> None:
        """Remove one turn and its words, for good. Raises `NotFound`."""
        await self._run(lambda db: self._delete(db, response_id))

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = _open(self._path, self._patience_seconds)
                _forget_log(self._connection)
                self._prune(self._connection)
            return work(self._connection)
        except (sqlite3.Error, OSError) as error:
            log.warning("the store of responses at %s failed: %s", self._path, error)
            raise Unavailable(
                f"The store of responses cannot be used ({type(error).__name__}). "
                'Free some disk space or move the file away, or send "store": false.'
            ) from error

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _save(self, db: sqlite3.Connection, stored: StoredResponse) -> None:
        body = json.dumps(stored.body)
        rows = [*_item_rows("input", stored.inputs), *_item_rows("output", stored.outputs)]
        size = len(body) + sum(len(text) for *_, text in rows)
        with _transaction(db):
            seq = db.execute(
                "INSERT INTO response (id, previous_id, used_at, bytes, body, private, labels) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING seq",
                (stored.id, stored.previous_id, self._clock(), size, body, stored.private, json.dumps(stored.labels)),
            ).fetchone()[0]
            db.executemany(
                "INSERT INTO item (response, side, position, id, body) VALUES (?, ?, ?, ?, ?)",
                [(seq, *row) for row in rows],
            )
        self._prune(db)

    def _load(self, db: sqlite3.Connection, response_id: str) -> StoredResponse:
        row = db.execute(
            "SELECT seq, id, previous_id, body, private, labels FROM response WHERE id = ? AND used_at >= ?",
            (searchable(response_id), self._oldest()),
        ).fetchone()
        if row is None:
            raise NotFound(f"Response with id '{searchable(response_id)}' not found.", param="response_id")
        return _stored(db, row)

    def _chain(self, db: sqlite3.Connection, response_id: str) -> tuple[StoredResponse, ...]:
        self._load(db, response_id)
        rows = db.execute(_CHAIN, (response_id,)).fetchall()
        missing = rows[0][2]
        if missing is not None:
            raise NotFound(
                f"The conversation of '{response_id}' needs '{missing}', which was deleted or has expired. "
                "Send the conversation as input instead.",
                param="previous_response_id",
            )
        now = self._clock()
        with _transaction(db):
            db.executemany("UPDATE response SET used_at = ? WHERE seq = ?", [(now, row[0]) for row in rows])
        return tuple(_stored(db, row) for row in rows)

    def _delete(self, db: sqlite3.Connection, response_id: str) -> None:
        with _transaction(db):
            gone = db.execute("DELETE FROM response WHERE id = ?", (searchable(response_id),)).rowcount
        if gone == 0:
            raise NotFound(f"Response with id '{searchable(response_id)}' not found.", param="response_id")
        _forget_log(db)

    def _oldest(self) -> float:
        return self._clock() - self._limits.max_age_seconds

    def _prune(self, db: sqlite3.Connection) -> None:
        limits = self._limits
        count, size, oldest = db.execute("SELECT count(*), sum(bytes), min(used_at) FROM response").fetchone()
        if not count or (count <= limits.max_responses and size <= limits.max_bytes and oldest >= self._oldest()):
            return
        # A twentieth more goes than must, so that a full store is not swept at every answer.
        responses, size = (limit - limit // 20 for limit in (limits.max_responses, limits.max_bytes))
        doomed = db.execute(_BEYOND_THE_LIMITS, (self._oldest(), responses, size)).fetchall()
        with _transaction(db):
            db.executemany("DELETE FROM response WHERE seq = ?", doomed)
        _forget_log(db)


@contextmanager
def _transaction(db: sqlite3.Connection) -> Generator[None]:
    """The write lock is taken first, so that two processes wait for each other instead of failing half-way."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _open(path: Path | None, patience_seconds: float) -> sqlite3.Connection:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path or ":memory:", timeout=patience_seconds, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA foreign_keys = ON")
        _migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection) -> None:
    with _transaction(db):
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(_MIGRATIONS):
            raise Unavailable(
                f"The store of responses has schema {version}, and this Tandem knows {len(_MIGRATIONS)}. "
                "Use the newer Tandem, or move the file away."
            )
        for at, statements in enumerate(_MIGRATIONS[version:], start=version + 1):
            for statement in statements:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {at}")


def _forget_log(db: sqlite3.Connection) -> None:
    """Write everything into the file and cut the log to nothing, so that deleted words are not left in it."""
    busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        log.warning(
            "another process is reading the store of responses; deleted text leaves its log at the next deletion"
        )


def _item_rows(side: Side, items: Sequence[JsonObject]) -> list[tuple[str, int, str, str]]:
    return [(side, at, searchable(str(item["id"])), json.dumps(item)) for at, item in enumerate(items)]


def _stored(db: sqlite3.Connection, row: tuple[int, str, str | None, str, int, str]) -> StoredResponse:
    seq, response_id, previous_id, body, private, labels = row
    found = db.execute("SELECT side, body FROM item WHERE response = ? ORDER BY side, position", (seq,)).fetchall()
    return StoredResponse(
        id=response_id,
        previous_id=previous_id,
        body=json.loads(body),
        inputs=tuple(json.loads(text) for side, text in found if side == "input"),
        outputs=tuple(json.loads(text) for side, text in found if side == "output"),
        private=bool(private),
        labels=tuple(json.loads(labels)),
    )


def _find_item(db: sqlite3.Connection, item_id: str) -> StoredItem:
    row = db.execute(
        "SELECT item.body, private, labels FROM item JOIN response ON response.seq = item.response "
        "WHERE item.id = ? ORDER BY response DESC LIMIT 1",
        (searchable(item_id),),
    ).fetchone()
    if row is None:
        raise NotFound(
            f"Item with id '{searchable(item_id)}' not found. Items are kept with stored responses.", param="input"
        )
    return StoredItem(body=json.loads(row[0]), private=bool(row[1]), labels=tuple(json.loads(row[2])))


def searchable(text: str) -> str:
    """An id from a stranger as text that SQLite and a log line can hold: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode()[:MAX_ID_CHARACTERS]
