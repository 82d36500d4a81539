"""OpenAI's Responses API: answers that are kept, listed, continued and deleted."""

import logging
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tandem.core.chat import ChatRequest, Demand, Message
from tandem.core.demands import demanded, refuse
from tandem.core.errors import BadRequest, NotFound, Unavailable, Unsupported
from tandem.server.answers import Answer, begin
from tandem.server.decode import decoded, encoded
from tandem.server.exchange import exchange_of
from tandem.server.failures import Failure
from tandem.server.service import Service
from tandem.server.sse import EventStream, frame, json_response
from tandem.server.stored import ResponseStore, StoredItem, StoredResponse
from tandem.server.wire.conversation import no_pictures
from tandem.server.wire.fields import Wishes, chat_card, missing, needed, treated
from tandem.server.wire.json_text import JsonObject
from tandem.server.wire.responses_ask import (
    Ask,
    echo_of,
    format_of,
    refuse_what_cannot_be_honoured,
    sampling_of,
    tool_choice_of,
    tools_of,
)
from tandem.server.wire.responses_events import ResponseWriter
from tandem.server.wire.responses_items import normalized, turns_of
from tandem.server.wire.responses_pages import page_of

log = logging.getLogger(__name__)

_NAMES = (
    ("messages", "input"),
    ("max_tokens", "max_output_tokens"),
    ("max_completion_tokens", "max_output_tokens"),
    ("response_format", "text.format"),
    ("logprobs", "include"),
)


def routes(service: Service, store: ResponseStore) -> list[BaseRoute]:
    """Every route of the dialect."""
    here = _Responses(service, store)
    return [
        Route("/v1/responses", here.create, methods=["POST"]),
        Route("/v1/responses/input_tokens", here.count, methods=["POST"]),
        Route("/v1/responses/{response_id}", here.retrieve, methods=["GET"]),
        Route("/v1/responses/{response_id}", here.delete, methods=["DELETE"]),
        Route("/v1/responses/{response_id}/cancel", here.cancel, methods=["POST"]),
        Route("/v1/responses/{response_id}/input_items", here.list_inputs, methods=["GET"]),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A body that was read: what goes to the model, this turn's own items, and what the response object repeats."""

    ask: Ask
    chat: ChatRequest
    inputs: tuple[JsonObject, ...]

    @property
    def stored(self) -> bool:
        return self.ask.store is not False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """Items of earlier turns, and how their text is to be treated."""

    items: tuple[JsonObject, ...] = ()
    private: bool = False
    labels: tuple[str, ...] = ()


class _Responses:
    def __init__(self, service: Service, store: ResponseStore) -> None:
        self._service = service
        self._store = store

    async def create(self, request: Request) -> Response:
        asked = await self._asked(request)
        if asked.stored:
            await self._store.ready()
        with _in_this_dialect():
            answer = await begin(self._service, request, asked.chat)
        writer = ResponseWriter(self._shell(asked, answer), new_id=self._service.new_id, now=self._service.now)
        events = self._events(asked, answer, writer)
        if asked.ask.stream:
            exchange = exchange_of(request)
            return EventStream(_frames(events), broken=lambda failure: _broken(writer, failure), exchange=exchange)
        last: JsonObject = {}
        async with aclosing(events):
            async for event in events:
                last = event
        return json_response(encoded(last["response"]))

    async def count(self, request: Request) -> Response:
        asked = await self._asked(request, default_model=self._service.default_model)
        with _in_this_dialect():
            for demand in asked.chat.demands:
                raise refuse(demand)
            tokens = await self._service.counter.count_tokens(asked.chat)
        return json_response(encoded({"object": "response.input_tokens", "input_tokens": tokens}))

    async def retrieve(self, request: Request) -> Response:
        if request.query_params.get("stream", "false").lower() not in {"false", "0", ""}:
            raise Unsupported("A response that is complete is not streamed again: leave out 'stream'.", param="stream")
        stored = await self._store.load(request.path_params["response_id"])
        return json_response(encoded({**stored.body, "output": stored.outputs}))

    async def delete(self, request: Request) -> Response:
        response_id: str = request.path_params["response_id"]
        await self._store.delete(response_id)
        return json_response(encoded({"id": response_id, "object": "response", "deleted": True}))

    async def cancel(self, request: Request) -> Response:
        await self._store.load(request.path_params["response_id"])
        raise BadRequest("Cannot cancel a synchronous response: close its connection instead.", param="response_id")

    async def list_inputs(self, request: Request) -> Response:
        stored = await self._store.load(request.path_params["response_id"])
        try:
            before = (await self._history(stored.previous_id)).items
        except BadRequest:
            before = ()  # an earlier turn was deleted: what is left of the conversation is this turn's own input
        return json_response(encoded(page_of([*before, *stored.inputs], request.query_params)))

    async def _asked(self, request: Request, *, default_model: str | None = None) -> _Asked:
        ask = decoded(await request.body(), Ask)
        card = chat_card(self._service.directory, needed(ask.model or default_model or None, "model"))
        refuse_what_cannot_be_honoured(ask, reasons="reasoning" in card.abilities)
        tools = tools_of(ask)
        before = await self._history(ask.previous_response_id)
        sent = await self._resolved(normalized(ask.input, self._service.new_id))
        if not before.items and not sent.items:
            raise missing("input")
        instructions = [Message(role="system", content=ask.instructions)] if ask.instructions else []
        messages = (*instructions, *turns_of([*before.items, *sent.items]))
        chat = ChatRequest(
            id=exchange_of(request).request_id,
            model=ask.model or card.id,
            messages=messages,
            sampling=sampling_of(ask),
            tools=tools,
            tool_choice=tool_choice_of(ask, tools),
            parallel_tool_calls=ask.parallel_tool_calls is not False,
            response_format=format_of(ask),
            private=before.private or sent.private,
            labels=tuple(dict.fromkeys((*before.labels, *sent.labels))),
            unreadable=sum(message.image_count for message in messages),
            demands=_pictures(messages),
            streamed=bool(ask.stream),
        )
        chat = treated(chat, request.headers, Wishes(private=ask.private, metadata=ask.metadata))
        return _Asked(ask=ask, chat=chat, inputs=sent.items)

    async def _history(self, response_id: str | None) -> _Kept:
        if not response_id:
            return _Kept()
        try:
            turns = await self._store.chain(response_id)
        except NotFound as error:
            raise BadRequest(error.message, param="previous_response_id", code="previous_response_not_found") from error
        return _Kept(
            items=tuple(item for turn in turns for item in (*turn.inputs, *turn.outputs)),
            private=any(turn.private for turn in turns),
            labels=tuple(label for turn in turns for label in turn.labels),
        )

    async def _resolved(self, items: Sequence[JsonObject]) -> _Kept:
        """Items with those in the place of references that they name."""
        found: list[StoredItem] = []
        for item in items:
            if item["type"] != "item_reference":
                found.append(StoredItem(body=item, private=False, labels=()))
                continue
            stored = await self._store.find_item(str(item["id"]))
            own = {"metadata": item["metadata"]} if "metadata" in item else {}
            found.append(replace(stored, body={**stored.body, **own}))
        return _Kept(
            items=tuple(one.body for one in found),
            private=any(one.private for one in found),
            labels=tuple(label for one in found for label in one.labels),
        )

    def _shell(self, asked: _Asked, answer: Answer) -> JsonObject:
        return {
            "id": f"resp_{self._service.new_id()}",
            "object": "response",
            "created_at": int(self._service.now()),
            "background": False,
            "model": answer.started.model,
            "store": asked.stored,
            **echo_of(asked.ask),
        }

    async def _events(self, asked: _Asked, answer: Answer, writer: ResponseWriter) -> AsyncGenerator[JsonObject]:
        async with aclosing(answer.events) as events:
            for wire_event in writer.begin():
                yield wire_event
            async for event in events:
                for wire_event in writer.add(event):
                    yield wire_event
        for wire_event in writer.end():
            yield await self._kept(asked, wire_event) if asked.stored else wire_event

    async def _kept(self, asked: _Asked, ended: JsonObject) -> JsonObject:
        """Store a response before its last event tells of it, so that it can be continued as soon as it is known."""
        response = cast("JsonObject", ended["response"])
        stored = StoredResponse(
            id=str(response["id"]),
            previous_id=asked.ask.previous_response_id or None,
            body={name: value for name, value in response.items() if name != "output"},
            inputs=asked.inputs,
            outputs=tuple(cast("list[JsonObject]", response["output"])),
            private=asked.chat.private,
            labels=_labels(asked.chat),
        )
        try:
            await self._store.save(stored)
        except Unavailable:
            log.warning("%s was answered but could not be stored", stored.id)
            return {**ended, "response": {**response, "store": False}}
        return ended


def _labels(chat: ChatRequest) -> tuple[str, ...]:
    """Every label of a request: an answer may repeat any of the texts that it was made from."""
    of_messages = (message.label for message in chat.messages if message.label is not None)
    return tuple(dict.fromkeys((*chat.labels, *of_messages)))


def _pictures(messages: Sequence[Message]) -> tuple[Demand, ...]:
    found = (at for at, message in enumerate(messages) if message.image_count)
    return tuple(demanded(no_pictures(f"messages[{at}]")) for at in found)


@contextmanager
def _in_this_dialect() -> Generator[None]:
    """Whoever answers names fields as chat completions do; here some have other names."""
    try:
        yield
    except BadRequest as error:
        param = error.param or ""
        error.param = next((ours for theirs, ours in _NAMES if param.startswith(theirs)), error.param)
        raise


async def _frames(events: AsyncGenerator[JsonObject]) -> AsyncGenerator[bytes]:
    async with aclosing(events):
        async for event in events:
            yield _frame(event)


def _frame(event: JsonObject) -> bytes:
    return frame(encoded(event), str(event["type"]))


def _broken(writer: ResponseWriter, failure: Failure) -> bytes:
    return b"".join(_frame(event) for event in writer.fail(failure))
