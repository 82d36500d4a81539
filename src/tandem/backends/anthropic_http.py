"""A Claude model behind Anthropic's Messages API, or an endpoint that speaks it."""

from collections.abc import AsyncGenerator

from tandem.backends.anthropic_answer import MessageAnswer
from tandem.backends.anthropic_ask import message_body
from tandem.backends.converse import converse
from tandem.backends.door import Answer, Call
from tandem.backends.provider import Provider
from tandem.core.chat import ChatEvent, ChatRequest, Started
from tandem.core.models import ModelCard
from tandem.core.ports import Health

VERSION = "2023-06-01"
"""The version of the API that this file speaks."""
_HEADERS = {"anthropic-version": VERSION}


class AnthropicBackend:
    """A `tandem.core.ports.Backend` over the wire."""

    def __init__(self, card: ModelCard, provider: Provider) -> None:
        self._card = card
        self._provider = provider

    @property
    def card(self) -> ModelCard:
        """What is known about the model."""
        return self._card

    def health(self) -> Health:
        """How its provider is now."""
        return self._provider.health()

    def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Answer. Raises `Unsupported` for what cannot be asked there, and by what the far side does."""
        return converse(self._provider, request, self._call, MessageAnswer(self._provider.far.name), self._started)

    def _call(self, request: ChatRequest) -> Call:
        body = message_body(request, self._card.upstream_id or self._card.id)
        return Call(path="/messages", body=body, request_id=request.id, streamed=request.streamed, headers=_HEADERS)

    def _started(self, _: Answer) -> Started:
        return Started(model=self._card.id, place=self._card.place)
