"""A home page with something to show: a real ledger, and a server's state made by hand."""

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random

from support.fakes import CHAT_CARD, EMBEDDING_CARD, FakeDirectory, ScriptedResponder
from support.ledger import a_cloud_line, a_line
from support.serving import a_service
from tandem.core.chat import ChatEvent, ChatRequest
from tandem.core.ledger import LedgerLine
from tandem.core.models import ModelCard
from tandem.core.ports import Health
from tandem.ledger.reading import LedgerReader
from tandem.ledger.store import LedgerOptions, SqliteLedger
from tandem.server.service import Access, Service
from tandem.server.state import FarFact, LoadedFact, Money, PolicyFact, State

NOW = datetime(2026, 11, 23, 13, 55).timestamp()  # noqa: DTZ001
"""Five to two on a Monday afternoon, by this machine's clock: a day of the page begins at its midnight."""
CARDS = (
    replace(CHAT_CARD, id="auto", name="Auto (local-first)"),
    CHAT_CARD,
    EMBEDDING_CARD,
    ModelCard(id="cloud-large", kind="chat", place="cloud", context_tokens=128_000, source="far", provider="far"),
)
STATE = State(
    loaded=(
        LoadedFact(
            model="smollm2-135m", kind="chat", pid=4711, seal="namespace", in_flight=2,
            reserved_bytes=1_430_000_000, memory_bytes=312_000_000, kv_bytes=48_000_000,
        ),
        LoadedFact(
            model="minilm-l6", kind="embedding", pid=4712, seal="namespace", in_flight=0, reserved_bytes=310_000_000
        ),
    ),
    far=(
        FarFact(model="cloud-large", provider="far", place="cloud", health=Health(queued=1), priced=True),
        FarFact(
            model="deepseek-chat", provider="deepseek", place="cloud", priced=True,
            health=Health(reachable=False, why="deepseek did not answer 3 times. It is asked again in 12 s."),
        ),
    ),
    policies=(
        PolicyFact(name="local-first", rules=("DeviceFirst", "StayWarm", "LargeGoesUp", "HardGoesUp", "BusyGoesUp")),
        PolicyFact(name="cloud-first", rules=("CloudFirst",)),
        PolicyFact(name="mine", rules=("CheapestFirst",), models=("smollm2-135m", "cloud-large")),
    ),
    default_policy="local-first",
    guards=("AskedToStayHere", "PrivateStaysHere", "WithinBudget"),
    privacy="lock",
    money=Money(usd_per_month=Decimal(20), usd_per_request=Decimal("0.05"), spent_usd=Decimal("7.41")),
)  # fmt: skip


async def a_state() -> State:
    """The state by hand."""
    return STATE


def some_lines(number: int, *, until: float = NOW, days: float = 6.0, seed: int = 7) -> Sequence[LedgerLine]:
    """A plausible week: mostly near, some far, a few refused, oldest first."""
    dice, lines = Random(seed), list[LedgerLine]()
    for at in sorted(until - dice.random() ** 1.4 * days * 86_400 for _ in range(number)):
        lines.append(_one(len(lines), at, dice))
    return lines


def _one(number: int, at: float, dice: Random) -> LedgerLine:
    read, written = dice.randint(12, 900), dice.randint(5, 400)
    told = {
        "at": at,
        "prompt_tokens": read,
        "completion_tokens": written,
        "redacted": 0,
        "fallbacks": 0,
        "purpose": None,
    }
    kind = dice.random()
    if kind < 0.72:
        first = dice.lognormvariate(-1.9, 0.5)
        because, removed, private = dice.choice(
            [
                (("DeviceFirst",), (), ()),
                (("DeviceFirst", "StayWarm"), (), ()),
                (("PrivateStaysHere", "DeviceFirst"), ("PrivateStaysHere",), ("PESEL", "PERSON")),
                (("SmallTalkStaysHere", "DeviceFirst"), ("SmallTalkStaysHere",), ()),
            ]
        )
        cost = Decimal(read * 2 + written * 8) / 1_000_000
        return a_line(
            number, **told, because=because, removed=removed, private=private, cached_tokens=read // 3,
            cost_usd=Decimal(0), cloud_cost_usd=cost, first_word_seconds=first, seconds=first + written * 0.012,
        )  # fmt: skip
    if kind < 0.96:
        first = dice.lognormvariate(-0.6, 0.4)
        cost = Decimal(read * 2 + written * 8) / 1_000_000
        return a_cloud_line(
            number, **told, because=("DeviceFirst", "HardGoesUp"), removed=(), private=(), cached_tokens=0,
            left_bytes=read * 5, cost_usd=cost, cloud_cost_usd=cost, first_word_seconds=first,
            seconds=first + written * 0.006,
        )  # fmt: skip
    return a_line(
        number, **told, outcome="refused", model="", place=None, evidence="", seal="", because=("WithinBudget",),
        removed=("WithinBudget",), private=(), cost_usd=None, cloud_cost_usd=None, first_word_seconds=None,
        seconds=0.002, error="over_budget",
    )  # fmt: skip


@dataclass
class RecordedResponder:
    """Plays its script, and writes a line for each answer as the gateway would."""

    ledger: SqliteLedger
    plays: ScriptedResponder
    now: float = NOW
    answered: int = 0

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Answer, then write it down."""
        async with aclosing(self.plays.respond(request)) as events:
            async for event in events:
                yield event
        self.answered += 1
        line = a_line(
            10_000_000 + self.answered, at=self.now, asked=request.model, model="scripted", because=("Requested",)
        )
        self.ledger.record(line)
        self.ledger.flush()


@contextmanager
def a_home(
    folder: Path,
    lines: Sequence[LedgerLine] = (),
    *,
    access: Access | None = None,
    plays: ScriptedResponder | None = None,
) -> Generator[Service]:
    """A service over a ledger that holds these lines, at the moment `NOW`."""
    with SqliteLedger(folder, options=LedgerOptions(memory_lines=1_000_000), clock=lambda: NOW) as ledger:
        for line in lines:
            ledger.record(line)
        assert ledger.flush(120)
        service = a_service(
            RecordedResponder(ledger, plays or ScriptedResponder()),
            access=access,
            directory=FakeDirectory(listed=CARDS),
        )
        yield replace(service, accounts=LedgerReader(folder), state=a_state, now=lambda: NOW)
