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
from typing import Any

from tandem.ledger.keys import PublicKey, SigningKey
from tandem.ledger.receipts import Head, Receipt, canonical

HEAD_FILE = "receipts.head"
_PREFIX = b"tandem head 1\n"


def write_head(folder: Path, head: Head, key: SigningKey) -> None:
    """Keep the chain's end, signed, unless a later one is there by another process. Raises `OSError`."""
    if _told(folder).seq > head.seq and (read_head(folder, key.public) or Head()).seq > head.seq:
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


def read_head(folder: Path, key: PublicKey) -> Head | None:
    """The chain's end as it was last signed with ``key``; ``None`` where there is none that ``key`` signed."""
    with suppress(OSError, ValueError):
        body, signature = (folder / HEAD_FILE).read_text("ascii").splitlines()
        if key.signed(_PREFIX + body.encode(), bytes.fromhex(signature)):
            return _told(folder)
    return None


def _told(folder: Path) -> Head:
    """What the file says, signed or not."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        fields = json.loads((folder / HEAD_FILE).read_text("ascii").splitlines()[0])
        return Head(seq=int(fields["seq"]), hash=str(fields["hash"]))
    return Head()


def open_head(db: sqlite3.Connection, folder: Path, key: SigningKey) -> tuple[Head, bool]:
    """The chain's end as it was last signed, and whether it was taken away. Call it with the write lock held.

    It is signed before the first line is, so a chain that has lines of this key and no signed end has lost it.
    """
    head = read_head(folder, key.public)
    if head is not None:
        return head, False
    last = last_receipt(db)
    if last is None:
        write_head(folder, Head(), key)
    return Head(), last is not None and last.names(key.public)


def chain_end(db: sqlite3.Connection, known: Head, key: PublicKey) -> Head:
    """Where the chain goes on: at ``known``, the last receipt that this process vouches for, or at a later one.

    What is going to be named by the next signature must have been signed itself. Where lines were taken away or
    changed, the next line names the hash that was signed, not the one that is there: the hole is visible for ever.
    """
    last = last_receipt(db)
    if last is None or last.seq <= known.seq:
        return known
    forged = last.names(key) and not last.signed_by(key)
    return Head(seq=last.seq, hash=known.hash) if forged else last.head


def last_receipt(db: sqlite3.Connection) -> Receipt | None:
    """The ledger's last line."""
    row = db.execute("SELECT seq, body, signature FROM line ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else stored_receipt(row)


def stored_receipt(row: tuple[Any, Any, Any]) -> Receipt:
    """A stored row; what a stranger's hand made of another type is text and bytes again, and fails its signature."""
    seq, body, signature = row
    return Receipt(
        seq=int(seq),
        body=body if isinstance(body, str) else repr(body),
        signature=signature if isinstance(signature, bytes) else repr(signature).encode(),
    )


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
