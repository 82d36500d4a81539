"""Sums of the ledger's lines by the hour, grown with every commit, so that no page ever reads all lines.

Waiting times are counted in buckets whose bounds grow by 4 %: a percentile read from them is within 2 % of the exact
one (the sketch of Masson, Rim and Lee, "DDSketch", VLDB 2019, with a relative accuracy of 0.02). They are counted by
the hour and by the day, so that a month is read from thirty days and not from seven hundred hours.
"""

import json
import math
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tandem.ledger.receipts import Body, pico

HOUR_US = 3600 * 10**6
DAY_HOURS = 24
_ACCURACY = 0.02
_GROWTH = math.log((1 + _ACCURACY) / (1 - _ACCURACY))
_KEY = ("place", "model", "policy", "outcome")
SUMS = (
    "requests", "fallbacks", "redacted", "prompt_tokens", "completion_tokens", "cached_tokens", "left_bytes",
    "cost_pico", "saved_pico", "unpriced",
)  # fmt: skip
_ADD = (
    f"INSERT INTO hourly (hour, place, model, policy, outcome, {', '.join(SUMS)}) "  # noqa: S608 - names of ours
    f"VALUES ({', '.join('?' * (5 + len(SUMS)))}) ON CONFLICT (hour, place, model, policy, outcome) DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
)
_ADD_NAME = (
    "INSERT INTO hourly_name (hour, sort, name, requests) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (hour, sort, name) DO UPDATE SET requests = requests + excluded.requests"
)
_ADD_WAIT = (
    "INSERT INTO wait (hours, hour, place, sort, bucket, requests) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (hours, hour, place, sort, bucket) DO UPDATE SET requests = requests + excluded.requests"
)
_ADD_MONTH = (
    "INSERT INTO monthly (month, cost_pico) VALUES (?, ?) "
    "ON CONFLICT (month) DO UPDATE SET cost_pico = cost_pico + excluded.cost_pico"
)


def month_of(at_us: int) -> str:
    """The calendar month (UTC) of a time, as ``2026-11``."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m")


def bucket_of(microseconds: int) -> int:
    """The bucket of a waiting time."""
    return math.ceil(math.log(max(1, microseconds)) / _GROWTH)


def microseconds_of(bucket: int) -> float:
    """The waiting time that stands for a bucket: within 2 % of every one in it."""
    return 2 * math.exp(bucket * _GROWTH) / (1 + math.exp(_GROWTH))


def add(db: sqlite3.Connection, bodies: Iterable[Body]) -> None:
    """Add the lines of one transaction to every sum."""
    sums: defaultdict[tuple[object, ...], list[int]] = defaultdict(lambda: [0] * len(SUMS))
    names: Counter[tuple[int, str, str]] = Counter()
    waits: Counter[tuple[int, int, str, str, int]] = Counter()
    months: Counter[str] = Counter()
    for body in bodies:
        if body["kind"] not in {"answer", "gap"}:
            continue
        hour = body["at_us"] // HOUR_US
        amounts = _amounts(body)
        row = sums[(hour, *(body.get(name, "") for name in _KEY))]
        row[:] = [total + amount for total, amount in zip(row, amounts, strict=True)]
        names.update((hour, sort, name) for sort, name in _names(body))
        for sort, wait in _waits(body):
            bucket = bucket_of(wait)
            waits.update((hours, hour // hours * hours, body["place"], sort, bucket) for hours in (1, DAY_HOURS))
        months[month_of(body["at_us"])] += amounts[SUMS.index("cost_pico")]
    db.executemany(_ADD, [(*key, *row) for key, row in sums.items()])
    db.executemany(_ADD_NAME, [(*key, count) for key, count in names.items()])
    db.executemany(_ADD_WAIT, [(*key, count) for key, count in waits.items()])
    db.executemany(_ADD_MONTH, months.items())


def rebuild(db: sqlite3.Connection) -> None:
    """Make every sum again from the lines that are there."""
    for table in ("hourly", "hourly_name", "wait", "monthly"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
    rows = db.execute("SELECT body FROM line ORDER BY seq")
    while batch := rows.fetchmany(10_000):
        add(db, [json.loads(body) for (body,) in batch])


def spent_pico(db: sqlite3.Connection, months: Iterable[str]) -> dict[str, int]:
    """What those months have cost, by month."""
    return {
        month: (db.execute("SELECT cost_pico FROM monthly WHERE month = ?", (month,)).fetchone() or (0,))[0]
        for month in months
    }


def _amounts(body: Mapping[str, Any]) -> Sequence[int]:
    cost, cloud = (_pico(body.get(name)) for name in ("cost_usd", "cloud_cost_usd"))
    return (
        body.get("lost", 1),
        body.get("fallbacks", 0),
        body.get("redacted", 0),
        body.get("prompt_tokens", 0),
        body.get("completion_tokens", 0),
        body.get("cached_tokens", 0),
        body.get("left_bytes", 0),
        cost or 0,
        0 if cost is None or cloud is None else cloud - cost,
        int(cost is None and body["outcome"] in {"answered", "broken", "left"}),
    )


def _names(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each name counts once for a request, however often it was told."""
    for sort in ("because", "removed", "private", "left_to"):
        for name in dict.fromkeys(body.get(sort, ())):
            yield sort, name
    for sort in ("task", "purpose", "error"):
        if body.get(sort):
            yield sort, body[sort]


def _waits(body: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    if body["outcome"] == "answered":
        yield "whole", body["took_us"]
        if "first_word_us" in body:
            yield "first_word", body["first_word_us"]


def _pico(usd: str | None) -> int | None:
    return None if usd is None else pico(Decimal(usd))
