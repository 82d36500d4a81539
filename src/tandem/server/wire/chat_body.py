"""The body of POST /v1/chat/completions, and the request that it stands for."""

from typing import Annotated, Literal

from msgspec import Meta

from tandem.core.chat import ChatRequest, Demand
from tandem.core.demands import demanded
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
    """Every field of OpenAI's that is known here. Those that no model here can honour become demands."""

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
    private: bool | None = None
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

    What no model here can honour is among its ``demands``. Raises `BadRequest` where fields contradict one another.
    """
    demands = _demands(body, card)
    check_stream_options(body)
    if body.top_logprobs is not None and not body.logprobs:
        raise BadRequest("'top_logprobs' is only allowed when 'logprobs' is true.", param="top_logprobs")
    tools, tool_choice = tools_of(body.tools or [], body.tool_choice, demands)
    messages = messages_of(body.messages, demands)
    return ChatRequest(
        id=request_id,
        model=body.model,
        messages=messages,
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
        demands=tuple(demands),
        streamed=bool(body.stream),
        ignore_eos=bool(body.ignore_eos),
    )


def _demands(body: ChatBody, card: ModelCard) -> list[Demand]:
    effort = body.reasoning_effort
    old = "functions" if body.functions is not None else "function_call"
    wanted = (
        ("audio", body.audio is not None, "no model here speaks. Leave it out."),
        ("modalities", "audio" in (body.modalities or ()), "answers are text alone. Leave 'audio' out."),
        ("web_search_options", body.web_search_options is not None, "nothing here searches the web. Leave it out."),
        ("moderation", body.moderation is not None, "nothing here moderates. Leave it out."),
        (
            "verbosity",
            body.verbosity not in {None, "medium"},
            "no model here knows it; say in a message how long the answer should be.",
        ),
        (
            "reasoning_effort",
            effort not in {None, "none"} or (effort is not None and "reasoning" in card.abilities),
            "the model decides for itself how long it thinks. Leave it out.",
        ),
        (
            old,
            body.functions is not None or body.function_call is not None,
            "OpenAI replaced it. Use 'tools' and 'tool_choice'.",
        ),
    )
    return [demanded(refuse(param, why)) for param, asked, why in wanted if asked]
