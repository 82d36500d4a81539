"""Lines that no disk holds yet: a bounded queue, a note of what its bound cost, and this month's money, exact."""

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from tandem.core.ledger import LedgerLine
from tandem.ledger.accounts import month_of
from tandem.ledger.receipts import Body, body_of, dollars, micro, pico, whole


@dataclass(slots=True)
class Gap:
    """Lines that found no room: how many, from when to when, and what must not be forgotten of them."""

    lost: int = 0
    since_us: int = 0
    until_us: int = 0
    left_bytes: int = 0
    cost_pico: int = 0
    closed: bool = False

    def add(self, line: LedgerLine) -> None:
        """Count one more line."""
        at_us = micro(line.at)
        if not self.lost:
            self.since_us = at_us
        self.until_us = max(self.until_us, at_us)
        self.lost += 1
        self.left_bytes += line.left_bytes
        self.cost_pico += pico(line.cost_usd) or 0

    def absorb(self, later: "Gap") -> None:
        """Become one with the gap that follows."""
        self.lost += later.lost
        self.until_us = max(self.until_us, later.until_us)
        self.left_bytes += later.left_bytes
        self.cost_pico += later.cost_pico

    def body(self) -> Body:
        """The gap as a receipt's body. Its money belongs to the month in which it began."""
        return {
            "kind": "gap",
            "outcome": "lost",
            "lost": self.lost,
            "at_us": self.since_us,
            "until_us": self.until_us,
            "left_bytes": whole(self.left_bytes),
            "cost_usd": dollars(self.cost_pico),
        }


Item = LedgerLine | Gap


def bodies(items: Sequence[Item]) -> list[Body]:
    """What the disk is to hold of a batch."""
    return [item.body() if isinstance(item, Gap) else body_of(item) for item in items]


class Waiting:
    """Filled by whoever answers, emptied by the one writer. ``bound`` is how many lines are held."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._lock = threading.Lock()
        self._items: deque[Item] = deque()
        self._waiting_pico: Counter[str] = Counter()
        self._disk_pico: dict[str, int] = {}
        self.recorded = 0
        """How many lines were ever handed in."""
        self.settled = 0
        """How many of those are on the disk, or told of there by a gap."""

    @property
    def lost(self) -> int:
        """Lines beyond the bound that no gap on the disk tells of yet."""
        with self._lock:
            return sum(item.lost for item in self._items if isinstance(item, Gap))

    def put(self, line: LedgerLine) -> None:
        """Hold one line, or only its sums where the bound is reached."""
        cost = pico(line.cost_usd)
        with self._lock:
            self.recorded += 1
            at_us = micro(line.at)
            if len(self._items) < self._bound:
                self._items.append(line)
            else:
                at_us = self._lose(line)
            if cost:
                self._waiting_pico[month_of(at_us)] += cost

    def batch(self, most: int) -> Sequence[Item]:
        """The oldest items, at most so many. They stay until they are settled or kept."""
        with self._lock:
            taken = tuple(islice(self._items, most))
            for item in taken:
                if isinstance(item, Gap):
                    item.closed = True
            return taken

    def settle(self, items: Sequence[Item], disk_pico: Mapping[str, int]) -> None:
        """The oldest items are on the disk, which now holds ``disk_pico`` by month."""
        with self._lock:
            for item in items:
                self._items.popleft()
                if isinstance(item, Gap):
                    self.settled += item.lost
                    self._paid(item.since_us, item.cost_pico)
                else:
                    self.settled += 1
                    self._paid(micro(item.at), pico(item.cost_usd) or 0)
            self._disk_pico.update(disk_pico)

    def keep(self) -> None:
        """The last batch could not be written: what is lost meanwhile goes on in one gap."""
        with self._lock:
            last = self._items[-1] if self._items else None
            if not isinstance(last, Gap):
                return
            before = self._items[-2] if len(self._items) > 1 else None
            if isinstance(before, Gap):
                before.absorb(last)
                self._repay(last, before)
                self._items.pop()
                last = before
            last.closed = False

    def know(self, disk_pico: Mapping[str, int]) -> None:
        """The disk holds ``disk_pico`` by month now, perhaps by another process's lines."""
        with self._lock:
            self._disk_pico.update(disk_pico)

    def spent_usd(self, month: str) -> Decimal:
        """What a month has cost, lines on the disk and lines in waiting."""
        with self._lock:
            amount = self._disk_pico.get(month, 0) + self._waiting_pico[month]
        return Decimal(amount).scaleb(-12)

    def _lose(self, line: LedgerLine) -> int:
        """Count a line in the gap at the end of the queue. Returns when that gap began."""
        last = self._items[-1] if self._items else None
        if not isinstance(last, Gap) or last.closed:
            last = Gap()
            self._items.append(last)
        last.add(line)
        return last.since_us

    def _paid(self, at_us: int, cost_pico: int) -> None:
        if cost_pico:
            month = month_of(at_us)
            self._waiting_pico[month] -= cost_pico
            if not self._waiting_pico[month]:
                del self._waiting_pico[month]

    def _repay(self, gap: Gap, into: Gap) -> None:
        """Move a gap's money to the month of the gap that it became a part of."""
        self._paid(gap.since_us, gap.cost_pico)
        if gap.cost_pico:
            self._waiting_pico[month_of(into.since_us)] += gap.cost_pico
