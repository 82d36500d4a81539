"""One fake for each port that the server is given."""

import asyncio
from array import array
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from tandem.core.chat import ChatEvent, ChatRequest, Finished, Started, TextDelta, Usage
from tandem.core.demands import refuse
from tandem.core.embedding import EmbeddingRequest, Embeddings
from tandem.core.errors import NotFound
from tandem.core.models import ModelCard

STARTED = Started(model="scripted", place="device", because=("Requested",))
CHAT_CARD = ModelCard(
    id="scripted",
    kind="chat",
    place="device",
    context_tokens=4096,
    source="test",
    installed=True,
    created=1_700_000_000,
)
EMBEDDING_CARD = ModelCard(
    id="vectors", kind="embedding", place="device", context_tokens=256, source="test", installed=True, dimensions=4
)

Step = ChatEvent | Exception | float | asyncio.Event
"""An event to send, an error to raise, seconds to wait, or something to wait for."""


def said(*words: str, prompt_tokens: int = 3) -> list[Step]:
    """The script of an ordinary answer."""
    return [
        STARTED,
        *(TextDelta(text=word) for word in words),
        Finished(reason="stop"),
        Usage(prompt_tokens=prompt_tokens, completion_tokens=len(words), cached_tokens=1),
    ]


@dataclass
class ScriptedResponder:
    """Plays a script, and remembers what it was asked and whether its last answer was played to the end.

    As a model of this device it refuses every demand; with ``far`` it honours them all.
    """

    script: Sequence[Step] = field(default_factory=lambda: said("Hello", " there"))
    asked: list[ChatRequest] = field(default_factory=list[ChatRequest])
    played: int = 0
    running: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    far: bool = False

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Play the script once."""
        for demand in () if self.far else request.demands:
            raise refuse(demand)
        self.asked.append(request)
        self.running += 1
        self.begun.set()
        self.closed.clear()
        try:
            for step in self.script:
                self.played += 1
                match step:
                    case Exception():
                        raise step
                    case asyncio.Event():
                        await step.wait()
                    case float() | int():
                        await asyncio.sleep(step)
                    case _:
                        yield step
        finally:
            self.running -= 1
            self.closed.set()


@dataclass
class FakeEmbedder:
    """Four numbers for each input: its length, and three constants."""

    asked: list[EmbeddingRequest] = field(default_factory=list[EmbeddingRequest])

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Embed all inputs."""
        self.asked.append(request)
        vectors = tuple(array("f", [len(text), 0.25, -0.5, 0.1]) for text in request.inputs)
        return Embeddings(model="vectors", vectors=vectors, prompt_tokens=sum(len(text) for text in request.inputs))


@dataclass
class FakeDirectory:
    """Some cards, and other names for them."""

    listed: Sequence[ModelCard] = (CHAT_CARD, EMBEDDING_CARD)
    aliases: dict[str, str] = field(default_factory=dict[str, str])

    def cards(self) -> Sequence[ModelCard]:
        """Every card."""
        return self.listed

    def card(self, model: str) -> ModelCard:
        """The card behind a name."""
        name = self.aliases.get(model, model)
        for card in self.listed:
            if card.id == name:
                return card
        raise NotFound(
            f"The model '{model}' does not exist. GET /v1/models lists those that do.",
            param="model",
            code="model_not_found",
        )


@dataclass
class WordCounter:
    """A token is a word."""

    async def count_tokens(self, request: ChatRequest) -> int:
        """Count the words of every message."""
        return sum(len(message.content.split()) for message in request.messages)
