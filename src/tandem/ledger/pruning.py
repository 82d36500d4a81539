"""Letting go of old lines without breaking the chain: a signed receipt says which lines went, and how they ended."""

import sqlite3

from tandem.ledger.heads import chain_end, insert, stored_receipt
from tandem.ledger.keys import SigningKey
from tandem.ledger.receipts import Head, issue, micro
from tandem.ledger.schema import transaction

_CHUNK_LINES = 10_000


def prune(db: sqlite3.Connection, key: SigningKey, end: Head, *, now: float, keep_seconds: float) -> Head:
    """Remove the lines that began more than ``keep_seconds`` ago and that nothing younger precedes; sums stay.

    Each chunk goes in one transaction with its receipt of kind ``pruned``. Returns the chain's end.
    """
    oldest_us = micro(now - keep_seconds)
    while True:
        with transaction(db):
            doomed = _doomed(db, oldest_us)
            if doomed is None:
                return end
            body = {"kind": "pruned", "at_us": micro(now), "through": doomed.seq, "hash": doomed.hash}
            receipt = issue(body, chain_end(db, end, key.public), key)
            insert(db, receipt)
            db.execute("DELETE FROM line WHERE seq <= ?", (doomed.seq,))
            end = receipt.head


def _doomed(db: sqlite3.Connection, oldest_us: int) -> Head | None:
    """The last line of the next chunk to remove."""
    first_kept = db.execute("SELECT min(seq) FROM line WHERE at_us >= ?", (oldest_us,)).fetchone()[0]
    row = db.execute(
        """
        SELECT seq, body, signature FROM (
            SELECT seq, body, signature FROM line WHERE (? IS NULL OR seq < ?) ORDER BY seq LIMIT ?
        ) ORDER BY seq DESC LIMIT 1
        """,
        (first_kept, first_kept, _CHUNK_LINES),
    ).fetchone()
    return None if row is None else stored_receipt(row).head
