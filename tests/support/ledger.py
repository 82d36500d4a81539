"""Ledger lines to write, and what a data folder holds of them."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tandem.core.ledger import LedgerLine
from tandem.ledger.receipts import Receipt, line_of

LINE = LedgerLine(
    request_id="req_000",
    at=1_795_000_000.25,
    route="/v1/chat/completions",
    asked="auto",
    policy="local-first",
    policy_hash="5f" * 32,
    outcome="answered",
    model="smollm2-135m",
    place="device",
    evidence="ab" * 32,
    seal="namespace",
    because=("NearestFirst",),
    removed=("PrivateStaysHere",),
    private=("PESEL",),
    redacted=1,
    fallbacks=1,
    purpose="title",
    task="code",
    difficulty=0.25,
    left_bytes=0,
    prompt_tokens=31,
    completion_tokens=7,
    cached_tokens=5,
    cost_usd=Decimal(0),
    cloud_cost_usd=Decimal("0.000021"),
    first_word_seconds=0.125,
    seconds=0.5,
)


def a_line(number: int, **changes: object) -> LedgerLine:
    """A line like no other, with what a test wants of it."""
    fields: dict[str, Any] = {"request_id": f"req_{number}", **changes}
    return replace(LINE, **fields)


def a_cloud_line(number: int, **changes: object) -> LedgerLine:
    """A line whose answer came from far away."""
    far: dict[str, Any] = {
        "model": "cloud-large", "place": "cloud", "evidence": "far", "seal": "", "left_to": ("far",),
        "left_bytes": 900, "cost_usd": Decimal("0.0012"), "cloud_cost_usd": Decimal("0.0012"),
    }  # fmt: skip
    return a_line(number, **(far | changes))


def stored(home: Path) -> list[Receipt]:
    """Every receipt of a data folder, oldest first."""
    with closing(sqlite3.connect(home / "ledger.sqlite")) as db:
        rows = db.execute("SELECT seq, body, signature FROM line ORDER BY seq").fetchall()
    return [Receipt(seq=seq, body=body, signature=signature) for seq, body, signature in rows]


def stored_lines(home: Path) -> list[LedgerLine]:
    """Every answer of a data folder, oldest first."""
    bodies = [json.loads(receipt.body) for receipt in stored(home)]
    return [line_of(body) for body in bodies if body["kind"] == "answer"]
