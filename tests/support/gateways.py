"""Gateways over scripted backends: what each was asked is remembered, and the senses are simple enough to foresee."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tandem.core.chat import ChatEvent, ChatRequest, Finished, Message, Started, TextDelta, Usage
from tandem.core.embedding import EmbeddingRequest, Embeddings
from tandem.core.errors import TandemError
from tandem.core.ledger import LedgerLine
from tandem.core.models import ModelCard
from tandem.core.ports import WELL, Health
from tandem.gateway import Books, Gateway, Names, Near, Rules
from tandem.routing.guards import Protection
from tandem.routing.observe import Judgement, Senses
from tandem.routing.private import Detector
from tandem.routing.reading import read_policies

NEAR = ModelCard(id="small", kind="chat", place="device", context_tokens=8192, source="test", installed=True)
OTHER_NEAR = replace(NEAR, id="small-too")
EMBEDDER = replace(NEAR, id="words", kind="embedding", dimensions=3)
FAR = ModelCard(
    id="large",
    kind="chat",
    place="cloud",
    context_tokens=128_000,
    source="test",
    installed=True,
    provider="acme",
    dialects=frozenset({"openai.chat"}),
    usd_per_million_input_tokens=Decimal(10),
    usd_per_million_output_tokens=Decimal(30),
)
CODER = replace(FAR, id="coder", tasks=("code",))
LAN = replace(FAR, id="lan", place="device", provider="ollama")
PESEL = "44051401359"


@dataclass
class ScriptedBackend:
    """Says ``words``, or fails: before the first word with ``refuses``, after the first with ``breaks``."""

    card: ModelCard
    words: Sequence[str] = ("Hello", " there")
    refuses: TandemError | None = None
    breaks: TandemError | None = None
    now: Health = WELL
    asked: list[ChatRequest] = field(default_factory=list[ChatRequest])
    running: int = 0

    def health(self) -> Health:
        """How it is now."""
        return self.now

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Play the script once."""
        self.asked.append(request)
        self.running += 1
        try:
            if self.refuses:
                raise self.refuses
            yield Started(model=self.card.id, place=self.card.place, because=("Requested",))
            for at, word in enumerate(self.words):
                if self.breaks and at:
                    raise self.breaks
                yield TextDelta(text=word)
                await asyncio.sleep(0)
            yield Finished(reason="stop")
            yield Usage(prompt_tokens=1000, completion_tokens=100)
        finally:
            self.running -= 1


class FakeEmbedder:
    """Remembers which model it was asked for."""

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """No vectors, only the model."""
        return Embeddings(model=request.model, vectors=(), prompt_tokens=0)


@dataclass
class FakeLedger:
    """Keeps lines in a list; ``spent`` is what the month has cost."""

    spent: Decimal = Decimal(0)
    lines: list[LedgerLine] = field(default_factory=list[LedgerLine])

    def record(self, line: LedgerLine) -> None:
        """Keep it."""
        self.lines.append(line)

    def spent_usd(self) -> Decimal:
        """What the test said."""
        return self.spent


SENSES = Senses(
    private=Detector().find,
    judge=lambda text: Judgement(
        task="code" if "def " in text else "chitchat",
        confidence=1.0,
        difficulty=float(found[1]) if (found := re.search(r"difficulty=(\d\.\d+)", text)) else 0.1,
    ),
    purpose=lambda messages: "title_generation" if messages and messages[-1].content.startswith("TITLE") else None,
)
"""Code is what defines a function; a question says itself how difficult it is."""


@dataclass
class House:
    """A gateway and what it stands on."""

    gateway: Gateway
    near: Mapping[str, ScriptedBackend]
    far: Mapping[str, ScriptedBackend]
    ledger: FakeLedger


def house(
    *backends: ScriptedBackend,
    policy: Mapping[str, object] | None = None,
    protection: Protection | None = None,
    aliases: Mapping[str, str] | None = None,
    ledger: FakeLedger | None = None,
    offline: bool = False,
    senses: Senses = SENSES,
) -> House:
    """A gateway over these backends (one near and one far, where none is given)."""
    given = backends or (ScriptedBackend(NEAR), ScriptedBackend(FAR))
    near = {one.card.id: one for one in given if not one.card.provider}
    far = {one.card.id: one for one in given if one.card.provider}
    shield = protection or Protection()
    policies, mistakes = read_policies(policy or {}, shield)
    assert not mistakes
    kept = ledger or FakeLedger()
    gateway = Gateway(
        near=Near(
            cards=lambda: [*(one.card for one in near.values()), EMBEDDER, replace(NEAR, id="phi", installed=False)],
            backend=lambda model: near[model],
            embedder=FakeEmbedder(),
            evidence=lambda model: (f"sha256 of {model}", "namespace"),
        ),
        far=far,
        names=Names(default_model="small", default_embedder="words", aliases=aliases or {}),
        rules=Rules(policies=policies, protection=shield, senses=senses, detector=Detector(), offline=offline),
        books=Books(ledger=kept),
    )
    return House(gateway, near, far, kept)


def ask(text: str = "hi", model: str = "auto", **changes: object) -> ChatRequest:
    """A request with one message."""
    request = ChatRequest(id="r1", model=model, messages=(Message(role="user", content=text),))
    return replace(request, **changes)  # pyright: ignore[reportArgumentType]
