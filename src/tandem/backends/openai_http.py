"""A model behind somebody's OpenAI-compatible endpoint, far away or on this network."""

from collections.abc import AsyncGenerator

from tandem.backends.converse import converse
from tandem.backends.door import Answer, Call
from tandem.backends.openai_answer import ChatAnswer
from tandem.backends.openai_ask import chat_body, completion_body
from tandem.backends.provider import Provider
from tandem.backends.quirks import Quirks
from tandem.core.chat import ChatEvent, ChatRequest, Started
from tandem.core.models import ModelCard
from tandem.core.ports import Health

_PLAIN = Quirks()


class OpenAIBackend:
    """A `tandem.core.ports.Backend` over the wire.

    ``prefix`` and ``query`` stand before and behind paths, as in Azure's ``/openai/deployments/NAME`` and
    ``?api-version=``.
    """

    def __init__(
        self, card: ModelCard, provider: Provider, quirks: Quirks = _PLAIN, *, prefix: str = "", query: str = ""
    ) -> None:
        self._card = card
        self._provider = provider
        self._quirks = quirks
        self._prefix = prefix
        self._query = query

    @property
    def card(self) -> ModelCard:
        """What is known about the model."""
        return self._card

    def health(self) -> Health:
        """How its provider is now."""
        return self._provider.health()

    def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Answer. Raises `Unsupported` for what cannot be asked there, and by what the far side does."""
        return converse(self._provider, request, self._call, ChatAnswer(self._provider.far.name), self._started)

    def _call(self, request: ChatRequest) -> Call:
        upstream = self._card.upstream_id or self._card.id
        if request.messages:
            path, body = "/chat/completions", chat_body(request, upstream, self._quirks)
        else:
            path, body = "/completions", completion_body(request, upstream, self._quirks)
        return Call(path=self._prefix + path + self._query, body=body, request_id=request.id, streamed=request.streamed)

    def _started(self, _: Answer) -> Started:
        return Started(model=self._card.id, place=self._card.place)
