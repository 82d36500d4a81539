"""Commands that only decide know the month's money, and write nothing."""

import time
from decimal import Decimal
from pathlib import Path

from support.ledger import a_line
from tandem.app.spent import SpentSoFar
from tandem.ledger.store import SqliteLedger


def test_what_the_month_has_cost_is_read_from_the_ledger_and_nothing_is_added(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path) as ledger:
        ledger.record(a_line(1, at=time.time(), cost_usd=Decimal("0.25")))
        ledger.record(a_line(2, at=time.time() - 70 * 24 * 3600, cost_usd=Decimal(9)))

    spent = SpentSoFar(tmp_path)
    spent.record(a_line(3, at=time.time(), cost_usd=Decimal(1)))

    assert spent.spent_usd() == Decimal("0.25")
    assert SpentSoFar(tmp_path).spent_usd() == Decimal("0.25")


def test_without_a_ledger_nothing_was_spent_and_none_is_made(tmp_path: Path) -> None:
    assert SpentSoFar(tmp_path).spent_usd() == 0
    assert list(tmp_path.iterdir()) == []
