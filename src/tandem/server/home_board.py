"""The facts behind the home page, gathered at most once a second however many people look at it.

The ledger blocks for milliseconds, so it is read in a thread; a worker that is too busy to say how it is keeps nobody
waiting: then what it said last is shown.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

from tandem.core.accounts import Accounts, Span, Step, Summary, Totals
from tandem.core.errors import TandemError
from tandem.core.ledger import LedgerLine
from tandem.core.models import ModelCard
from tandem.server.home_figures import Figures, Period, begin_of
from tandem.server.service import Readiness, Service
from tandem.server.state import State

T = TypeVar("T")
STEPS: dict[Period, Step] = {"day": "hour", "week": "day", "month": "day"}
_LINES = 20
_PATIENCE_SECONDS = 0.1
_NOTHING = Summary(
    since=0.0, total=Totals(), by_place={}, by_model={}, by_policy={}, by_outcome={}, rules={}, removed={}, private={},
    left_to={}, tasks={}, purposes={}, errors={}, first_word={}, whole={},
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the ledger says of one period. ``trouble`` is a sentence where it cannot be read; ``kept``: there is one."""

    summary: Summary = _NOTHING
    spans: Sequence[Span] = ()
    lines: Sequence[LedgerLine] = ()
    trouble: str = ""
    kept: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that the page shows, as one moment saw it. ``now`` and ``begin`` are Unix seconds."""

    period: Period
    now: float
    begin: float
    books: Books
    readiness: Readiness
    state: State
    cards: Sequence[ModelCard]

    @property
    def fresh(self) -> bool:
        """Whether nobody has asked anything yet."""
        return not self.books.lines and not self.books.summary.total.requests


class Board:
    """Gathers `Facts`. ``seconds`` is how long they are good."""

    def __init__(self, service: Service, seconds: float = 1.0) -> None:
        self._service = service
        self._seconds = seconds
        self._gathered: dict[Period, tuple[float, Facts]] = {}
        self._readiness = Readiness(ready=True, model=service.default_model, seal="")
        self._state = State()
        self._gathering = asyncio.Lock()

    async def facts(self, period: Period) -> Facts:
        """The facts of a period, at most a second old."""
        async with self._gathering:
            known = self._gathered.get(period)
            if known is None or monotonic() - known[0] >= self._seconds:
                known = monotonic(), await self._gather(period)
                self._gathered[period] = known
            return known[1]

    async def _gather(self, period: Period) -> Facts:
        service = self._service
        now = service.now()
        begin = begin_of(period, Figures("en"), now)
        readiness, state, books = await asyncio.gather(
            _at_once(service.readiness),
            _at_once(service.state),
            asyncio.to_thread(_read, service.accounts, begin, STEPS[period]),
        )
        self._readiness = readiness or self._readiness
        self._state = state or self._state
        return Facts(
            period=period,
            now=now,
            begin=begin,
            books=books,
            readiness=self._readiness,
            state=self._state,
            cards=service.directory.cards(),
        )


async def _at_once(asked: Callable[[], Awaitable[T]] | None) -> T | None:
    """What somebody can say now, else nothing."""
    if asked is None:
        return None
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await asked()
    except TimeoutError:
        return None


def _read(accounts: Accounts | None, begin: float, step: Step) -> Books:
    if accounts is None:
        return Books(kept=False)
    try:
        summary, spans, lines = accounts.summary(begin), accounts.series(begin, step), accounts.recent(_LINES)
    except TandemError as error:
        return Books(trouble=error.message)
    return Books(summary=summary, spans=spans, lines=lines)
