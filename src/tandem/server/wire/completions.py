"""POST /v1/completions: text goes on without a chat template."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tandem.core.chat import (
    ChatEvent,
    ChatRequest,
    Choice,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    TextDelta,
    TokenLogprob,
    Usage,
    collect,
)
from tandem.core.errors import BadRequest
from tandem.core.ports import Responder
from tandem.server.answers import Answer, begin_events
from tandem.server.decode import decoded, encoded
from tandem.server.exchange import exchange_of
from tandem.server.service import Service
from tandem.server.sse import DONE, EventStream, frame, json_response
from tandem.server.wire.chat import broken, head_of
from tandem.server.wire.chat_reply import Head
from tandem.server.wire.fields import (
    Generation,
    TokenCount,
    TokenId,
    Wishes,
    chat_card,
    check_stream_options,
    choice_count,
    refuse,
    sampling_of,
    treated,
)
from tandem.server.wire.tallies import Counts, PlainLogprobs, counts_of, plain_logprobs

DEFAULT_MAX_TOKENS = 16
"""What OpenAI gives where nothing is asked."""
Prompts = str | Annotated[list[str | TokenId | list[TokenId]], Meta(min_length=1)]


class CompletionBody(Generation, kw_only=True):
    """Every field of OpenAI's older completions. Those that cannot be honoured are refused where they are set."""

    prompt: Annotated[
        Prompts,
        Meta(
            extra_json_schema={
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "minItems": 1, "items": {"type": "string"}},
                    {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
                    {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
                    },
                ]
            }
        ),
    ]
    max_tokens: TokenCount | None = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    echo: bool | None = None
    best_of: Annotated[int, Meta(ge=0, le=128)] | None = None
    suffix: str | None = None
    priority: object = None
    private: bool | None = None
    metadata: object = None


class TextChoice(Struct, kw_only=True):
    """One continuation, or a piece of one."""

    text: str
    index: int
    logprobs: PlainLogprobs | None
    finish_reason: Literal["stop", "length", "content_filter"] | None


class TextCompletion(Struct, kw_only=True):
    """A whole reply, or a piece of one: they have one shape."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[TextChoice]
    system_fingerprint: str
    usage: Counts | UnsetType | None = UNSET


def routes(service: Service) -> list[Route]:
    """The one route of this dialect."""

    async def completions(request: Request) -> Response:
        body = decoded(await request.body(), CompletionBody)
        asked = _read(service, request, body)
        answer = await begin_events(exchange_of(request), _in_turn(service.responder, asked))
        head = head_of(service, request, answer.started, "cmpl")
        writer = _Writer(head, body, [_shown(one.raw_prompt) if body.echo else "" for one in asked], asked[0].n)
        if body.stream:
            return EventStream(_frames(answer, writer), broken=broken, exchange=exchange_of(request))
        async with aclosing(answer.events) as events:
            whole = await collect(events)
        return json_response(encoded(writer.whole(whole.choices, whole.usage)))

    return [Route("/v1/completions", completions, methods=["POST"])]


def _read(service: Service, request: Request, body: CompletionBody) -> list[ChatRequest]:
    """One request for each prompt."""
    chat_card(service.directory, body.model)
    check_stream_options(body)
    count = choice_count(body, service.limits.choices)
    _refuse_what_cannot_be(body, count)
    prompts = _prompts(body, service.limits.prompts)
    name = exchange_of(request).request_id
    wishes = Wishes(priority=body.priority, private=body.private, metadata=body.metadata)
    asked = [
        ChatRequest(
            id=name if len(prompts) == 1 else f"{name}.{at}",
            model=body.model,
            raw_prompt=prompt,
            unreadable=0 if isinstance(prompt, str) else 1,
            sampling=sampling_of(body, max_tokens=body.max_tokens or DEFAULT_MAX_TOKENS, top_logprobs=body.logprobs),
            n=count,
            streamed=bool(body.stream),
            ignore_eos=bool(body.ignore_eos),
        )
        for at, prompt in enumerate(prompts)
    ]
    return [treated(one, request.headers, wishes) for one in asked]


def _refuse_what_cannot_be(body: CompletionBody, count: int) -> None:
    if body.suffix:
        raise refuse("suffix", "no model here fills in the middle. Leave it out.")
    if body.best_of is not None and body.best_of > count:
        raise refuse("best_of", "answers are not ranked. Leave it out, or ask for as many with 'n'.")
    if body.echo and body.logprobs is not None:
        raise refuse("echo", "prompts have no log-probabilities here. Leave out 'echo' or 'logprobs'.")
    if body.echo and not _is_text(body.prompt):
        raise refuse("echo", "a prompt of token ids cannot be shown as text. Send text.")


def _is_text(prompt: Prompts) -> bool:
    return isinstance(prompt, str) or all(isinstance(one, str) for one in prompt)


def _prompts(body: CompletionBody, limit: int) -> list[str | tuple[int, ...]]:
    given = body.prompt
    if isinstance(given, str):
        return [given]
    tokens = tuple(one for one in given if isinstance(one, int))
    if len(tokens) == len(given):
        return [tokens]
    texts: list[str | tuple[int, ...]] = [one for one in given if isinstance(one, str)]
    lists: list[str | tuple[int, ...]] = [tuple(one) for one in given if isinstance(one, list)]
    if len(given) > limit:
        raise BadRequest(f"Invalid value for 'prompt': at most {limit} prompts can be sent at once.", param="prompt")
    if len(texts) != len(given) and len(lists) != len(given):
        raise BadRequest("Invalid type for 'prompt': texts and token ids cannot be mixed.", param="prompt")
    if () in lists:
        raise BadRequest("Invalid value for 'prompt': a list of token ids is empty.", param="prompt")
    return texts or lists


def _shown(prompt: str | tuple[int, ...] | None) -> str:
    return prompt if isinstance(prompt, str) else ""


async def _in_turn(responder: Responder, asked: list[ChatRequest]) -> AsyncGenerator[ChatEvent]:
    """The answers to all prompts as one: choices are numbered on, and the counts are summed."""
    counted: list[Usage] = []
    for at, one in enumerate(asked):
        async with aclosing(responder.respond(one)) as events:
            async for event in events:
                match event:
                    case Usage():
                        counted.append(event)
                    case Started():
                        if at == 0:
                            yield event
                    case _:
                        yield replace(event, index=event.index + at * one.n) if at else event
    yield _sum(counted)


def _sum(counted: list[Usage]) -> Usage:
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in counted),
        completion_tokens=sum(usage.completion_tokens for usage in counted),
        cached_tokens=sum(usage.cached_tokens for usage in counted),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in counted),
    )


class _Writer:
    """Writes the events of one reply, and keeps where each choice's text has got to."""

    def __init__(self, head: Head, body: CompletionBody, echoed: list[str], choices: int) -> None:
        self._head = head
        self._rivals = bool(body.logprobs)
        self._include_usage = bool(body.stream_options and body.stream_options.include_usage)
        self._echoed = echoed
        self._choices = choices
        self._offsets: dict[int, int] = {}

    def whole(self, choices: list[Choice], usage: Usage) -> TextCompletion:
        written = [
            self._choice(choice.index, choice.reasoning + choice.text, choice.logprobs, choice.finish_reason)
            for choice in choices
        ]
        return self._completion(written, counts_of(usage))

    def chunk(self, event: ChatEvent) -> TextCompletion | None:
        waiting = None if self._include_usage else UNSET
        match event:
            case TextDelta(text=text, logprobs=logprobs, index=index) if text or logprobs:
                return self._completion([self._choice(index, text, logprobs, None)], waiting)
            case ReasoningDelta(text=text, index=index) if text:
                return self._completion([self._choice(index, text, (), None)], waiting)
            case Finished(reason=reason, index=index):
                return self._completion([self._choice(index, "", (), reason)], waiting)
            case Usage() if self._include_usage:
                return self._completion([], counts_of(event))
            case _:
                return None

    def _choice(
        self, index: int, text: str, tokens: list[TokenLogprob] | tuple[TokenLogprob, ...], reason: FinishReason | None
    ) -> TextChoice:
        if index not in self._offsets:
            echoed = self._echoed[index // self._choices]
            text = echoed + text
            self._offsets[index] = len(echoed)
        logprobs = plain_logprobs(tokens, self._offsets[index], rivals=self._rivals)
        self._offsets[index] += sum(len(token.chosen.text) for token in tokens)
        return TextChoice(
            text=text, index=index, logprobs=logprobs, finish_reason="stop" if reason == "tool_calls" else reason
        )

    def _completion(self, choices: list[TextChoice], usage: Counts | UnsetType | None) -> TextCompletion:
        head = self._head
        return TextCompletion(
            id=head.id,
            created=head.created,
            model=head.model,
            choices=choices,
            system_fingerprint=head.system_fingerprint,
            usage=usage,
        )


async def _frames(answer: Answer, writer: _Writer) -> AsyncGenerator[bytes]:
    async with aclosing(answer.events) as events:
        async for event in events:
            if chunk := writer.chunk(event):
                yield frame(encoded(chunk))
    yield DONE
