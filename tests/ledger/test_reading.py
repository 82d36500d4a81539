"""Sums and percentiles read from the ledger are those of its lines."""

import math
import random
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.ledger import a_cloud_line, a_line
from tandem.core.errors import Unavailable
from tandem.core.ledger import LedgerLine
from tandem.ledger.accounts import bucket_of, microseconds_of
from tandem.ledger.reading import LedgerReader
from tandem.ledger.store import SqliteLedger

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()


def some_lines(count: int, seed: int = 7) -> list[LedgerLine]:
    """Lines of several days, places, prices and ends."""
    chance, made = random.Random(seed), list[LedgerLine]()
    for number in range(count):
        line = a_cloud_line(number) if chance.random() < 0.4 else a_line(number)
        first = chance.lognormvariate(-2, 1)
        line = replace(
            line,
            at=NOON + chance.uniform(0, 4 * 86_400),
            first_word_seconds=first,
            seconds=first + chance.lognormvariate(0, 1),
            prompt_tokens=chance.randrange(2000),
            cost_usd=chance.choice([Decimal("0.000123456789"), Decimal("0.1"), None, Decimal(0)]),
            because=tuple(chance.sample(["NearestFirst", "TooHard", "OverBudget"], chance.randrange(1, 4))),
        )
        if chance.random() < 0.1:
            line = replace(line, outcome="failed", model="", place=None, cost_usd=Decimal(0), error="unreachable")
        made.append(line)
    return made


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[LedgerReader, list[LedgerLine]]:
    home, lines = tmp_path_factory.mktemp("home"), some_lines(1500)
    with SqliteLedger(home) as ledger:
        for line in lines:
            ledger.record(line)
        assert ledger.flush(30)
    return LedgerReader(home), lines


@pytest.mark.parametrize("since", [0.0, NOON + 86_400, NOON + 10 * 86_400])
def test_sums_are_those_of_the_lines(written: tuple[LedgerReader, list[LedgerLine]], since: float) -> None:
    reader, lines = written
    lines = [line for line in lines if line.at >= since]

    found = reader.summary(since)

    assert found.total.requests == len(lines)
    assert found.total.prompt_tokens == sum(line.prompt_tokens for line in lines)
    assert found.total.left_bytes == sum(line.left_bytes for line in lines)
    priced = [(line.cost_usd, line.cloud_cost_usd) for line in lines if line.cost_usd is not None]
    assert found.total.cost_usd == sum(cost for cost, _ in priced)
    assert found.total.saved_usd == sum((cloud or Decimal(0)) - cost for cost, cloud in priced)
    assert found.total.unpriced == sum(line.cost_usd is None for line in lines)
    for by, of in (
        (found.by_place, [line.place or "" for line in lines]),
        (found.by_model, [line.model for line in lines]),
        (found.by_outcome, [line.outcome for line in lines]),
        (found.by_policy, [line.policy for line in lines]),
    ):
        assert {name: total.requests for name, total in by.items()} == Counter(of)
    assert found.rules == Counter(rule for line in lines for rule in line.because)
    assert found.errors == Counter(line.error for line in lines if line.error)
    assert found.left_to == Counter(provider for line in lines for provider in line.left_to)


@pytest.mark.parametrize("hours", [0, 5, 12, 17, 36, 60])
def test_percentiles_are_within_two_percent(written: tuple[LedgerReader, list[LedgerLine]], hours: int) -> None:
    reader, lines = written
    since = NOON + hours * 3600
    lines = [line for line in lines if line.at >= since]
    found = reader.summary(since)
    for place in ("device", "cloud"):
        answered = [line for line in lines if line.outcome == "answered" and line.place == place]
        exact = sorted(line.first_word_seconds or 0.0 for line in answered), sorted(line.seconds for line in answered)
        for waits, seconds in zip((found.first_word[place], found.whole[place]), exact, strict=True):
            assert waits.requests == len(seconds)
            for share, told in ((0.5, waits.p50), (0.95, waits.p95), (0.99, waits.p99)):
                assert told == pytest.approx(seconds[int(share * (len(seconds) - 1))], rel=0.0201)


@given(st.integers(1, 10**12))
def test_every_waiting_time_is_within_two_percent_of_its_bucket(microseconds: int) -> None:
    assert microseconds_of(bucket_of(microseconds)) == pytest.approx(microseconds, rel=0.0201)


@pytest.mark.parametrize(("step", "seconds"), [("hour", 3600), ("day", 86_400)])
def test_the_course_of_days_is_that_of_the_lines(
    written: tuple[LedgerReader, list[LedgerLine]], step: str, seconds: int
) -> None:
    reader, lines = written
    expected: defaultdict[float, Counter[str]] = defaultdict(Counter)
    for line in lines:
        expected[math.floor(line.at / seconds) * float(seconds)][line.place or ""] += 1

    spans = reader.series(0, "hour" if step == "hour" else "day")

    assert [span.at for span in spans] == sorted(expected)
    assert {span.at: {place: sums.requests for place, sums in span.by_place.items()} for span in spans} == expected


def test_the_months_money_is_read(written: tuple[LedgerReader, list[LedgerLine]]) -> None:
    reader, lines = written
    assert reader.spent_usd(NOON) == sum(line.cost_usd for line in lines if line.cost_usd is not None)
    assert reader.spent_usd(NOON + 40 * 86_400) == 0


def test_the_latest_answers_come_first(written: tuple[LedgerReader, list[LedgerLine]]) -> None:
    reader, lines = written
    assert [line.request_id for line in reader.recent(3)] == [line.request_id for line in reversed(lines[-3:])]


def test_an_empty_ledger_has_empty_sums_and_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no ledger"):
        LedgerReader(tmp_path).summary()
    with SqliteLedger(tmp_path):
        pass
    found = LedgerReader(tmp_path).summary()
    assert (found.total.requests, found.total.cost_usd, found.by_place, found.whole) == (0, 0, {}, {})
    assert LedgerReader(tmp_path).series(0) == []
    assert LedgerReader(tmp_path).recent() == []
