"""The month's money for commands that decide and write nothing."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from tandem.core.errors import TandemError
from tandem.core.ledger import LedgerLine
from tandem.ledger.reading import LedgerReader


class SpentSoFar:
    """A `Ledger` that is read once and keeps nothing; where there is none yet, nothing was spent."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def record(self, line: LedgerLine) -> None:
        """Nothing is kept."""

    def spent_usd(self) -> Decimal:
        """What this month has cost, as the ledger says now."""
        return self._spent

    @cached_property
    def _spent(self) -> Decimal:
        now = datetime.fromtimestamp(time.time(), UTC)
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        try:
            return LedgerReader(self._home).summary(month.timestamp()).total.cost_usd
        except TandemError:
            return Decimal(0)
