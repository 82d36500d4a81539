"""Anthropic's Messages API: an answer as blocks, and the count of what a question would cost to read."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tandem.core.chat import ChatEvent, ChatRequest, Sampling, Started
from tandem.core.demands import refuse
from tandem.core.errors import ContextLengthExceeded
from tandem.core.models import ModelCard
from tandem.server.answers import Answer, begin
from tandem.server.decode import decoded, encoded
from tandem.server.exchange import exchange_of
from tandem.server.failures import Failure, anthropic_shape
from tandem.server.service import Service
from tandem.server.sse import EventStream, frame, json_response
from tandem.server.wire.fields import Wishes, chat_card, treated
from tandem.server.wire.json_text import JsonObject
from tandem.server.wire.messages_ask import (
    Ask,
    CountAsk,
    demands_of,
    format_of,
    parallel_tool_calls_of,
    sampling_of,
    shows_thoughts,
    tool_choice_of,
    tools_of,
)
from tandem.server.wire.messages_events import MessageWriter
from tandem.server.wire.messages_turns import messages_of
from tandem.server.wire.original import with_original


def routes(service: Service) -> list[BaseRoute]:
    """Every route of the dialect."""
    here = _Messages(service)
    return [
        Route("/v1/messages", here.create, methods=["POST"]),
        Route("/v1/messages/count_tokens", here.count, methods=["POST"]),
    ]


class _Messages:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def create(self, request: Request) -> Response:
        exchange = exchange_of(request)
        exchange.headers.append((b"request-id", exchange.request_id.encode()))
        raw = await request.body()
        ask = decoded(raw, Ask)
        card = chat_card(self._service.directory, ask.model)
        asked = with_original(_chat_request(ask, card, request, sampling_of(ask)), raw, "anthropic.messages")
        answer, bounded = await self._begun(request, replace(asked, streamed=bool(ask.stream)), card)
        writer = MessageWriter(
            message_id=f"msg_{self._service.new_id()}",
            model=answer.started.model,
            new_id=self._service.new_id,
            shows_thoughts=shows_thoughts(ask),
            bounded=bounded,
        )
        if ask.stream:
            return EventStream(_frames(answer.events, writer), broken=_broken, exchange=exchange)
        async with aclosing(answer.events) as events:
            async for event in events:
                writer.add(event)
        writer.end()
        return json_response(encoded(writer.message()))

    async def _begun(self, request: Request, asked: ChatRequest, card: ModelCard) -> tuple[Answer, bool]:
        """The answer, and whether the caller's ``max_tokens`` bounds it.

        Anthropic's callers give a ``max_tokens`` far beyond small contexts. Where the prompt fits, the answer may then
        fill what is left, and its stop reason tells if it did.
        """
        try:
            return await begin(self._service, request, asked), True
        except ContextLengthExceeded:
            unbounded = replace(asked, sampling=Sampling())
            left = card.context_tokens - await self._service.counter.count_tokens(unbounded)
            if not 1 <= left < (asked.sampling.max_tokens or 0):
                raise
        narrowed = replace(asked, sampling=replace(asked.sampling, max_tokens=left))
        return await begin(self._service, request, narrowed), False

    async def count(self, request: Request) -> Response:
        ask = decoded(await request.body(), CountAsk)
        card = chat_card(self._service.directory, ask.model)
        asked = _chat_request(ask, card, request, Sampling())
        for demand in asked.demands:
            raise refuse(demand)
        return json_response(encoded({"input_tokens": await self._service.counter.count_tokens(asked)}))


def _chat_request(ask: CountAsk, card: ModelCard, request: Request, sampling: Sampling) -> ChatRequest:
    demands = demands_of(ask, reasons="reasoning" in card.abilities)
    tools = tools_of(ask, demands)
    messages = messages_of(ask.system, ask.messages, demands)
    asked = ChatRequest(
        id=exchange_of(request).request_id,
        model=ask.model,
        messages=messages,
        sampling=sampling,
        tools=tools,
        tool_choice=tool_choice_of(ask),
        parallel_tool_calls=parallel_tool_calls_of(ask),
        response_format=format_of(ask),
        demands=tuple(demands),
    )
    return treated(asked, request.headers, Wishes(private=ask.private, metadata=ask.metadata))


async def _frames(events: AsyncGenerator[ChatEvent], writer: MessageWriter) -> AsyncGenerator[bytes]:
    async with aclosing(events):
        async for event in events:
            written = writer.begin(event.prompt_tokens) if isinstance(event, Started) else writer.add(event)
            if written:
                yield _written(written)
    yield _written(writer.end())


def _written(events: list[JsonObject]) -> bytes:
    return b"".join(frame(encoded(event), str(event["type"])) for event in events)


def _broken(failure: Failure) -> bytes:
    return frame(encoded(anthropic_shape(failure)), "error")
