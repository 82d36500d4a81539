"""The month's money for commands that decide and write nothing."""

import time
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
        try:
            return LedgerReader(self._home).spent_usd(time.time())
        except TandemError:
            return Decimal(0)
