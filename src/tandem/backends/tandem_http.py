"""A Tandem that already runs on this machine, for commands that would otherwise load models of their own.

Its decisions are told as its own: who answered, where, why. Wishes for privacy and patience travel with the request.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Self

from tandem.backends.converse import converse
from tandem.backends.door import Answer, Call, Door, Endpoint, Patience
from tandem.backends.failures import FarSide, complaint_of, retry_after_seconds
from tandem.backends.openai_answer import ChatAnswer
from tandem.backends.openai_ask import chat_body, completion_body
from tandem.backends.provider import Provider
from tandem.backends.quirks import Quirks
from tandem.core.chat import ChatEvent, ChatRequest, Started
from tandem.core.errors import (
    BadRequest,
    Busy,
    ContextLengthExceeded,
    Forbidden,
    NotFound,
    OverBudget,
    TandemError,
    Unavailable,
)
from tandem.core.models import ModelCard
from tandem.core.ports import Health

_QUIRKS = Quirks(knows=frozenset({"top_k", "ignore_eos"}), completions=True, developer=True)
_PATIENCE = Patience(connect_seconds=2.0, first_token_seconds=300.0, silence_seconds=300.0)


class TandemBackend:
    """A `tandem.core.ports.Backend` over the wire. Leaving the block closes its connections."""

    def __init__(self, card: ModelCard, endpoint: Endpoint) -> None:
        self._card = card
        self._provider = Provider(Door(endpoint, patience=_PATIENCE), failure=_failure)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._provider.close()

    @property
    def card(self) -> ModelCard:
        """What is known about the model."""
        return self._card

    def health(self) -> Health:
        """How it is now."""
        return self._provider.health()

    def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Answer. Raises by status, as that server meant it."""
        return converse(self._provider, request, _call, ChatAnswer(self._provider.far.name), self._started)

    def _started(self, answer: Answer) -> Started:
        headers = answer.headers
        place = "cloud" if headers.get("x-tandem-place", self._card.place) == "cloud" else "device"
        fallbacks = headers.get("x-tandem-fallbacks", "")
        return Started(
            model=headers.get("x-tandem-model", self._card.id),
            place=place,
            because=tuple(rule.strip() for rule in headers.get("x-tandem-because", "").split(",") if rule.strip()),
            fallbacks=int(fallbacks) if fallbacks.isascii() and fallbacks.isdigit() else 0,
            note=headers.get("x-tandem-note"),
        )


def _call(request: ChatRequest) -> Call:
    wishes = {"x-tandem-priority": request.priority}
    if request.private:
        wishes["x-tandem-private"] = "true"
    path, body_of = ("/v1/chat/completions", chat_body) if request.messages else ("/v1/completions", completion_body)
    return Call(
        path=path,
        body=body_of(request, request.model, _QUIRKS),
        request_id=request.id,
        streamed=request.streamed,
        headers=wishes,
    )


def _failure(status: int, body: bytes, headers: Mapping[str, str], far: FarSide, now: float) -> TandemError:
    said = complaint_of(body)
    message = far.words(said.message) or f"The server answered with status {status}."
    match status:
        case 400 if said.code == ContextLengthExceeded.code:
            return ContextLengthExceeded(message, param=said.param)
        case 401:
            return Forbidden(f"{message} Here its variable is named by server.api_key_env in tandem.toml.")
        case 402:
            return OverBudget(message)
        case 403:
            return Forbidden(message)
        case 404:
            return NotFound(message, param=said.param, code=said.code or None)
        case 429:
            seconds = retry_after_seconds(headers, now) or 1
            return Busy(message, retry_after_seconds=max(round(seconds), 1))
        case _ if 400 <= status < 500:
            return BadRequest(message, param=said.param, code=said.code or None)
        case _:
            return Unavailable(message)
