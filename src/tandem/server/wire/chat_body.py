"""The body of POST /v1/chat/completions, and the request that it stands for."""

from typing import Annotated, Literal

from msgspec import Meta

from tandem.core.chat import ChatRequest
from tandem.core.errors import BadRequest
from tandem.core.models import ModelCard
from tandem.server.wire.conversation import Turn, messages_of
from tandem.server.wire.fields import (
    Generation,
    Metadata,
    TokenCount,
    check_stream_options,
    choice_count,
    refuse,
    sampling_of,
)
from tandem.server.wire.tools import Choice, Format, OfferedTool, format_of, tools_of


class ChatBody(Generation, kw_only=True):
    """Every field of OpenAI's that is known here. Those that cannot be honoured are refused where they are set."""

    messages: Annotated[list[Turn], Meta(min_length=1)]
    max_tokens: TokenCount | None = None
    max_completion_tokens: TokenCount | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    response_format: Format | None = None
    tools: Annotated[list[OfferedTool], Meta(max_length=128)] | None = None
    tool_choice: Choice | None = None
    parallel_tool_calls: bool | None = None
    priority: object = None
    metadata: Metadata | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: dict[str, object] | None = None
    prediction: dict[str, object] | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    audio: dict[str, object] | None = None
    web_search_options: dict[str, object] | None = None
    moderation: dict[str, object] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    functions: list[dict[str, object]] | None = None
    function_call: str | dict[str, object] | None = None


def chat_request(body: ChatBody, card: ModelCard, *, request_id: str, choices: int) -> ChatRequest:
    """Read the body for a model. ``choices`` is the server's limit for ``n``.

    Raises `BadRequest` where fields contradict one another, and `Unsupported` where one cannot be honoured.
    """
    _refuse_what_cannot_be(body, card)
    check_stream_options(body)
    if body.top_logprobs is not None and not body.logprobs:
        raise BadRequest("'top_logprobs' is only allowed when 'logprobs' is true.", param="top_logprobs")
    tools, tool_choice = tools_of(body.tools or [], body.tool_choice)
    return ChatRequest(
        id=request_id,
        model=body.model,
        messages=messages_of(body.messages),
        sampling=sampling_of(
            body,
            max_tokens=body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens,
            top_logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        ),
        n=choice_count(body, choices),
        tools=tools,
        tool_choice=tool_choice,
        parallel_tool_calls=body.parallel_tool_calls is not False,
        response_format=format_of(body.response_format),
        ignore_eos=bool(body.ignore_eos),
    )


def _refuse_what_cannot_be(body: ChatBody, card: ModelCard) -> None:
    if body.audio is not None:
        raise refuse("audio", "no model here speaks. Leave it out.")
    if body.modalities is not None and "audio" in body.modalities:
        raise refuse("modalities", "answers are text alone. Leave 'audio' out.")
    if body.web_search_options is not None:
        raise refuse("web_search_options", "nothing here searches the web. Leave it out.")
    if body.moderation is not None:
        raise refuse("moderation", "nothing here moderates. Leave it out.")
    if body.verbosity not in {None, "medium"}:
        raise refuse("verbosity", "no model here knows it; say in a message how long the answer should be.")
    if body.reasoning_effort not in {None, "none"} or (body.reasoning_effort and "reasoning" in card.abilities):
        raise refuse("reasoning_effort", "the model decides for itself how long it thinks. Leave it out.")
    if body.functions is not None or body.function_call is not None:
        name = "functions" if body.functions is not None else "function_call"
        raise refuse(name, "OpenAI replaced it. Use 'tools' and 'tool_choice'.")
