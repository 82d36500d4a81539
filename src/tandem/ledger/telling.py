"""A `Ledger` that also tells each line to others: the metrics, an exporter. They watch; the ledger keeps."""

from collections.abc import Callable
from decimal import Decimal

from tandem.core.ledger import LedgerLine
from tandem.core.ports import Ledger


class Telling:
    """Records in ``ledger``, then calls every listener with the line. Listeners return at once and never raise."""

    def __init__(self, ledger: Ledger, *listeners: Callable[[LedgerLine], None]) -> None:
        self._ledger = ledger
        self._listeners = listeners

    def record(self, line: LedgerLine) -> None:
        """Keep one line, and tell it."""
        self._ledger.record(line)
        for tell in self._listeners:
            tell(line)

    def spent_usd(self) -> Decimal:
        """What the ledger knows of this month."""
        return self._ledger.spent_usd()
