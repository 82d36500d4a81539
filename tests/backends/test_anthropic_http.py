"""Anthropic's wire, against a scripted far side on a real socket."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from support.far_sides import ASKED, KEY, UNSTREAMED, Json, all_events, claude, error_of, far_claude
from support.scripted_cloud import Cloud, Reply, Script
from tandem.backends.anthropic_ask import USUAL_MAX_TOKENS, message_body
from tandem.core.chat import (
    ChatEvent,
    ChatReply,
    ChatRequest,
    Demand,
    Finished,
    Message,
    Original,
    ReasoningDelta,
    ResponseFormat,
    Sampling,
    Started,
    TextDelta,
    Tool,
    ToolCall,
    ToolChoice,
    Usage,
    collect,
)
from tandem.core.errors import (
    BadRequest,
    Busy,
    ContextLengthExceeded,
    ProviderRefused,
    TandemError,
    Unreachable,
    Unsupported,
)

COUNTED: Json = {"input_tokens": 5, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 1, "output_tokens": 1}
START: Json = {"type": "message_start", "message": {"content": [], "usage": COUNTED}}
END: tuple[Json, ...] = (
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
)
USED = Usage(prompt_tokens=10, completion_tokens=7, cached_tokens=4)


def block(index: int, begin: Json, *deltas: Json) -> tuple[Json, ...]:
    return (
        {"type": "content_block_start", "index": index, "content_block": begin},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    )


TEXT = block(
    0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Zażół"}, {"type": "text_delta", "text": "ć"}
)
HELLO = claude(START, {"type": "ping"}, *TEXT, *END)
FULL = claude(
    START,
    *block(
        0,
        {"type": "thinking", "thinking": ""},
        {"type": "thinking_delta", "thinking": "Hm"},
        {"type": "signature_delta", "signature": "x"},
    ),
    *block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Let me look."}),
    *block(
        2,
        {"type": "tool_use", "id": "t1", "name": "look", "input": {}},
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"x":'},
        {"type": "input_json_delta", "partial_json": "1}"},
    ),
    *block(3, {"type": "tool_use", "id": "t2", "name": "find", "input": {}}),
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
)
WHOLE = msgspec.json.encode(
    {
        "type": "message",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": "x"},
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "t1", "name": "look", "input": {"x": 1}},
            {"type": "tool_use", "id": "t2", "name": "find", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 5,
            "cache_read_input_tokens": 4,
            "cache_creation_input_tokens": 1,
            "output_tokens": 7,
        },
    }
)


WISHES = ChatRequest(
    id="r",
    model="m",
    messages=(
        Message(role="system", content="Be brief."),
        Message(role="developer", content="Be kind."),
        Message(role="user", content="Hi"),
        Message(
            role="assistant",
            content="Let me look.",
            tool_calls=(
                ToolCall(id="t1", name="look", arguments='{"x":1}'),
                ToolCall(id="t2", name="find", arguments=""),
            ),
        ),
        Message(role="tool", content="one", tool_call_id="t1"),
        Message(role="tool", content="two", tool_call_id="t2"),
        Message(role="user", content="So?"),
    ),
    sampling=Sampling(temperature=0.5, top_p=0.9, top_k=4, stop=("END",), max_tokens=99),
    tools=(Tool(name="look", description="Looks.", parameters_json='{"type":"object"}'),),
    tool_choice=ToolChoice(mode="required"),
    parallel_tool_calls=False,
    response_format=ResponseFormat(kind="json_schema", schema_json='{"type":"object"}'),
)
WORDS: Json = {
    "model": "claude-up",
    "stream": True,
    "max_tokens": 99,
    "system": "Be brief.\n\nBe kind.",
    "messages": [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"x": 1}},
                {"type": "tool_use", "id": "t2", "name": "find", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "t2", "content": "two"},
            ],
        },
        {"role": "user", "content": "So?"},
    ],
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 4,
    "stop_sequences": ["END"],
    "tools": [{"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
}


def events_of(script: Script, request: ChatRequest = ASKED) -> tuple[list[ChatEvent], Cloud]:
    async def main() -> tuple[list[ChatEvent], Cloud]:
        async with far_claude(script) as (backend, cloud):
            return await all_events(backend, request), cloud

    return asyncio.run(main())


def reply_to(script: Script, request: ChatRequest = ASKED) -> ChatReply:
    async def main() -> ChatReply:
        async with far_claude(script) as (backend, _):
            return await collect(backend.respond(request))

    return asyncio.run(main())


def failure_of(script: Script) -> TandemError:
    async def main() -> TandemError:
        async with far_claude(script) as (backend, _):
            return await error_of(backend)

    return asyncio.run(main())


def body(request: ChatRequest) -> Json:
    return msgspec.json.decode(message_body(request, "claude-up"))


def test_a_stream_is_told_as_events_with_caches_counted_in() -> None:
    events, cloud = events_of(Reply.events(HELLO))

    assert events == [Started(model="far", place="cloud"), TextDelta(text="Zażółć"), Finished(reason="stop"), USED]
    (heard,) = cloud.requests
    assert heard.path == "/v1/messages"
    assert heard.headers["x-api-key"] == KEY
    assert heard.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in heard.headers


def test_thoughts_words_and_calls_are_told_streamed_and_in_one_piece() -> None:
    streamed = reply_to(Reply.events(FULL))

    assert streamed == reply_to(Reply.json(WHOLE), UNSTREAMED)
    assert streamed == reply_to(Reply.json(WHOLE))
    (choice,) = streamed.choices
    assert (choice.reasoning, choice.text, choice.finish_reason) == ("Hm", "Let me look.", "tool_calls")
    assert choice.tool_calls == [
        ToolCall(id="t1", name="look", arguments='{"x":1}'),
        ToolCall(id="t2", name="find", arguments="{}"),
    ]
    assert streamed.usage == USED


def test_every_split_of_the_bytes_is_the_same_answer() -> None:
    async def main() -> None:
        script = [Reply.events(HELLO, sizes=[at]) for at in range(1, len(HELLO))]
        async with far_claude(script) as (backend, cloud):
            for _ in script:
                assert (await collect(backend.respond(ASKED))).choices[0].text == "Zażółć"
            assert cloud.connections == 1

    asyncio.run(main())


def test_thoughts_are_told_apart() -> None:
    assert ReasoningDelta(text="Hm") in events_of(Reply.events(FULL))[0]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("refusal", "content_filter"),
     ("model_context_window_exceeded", "length"), ("pause_turn", "stop"), ("something_new", "stop")],
)  # fmt: skip
def test_reasons_to_stop_are_translated(theirs: str, ours: str) -> None:
    last: Json = {"type": "message_delta", "delta": {"stop_reason": theirs, "stop_sequence": "END"}}
    events, _ = events_of(Reply.events(claude(START, *TEXT, last, {"type": "message_stop"})))

    assert Finished(reason=ours, stop_sequence="END") in events  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "error"),
    [("overloaded_error", ProviderRefused), ("rate_limit_error", Busy), ("invalid_request_error", BadRequest)],
)
def test_an_error_event_ends_the_answer(kind: str, error: type[TandemError]) -> None:
    stream = claude(START, *TEXT[:2], {"type": "error", "error": {"type": kind, "message": "Overloaded"}})

    assert type(failure_of(Reply.events(stream))) is error


@pytest.mark.parametrize(
    "stream", [b"", claude(START), claude(START, *TEXT), b"event: x\ndata: {no\n\n", b"data: [1]\n\n", b"<html>"]
)
def test_an_answer_that_breaks_off_or_is_none_is_told(stream: bytes) -> None:
    assert isinstance(failure_of(Reply.events(stream)), Unreachable)


@pytest.mark.parametrize(
    ("status", "kind", "message", "error"),
    [
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", ContextLengthExceeded),
        (400, "invalid_request_error", "max_tokens: must be positive", BadRequest),
        (401, "authentication_error", "invalid x-api-key", ProviderRefused),
        (404, "not_found_error", "model: claude-up", ProviderRefused),
        (413, "request_too_large", "Request exceeds the maximum size", BadRequest),
        (429, "rate_limit_error", "Slow down", Busy),
        (529, "overloaded_error", "Overloaded", ProviderRefused),
    ],
)
def test_a_refusal_is_told_by_its_status(status: int, kind: str, message: str, error: type[TandemError]) -> None:
    said = msgspec.json.encode({"type": "error", "error": {"type": kind, "message": message}})

    assert type(failure_of(Reply.json(said, status))) is error


def test_a_conversation_is_told_in_their_words() -> None:
    assert body(WISHES) == WORDS


def test_a_limit_is_always_told_since_they_want_one() -> None:
    assert body(UNSTREAMED) == {
        "model": "claude-up",
        "max_tokens": USUAL_MAX_TOKENS,
        "messages": [{"role": "user", "content": "Hi"}],
    }


def test_the_callers_own_words_are_sent_whole() -> None:
    own: Json = {
        "model": "auto",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": [{"type": "document", "x": 1}]}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "mcp_servers": [{"url": "x"}],
    }
    request = replace(
        ASKED,
        demands=(Demand(param="mcp_servers", why="No."),),
        original=Original(dialect="anthropic.messages", body=own),
    )

    sent = body(request)

    assert sent == {**own, "model": "claude-up", "stream": True}


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (replace(ASKED, n=2), "n"),
        (replace(ASKED, sampling=Sampling(seed=1)), "seed"),
        (replace(ASKED, sampling=Sampling(temperature=1.5)), "temperature"),
        (replace(ASKED, sampling=Sampling(logprobs=True)), "logprobs"),
        (replace(ASKED, sampling=Sampling(presence_penalty=0.5)), "presence_penalty"),
        (replace(ASKED, sampling=Sampling(logit_bias={1: 2.0})), "logit_bias"),
        (replace(ASKED, response_format=ResponseFormat(kind="json_object")), "response_format"),
        (ChatRequest(id="r", model="m", raw_prompt="Once"), "prompt"),
        (replace(ASKED, demands=(Demand(param="audio", why="No."),)), "audio"),
    ],
)
def test_what_cannot_be_said_is_refused(request_: ChatRequest, param: str) -> None:
    with pytest.raises(Unsupported) as raised:
        body(request_)
    assert raised.value.param == param


def test_arguments_that_are_no_object_are_refused_with_their_place() -> None:
    call = ToolCall(id="t", name="look", arguments="{broken")
    request = replace(ASKED, messages=(*ASKED.messages, Message(role="assistant", content="", tool_calls=(call,))))

    with pytest.raises(BadRequest) as raised:
        body(request)
    assert raised.value.param == "messages[1].tool_calls"
