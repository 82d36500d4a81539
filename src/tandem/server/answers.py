"""Between a dialect and the responder: an answer is held until its first word, so an error before it is a status."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from time import perf_counter

from starlette.requests import Request

from tandem.core.chat import ChatEvent, ChatReply, ChatRequest, Finished, Started, Usage, collect
from tandem.server.exchange import Exchange, exchange_of
from tandem.server.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that has begun. ``events`` begins with `Started`, as a responder's own stream does."""

    started: Started
    events: AsyncGenerator[ChatEvent]


async def begin(service: Service, request: Request, asked: ChatRequest) -> Answer:
    """Ask, and wait for the first word. Raises what the responder raises before it.

    The answer's headers, the log line and the metrics are taken care of. Whoever calls this closes ``events``
    (`EventStream` does it for the frames that it is given; `reply` does it itself).
    """
    return await begin_events(exchange_of(request), service.responder.respond(asked))


async def begin_events(exchange: Exchange, events: AsyncGenerator[ChatEvent]) -> Answer:
    """As `begin`, for events that are on their way already."""
    try:
        started = await anext(events)
        assert isinstance(started, Started)
        exchange.began(started)
        first = await anext(events)
    except BaseException:
        await events.aclose()
        raise
    if not isinstance(first, Finished | Usage):
        exchange.first_word = perf_counter()
    return Answer(started=started, events=_told(exchange, started, first, events))


async def reply(service: Service, request: Request, asked: ChatRequest) -> ChatReply:
    """Ask, and gather the whole answer."""
    answer = await begin(service, request, asked)
    async with aclosing(answer.events) as events:
        return await collect(events)


async def _told(
    exchange: Exchange, started: Started, first: ChatEvent, rest: AsyncGenerator[ChatEvent]
) -> AsyncGenerator[ChatEvent]:
    async with aclosing(rest):
        yield started
        if isinstance(first, Usage):
            exchange.usage = first
        yield first
        async for event in rest:
            if isinstance(event, Usage):
                exchange.usage = event
            yield event
