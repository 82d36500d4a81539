"""A backend that repeats what it was told, word by word: the smallest honest `Backend`, for trying wires."""

from collections.abc import AsyncGenerator

from tandem.core.chat import ChatEvent, ChatRequest, Finished, FinishReason, Started, TextDelta, Usage
from tandem.core.models import ModelCard
from tandem.core.ports import WELL, Health

ECHO_CARD = ModelCard(
    id="echo",
    kind="chat",
    place="device",
    context_tokens=4096,
    source="built in",
    name="Echo",
    installed=True,
    loaded=True,
)


class EchoBackend:
    """Answers with the last message (or the raw prompt), one word an event; a token is a word."""

    def __init__(self, card: ModelCard = ECHO_CARD) -> None:
        self._card = card

    @property
    def card(self) -> ModelCard:
        """What is known about the model."""
        return self._card

    def health(self) -> Health:
        """How it is now."""
        return WELL

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Repeat the last message; ``max_tokens`` and ``n`` are honoured."""
        heard = request.messages[-1].content if request.messages else str(request.raw_prompt or "")
        words = heard.split(" ")
        limit = request.sampling.max_tokens
        said = words if limit is None else words[:limit]
        reason: FinishReason = "stop" if len(said) == len(words) else "length"
        yield Started(model=self._card.id, place=self._card.place, because=("Requested",))
        for index in range(request.n):
            for position, word in enumerate(said):
                yield TextDelta(index=index, text=word if position == 0 else f" {word}")
            yield Finished(index=index, reason=reason)
        yield Usage(prompt_tokens=len(words), completion_tokens=len(said) * request.n)
