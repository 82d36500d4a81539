"""Numbers, money, times and plurals, as English and Polish write them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from tandem.server.home_english import ENGLISH
from tandem.server.home_figures import Figures, Period, begin_of, period_of
from tandem.server.home_polish import POLISH

EN, PL = Figures("en", UTC), Figures("pl", UTC)
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC).timestamp()


def plain(text: str) -> str:
    """The text with ordinary spaces."""
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("number", "noun"),
    [(0, "zapytań"), (1, "zapytanie"), (2, "zapytania"), (4, "zapytania"), (5, "zapytań"), (11, "zapytań"),
     (12, "zapytań"), (14, "zapytań"), (21, "zapytań"), (22, "zapytania"), (101, "zapytań"), (112, "zapytań"),
     (1_003, "zapytania")],
)  # fmt: skip
def test_polish_nouns_have_three_forms(number: int, noun: str) -> None:
    assert plain(PL.of(number, POLISH.requests)) == f"{number} {noun}"


def test_english_nouns_have_two_forms() -> None:
    assert [plain(EN.of(number, ENGLISH.requests)) for number in (0, 1, 2)] == ["0 requests", "1 request", "2 requests"]


def test_figures_are_written_as_each_language_writes_them() -> None:
    assert [EN.count(9_999), EN.count(1_234_567)] == ["9,999", "1,234,567"]
    assert [plain(PL.count(9_999)), plain(PL.count(1_234_567))] == ["9999", "1 234 567"]
    assert [EN.decimal(-1234.5, 1), PL.decimal(0.25, 2), EN.decimal(-0.001, 2)] == ["\u22121,234.5", "0,25", "0.00"]


@pytest.mark.parametrize(
    ("usd", "english", "polish"),
    [
        (None, "\u2013", "\u2013"),
        ("0", "$0.00", "0,00 USD"),
        ("0.00002", "< $0.0001", "< 0,0001 USD"),
        ("0.0123", "$0.0123", "0,0123 USD"),
        ("1234.5", "$1,234.50", "1234,50 USD"),
        ("-0.5", "\u2212$0.5000", "\u22120,5000 USD"),
    ],
)
def test_money_shows_cents_or_fractions_of_them(usd: str | None, english: str, polish: str) -> None:
    amount = None if usd is None else Decimal(usd)
    assert [plain(EN.money(amount)), plain(PL.money(amount))] == [english, polish]


def test_shares_are_nothing_or_everything_only_where_they_are() -> None:
    shares = [EN.share(*pair) for pair in ((0, 9), (1, 900), (1, 2), (899, 900), (9, 9), (0, 0))]
    assert shares == ["0%", "<1%", "50%", ">99%", "100%", "\u2013"]


def test_bytes_and_waits_have_units() -> None:
    assert [plain(EN.volume(size)) for size in (0, 999, 1_200, 48_000_000, 999_700_000)] == [
        "0 B", "999 B", "1.2 kB", "48 MB", "1.0 GB"
    ]  # fmt: skip
    assert [plain(PL.span(seconds)) for seconds in (None, 0.0042, 0.35, 1.244, 42.0, 150.0)] == [
        "\u2013", "4,2 ms", "350 ms", "1,24 s", "42,0 s", "2,5 min"
    ]  # fmt: skip


def test_moments_of_other_days_say_which() -> None:
    assert EN.clock(NOW - 60, NOW) == "00:29:00"
    assert [EN.clock(NOW - 3600, NOW), PL.clock(NOW - 3600, NOW)] == ["Nov 22, 23:30", "22 lis, 23:30"]


@pytest.mark.parametrize(
    ("period", "begin"),
    [("day", datetime(2026, 11, 23)), ("week", datetime(2026, 11, 17)), ("month", datetime(2026, 11, 1))],  # noqa: DTZ001
)
def test_periods_begin_at_midnight_of_the_clocks_zone(period: Period, begin: datetime) -> None:
    warsaw = timezone(timedelta(hours=1))
    assert begin_of(period, Figures("pl", warsaw), NOW) == begin.replace(tzinfo=warsaw).timestamp()
    assert (period_of(period), period_of("<b>")) == (period, "day")
