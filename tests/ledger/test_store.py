"""The ledger keeps what it is given, whoever else writes, whatever the disk does, however the process ends."""

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from support.ledger import a_line, stored_lines
from tandem.core.errors import Unavailable
from tandem.ledger.schema import MIGRATIONS, open_to_write
from tandem.ledger.store import LedgerOptions, SqliteLedger

NOV, DEC = 1_794_000_000.0, 1_796_100_000.0
"""Two moments: in November and in December 2026."""


def test_what_was_recorded_is_on_the_disk_after_closing(tmp_path: Path) -> None:
    lines = [a_line(number) for number in range(50)]

    with SqliteLedger(tmp_path) as ledger:
        for line in lines:
            ledger.record(line)

    assert stored_lines(tmp_path) == lines


def test_flush_tells_when_everything_recorded_is_on_the_disk(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path) as ledger:
        ledger.record(a_line(1))
        assert ledger.flush()
        assert (ledger.waiting_lines, len(stored_lines(tmp_path))) == (0, 1)


def test_the_months_money_counts_at_once_and_is_exact_after_a_restart(tmp_path: Path) -> None:
    third = Decimal("0.000000333333")
    with SqliteLedger(tmp_path, clock=lambda: NOV) as ledger:
        for number in range(300):
            ledger.record(a_line(number, at=NOV, cost_usd=third))
            assert ledger.spent_usd() == third * (number + 1)
    with SqliteLedger(tmp_path, clock=lambda: NOV) as ledger:
        assert ledger.spent_usd() == third * 300


def test_a_new_month_begins_at_nothing(tmp_path: Path) -> None:
    now = NOV
    with SqliteLedger(tmp_path, clock=lambda: now) as ledger:
        ledger.record(a_line(1, at=NOV, cost_usd=Decimal("1.5")))
        assert ledger.flush()
        now = DEC
        assert ledger.spent_usd() == 0
        ledger.record(a_line(2, at=DEC, cost_usd=Decimal("0.25")))
        assert ledger.spent_usd() == Decimal("0.25")
        assert ledger.flush()
        assert ledger.spent_usd() == Decimal("0.25")


def test_unknown_prices_cost_nothing_that_could_be_counted(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path, clock=lambda: NOV) as ledger:
        ledger.record(a_line(1, at=NOV, cost_usd=None))
        ledger.record(a_line(2, at=NOV, cost_usd=Decimal("NaN")))
        assert ledger.flush()
        assert ledger.spent_usd() == 0


def test_two_ledgers_on_one_folder_lose_no_line_and_know_each_others_money(tmp_path: Path) -> None:
    cent = Decimal("0.01")
    with SqliteLedger(tmp_path, clock=lambda: NOV) as one, SqliteLedger(tmp_path, clock=lambda: NOV) as two:

        def write(ledger: SqliteLedger, first: int) -> None:
            for number in range(first, first + 200):
                ledger.record(a_line(number, at=NOV, cost_usd=cent))
                if number % 20 == 0:
                    assert ledger.flush()

        threads = [threading.Thread(target=write, args=(ledger, at)) for ledger, at in ((one, 0), (two, 1000))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert one.flush()
        assert two.flush()
        one.record(a_line(5000, at=NOV))
        assert one.flush()
        assert one.spent_usd() == cent * 400

    assert len(stored_lines(tmp_path)) == 401


def test_a_file_of_a_newer_tandem_is_left_alone_and_told(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path):
        pass
    db = sqlite3.connect(tmp_path / "ledger.sqlite")
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()

    with SqliteLedger(tmp_path) as ledger:
        ledger.record(a_line(1))
        assert not ledger.flush(0.3)
        assert "Use the newer Tandem" in ledger.trouble
    with pytest.raises(Unavailable, match="Use the newer Tandem"):
        open_to_write(tmp_path / "ledger.sqlite", 1.0)


def test_a_file_that_a_newer_tandem_lifts_while_this_one_writes_is_left_alone(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path, options=LedgerOptions(retry_seconds=0.05)) as ledger:
        ledger.record(a_line(1))
        assert ledger.flush()
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
            db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        ledger.record(a_line(2))
        assert not ledger.flush(0.3)
        assert "Use the newer Tandem" in ledger.trouble

    assert len(stored_lines(tmp_path)) == 1


def test_strangers_numbers_and_letters_cannot_stop_the_writer(tmp_path: Path) -> None:
    odd = replace(
        a_line(1),
        asked="\ud800" + "x" * 10_000,
        prompt_tokens=10**40,
        completion_tokens=-5,
        at=float("nan"),
        seconds=float("inf"),
        cost_usd=Decimal("1e40"),
        difficulty=float("nan"),
    )
    with SqliteLedger(tmp_path) as ledger:
        ledger.record(odd)
        assert ledger.flush()

    (kept,) = stored_lines(tmp_path)
    assert (len(kept.asked), kept.prompt_tokens, kept.completion_tokens) == (200, 2**53 - 1, 0)
    assert (kept.at, kept.seconds, kept.difficulty) == (0.0, 0.0, None)


def test_the_file_and_the_key_belong_to_their_owner_alone(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path) as ledger:
        ledger.record(a_line(1))

    for name in ("ledger.sqlite", "keys/receipts.pem"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name


def test_recording_never_waits_for_a_locked_file(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path, options=LedgerOptions(patience_seconds=0.05, retry_seconds=0.05)) as ledger:
        ledger.record(a_line(1))
        assert ledger.flush()
        db = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        ledger.record(a_line(2))
        assert not ledger.flush(0.5)
        assert "locked" in ledger.trouble
        db.execute("ROLLBACK")
        db.close()
        assert ledger.flush()
        assert ledger.trouble == ""

    assert len(stored_lines(tmp_path)) == 2
