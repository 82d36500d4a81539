"""The end of the chain, signed and kept beside the key: so that cutting off the last lines is found.

The file is written after each commit. So it may be behind the ledger (a process was killed between the two), and is
never ahead of it unless lines were taken away.
"""

import hashlib
import json
import secrets
import sqlite3
from contextlib import suppress
from pathlib import Path

from tandem.ledger.keys import PublicKey, SigningKey
from tandem.ledger.receipts import Head, Receipt, canonical

HEAD_FILE = "receipts.head"
_PREFIX = b"tandem head 1\n"


def write_head(folder: Path, head: Head, key: SigningKey) -> None:
    """Keep the chain's end, signed, unless a later one is there by another process. Raises `OSError`."""
    if head.seq == 0 or (_told(folder).seq > head.seq and read_head(folder, key.public).seq > head.seq):
        return
    body = canonical({"hash": head.hash, "key": key.public.id, "seq": head.seq})
    signature = key.sign(_PREFIX + body.encode()).hex()
    file = folder / HEAD_FILE
    draft = file.with_name(f"{HEAD_FILE}.{secrets.token_hex(8)}")
    try:
        draft.write_text(f"{body}\n{signature}\n", encoding="ascii")
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def read_head(folder: Path, key: PublicKey) -> Head:
    """The chain's end as it was last signed with ``key``; the empty chain's where there is none that ``key`` signed."""
    with suppress(OSError, ValueError):
        body, signature = (folder / HEAD_FILE).read_text("ascii").splitlines()
        if key.signed(_PREFIX + body.encode(), bytes.fromhex(signature)):
            return _told(folder)
    return Head()


def _told(folder: Path) -> Head:
    """What the file says, signed or not."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        fields = json.loads((folder / HEAD_FILE).read_text("ascii").splitlines()[0])
        return Head(seq=int(fields["seq"]), hash=str(fields["hash"]))
    return Head()


def chain_end(db: sqlite3.Connection, known: Head) -> Head:
    """Where the chain goes on: at the ledger's last line, or at ``known`` where lines up to it were taken away.

    Going on from a line that is no longer there leaves the hole visible for ever.
    """
    row = db.execute("SELECT seq, body, signature FROM line ORDER BY seq DESC LIMIT 1").fetchone()
    last = Head() if row is None else Receipt(seq=row[0], body=row[1], signature=row[2]).head
    return last if last.seq >= known.seq else known


def insert(db: sqlite3.Connection, receipt: Receipt) -> None:
    """Write one receipt. A row at a time: each lets other threads run, where a long list would keep them waiting."""
    row = (receipt.seq, receipt.body, receipt.signature)
    db.execute("INSERT INTO line (seq, body, signature) VALUES (?, ?, ?)", row)


def fingerprint(head: Head) -> str:
    """A chain's end in one word, for people to keep elsewhere: ``1234:9f86d081...``."""
    return f"{head.seq}:{head.hash}"


def parse_fingerprint(word: str) -> Head:
    """The chain's end that `fingerprint` wrote. Raises `ValueError`."""
    seq, _, digest = word.partition(":")
    if not seq.isdecimal() or len(digest) != len(hashlib.sha256().hexdigest()):
        raise ValueError("a chain's end is NUMBER:HASH, with 64 hexadecimal digits")
    int(digest, 16)
    return Head(seq=int(seq), hash=digest.lower())
