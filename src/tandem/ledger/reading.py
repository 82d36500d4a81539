"""Reading the ledger beside its writer: sums in milliseconds however many lines there are, and receipts one by one."""

import sqlite3
from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tandem.core.accounts import Span, Step, Summary, Totals, Waits
from tandem.core.ledger import LedgerLine
from tandem.ledger.accounts import DAY_HOURS, HOUR_US, SUMS, microseconds_of, month_of, spent_pico
from tandem.ledger.heads import stored_receipt
from tandem.ledger.receipts import Receipt, line_of, micro
from tandem.ledger.schema import LEDGER_FILE, reading

_SUM_COLUMNS = ", ".join(f"sum({name})" for name in SUMS)
_HOURS = {"hour": 1, "day": DAY_HOURS}


@dataclass(frozen=True, slots=True)
class LedgerReader:
    """The `Accounts` of a data folder, which may be written meanwhile, also by another process."""

    home: Path

    def summary(self, since: float = 0.0) -> Summary:
        """Sums from the beginning of the hour of ``since`` on."""
        first = micro(since) // HOUR_US
        with self._opened() as db:
            rows = db.execute(
                f"SELECT place, model, policy, outcome, {_SUM_COLUMNS} FROM hourly "  # noqa: S608 - names of ours
                "WHERE hour >= ? GROUP BY place, model, policy, outcome",
                (first,),
            ).fetchall()
            names = _names(db, first)
            waits = _waits(db, first)
        place, model, policy, outcome = (_folded((row[at], row[4:]) for row in rows) for at in range(4))
        return Summary(
            since=first * 3600.0,
            total=_folded(("", row[4:]) for row in rows).get("", Totals()),
            by_place=place,
            by_model=model,
            by_policy=policy,
            by_outcome=outcome,
            rules=names["because"],
            removed=names["removed"],
            private=names["private"],
            left_to=names["left_to"],
            tasks=names["task"],
            purposes=names["purpose"],
            errors=names["error"],
            first_word=waits["first_word"],
            whole=waits["whole"],
        )

    def series(self, since: float, step: Step = "hour") -> Sequence[Span]:
        """The same by hour or by day (UTC), oldest first."""
        hours = _HOURS[step]
        first = micro(since) // HOUR_US // hours * hours
        with self._opened() as db:
            rows = db.execute(
                f"SELECT hour / ? * ?, place, {_SUM_COLUMNS} FROM hourly "  # noqa: S608 - names of ours
                "WHERE hour >= ? GROUP BY 1, 2 ORDER BY 1, 2",
                (hours, hours, first),
            ).fetchall()
            waits = _first_words(db, first, hours)
        spans: defaultdict[int, list[tuple[str, Sequence[int]]]] = defaultdict(list)
        for hour, place, *sums in rows:
            spans[hour].append((place, sums))
        return [
            Span(at=hour * 3600.0, by_place=_folded(found), first_word=waits.get(hour, {}))
            for hour, found in spans.items()
        ]

    def recent(self, limit: int = 50) -> Sequence[LedgerLine]:
        """The latest answers, newest first."""
        bodies = (receipt.fields() for receipt in self.receipts(limit))
        return [line_of(body) for body in bodies if body.get("kind") == "answer"]

    def spent_usd(self, at: float) -> Decimal:
        """What the calendar month (UTC) of ``at`` has cost, as far as the disk knows."""
        month = month_of(micro(at))
        with self._opened() as db:
            return Decimal(spent_pico(db, [month])[month]).scaleb(-12)

    def receipts(self, limit: int | None = None, since: float = 0.0) -> Sequence[Receipt]:
        """The latest receipts of requests that arrived at or after ``since``, newest first."""
        with self._opened() as db:
            rows = db.execute(
                "SELECT seq, body, signature FROM line WHERE ? <= 0 OR at_us >= ? ORDER BY seq DESC LIMIT ?",
                (micro(since), micro(since), -1 if limit is None else limit),
            ).fetchall()
        return [stored_receipt(row) for row in rows]

    @contextmanager
    def chain(self, after_seq: int = 0) -> Generator[Iterable[Receipt]]:
        """Every receipt after a number, oldest first, as one moment saw them; never more than a few in memory."""
        with self._opened() as db:
            rows = db.execute("SELECT seq, body, signature FROM line WHERE seq > ? ORDER BY seq", (after_seq,))
            yield map(stored_receipt, rows)

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection]:
        with reading(self.home / LEDGER_FILE) as db:
            yield db


def _folded(rows: Iterable[tuple[str, Sequence[int]]]) -> Mapping[str, Totals]:
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(SUMS))
    for name, amounts in rows:
        sums[name] = [total + amount for total, amount in zip(sums[name], amounts, strict=True)]
    return {name: _totals(amounts) for name, amounts in sums.items()}


def _totals(amounts: Sequence[int]) -> Totals:
    fields: dict[str, Any] = dict(zip(SUMS, amounts, strict=True))
    cost, saved = (Decimal(fields.pop(name)).scaleb(-12) for name in ("cost_pico", "saved_pico"))
    return Totals(cost_usd=cost, saved_usd=saved, **fields)


def _names(db: sqlite3.Connection, first: int) -> Mapping[str, Mapping[str, int]]:
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    rows = db.execute(
        "SELECT sort, name, sum(requests) FROM hourly_name WHERE hour >= ? GROUP BY sort, name ORDER BY 3 DESC, 2",
        (first,),
    )
    for sort, name, requests in rows:
        counts[sort][name] = requests
    return counts


def _waits(db: sqlite3.Connection, first: int) -> Mapping[str, Mapping[str, Waits]]:
    buckets: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    next_day = -(-first // DAY_HOURS) * DAY_HOURS
    rows = db.execute(
        "SELECT sort, place, bucket, sum(requests) FROM wait "
        "WHERE (hours = 1 AND hour >= ? AND hour < ?) OR (hours = ? AND hour >= ?) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        (first, next_day, DAY_HOURS, next_day),
    )
    for sort, place, bucket, requests in rows:
        buckets[sort, place].append((bucket, requests))
    waits: defaultdict[str, dict[str, Waits]] = defaultdict(dict)
    for (sort, place), counts in buckets.items():
        waits[sort][place] = _percentiles(counts)
    return waits


def _first_words(db: sqlite3.Connection, first: int, hours: int) -> Mapping[int, Mapping[str, Waits]]:
    """The waits for the first word in each span of so many hours, by place."""
    buckets: defaultdict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    rows = db.execute(
        "SELECT hour, place, bucket, sum(requests) FROM wait "
        "WHERE hours = ? AND hour >= ? AND sort = 'first_word' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        (hours, first),
    )
    for hour, place, bucket, requests in rows:
        buckets[hour, place].append((bucket, requests))
    waits: defaultdict[int, dict[str, Waits]] = defaultdict(dict)
    for (hour, place), counts in buckets.items():
        waits[hour][place] = _percentiles(counts)
    return waits


def _percentiles(counts: Sequence[tuple[int, int]]) -> Waits:
    requests = sum(count for _, count in counts)
    p50, p95, p99 = (_percentile(counts, requests, share) for share in (0.50, 0.95, 0.99))
    return Waits(requests=requests, p50=p50, p95=p95, p99=p99)


def _percentile(counts: Sequence[tuple[int, int]], requests: int, share: float) -> float:
    """The lower percentile of rank ``share * (requests - 1)``, in seconds."""
    rank, passed = int(share * (requests - 1)), 0
    for bucket, count in counts:
        passed += count
        if passed > rank:
            return microseconds_of(bucket) / 1e6
    return 0.0
