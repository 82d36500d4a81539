"""OpenAI's wire, against a scripted far side on a real socket."""

import asyncio

import msgspec
import pytest

from support.far_sides import (
    ASKED,
    CARD,
    DONE,
    HELLO,
    KEY,
    UNSTREAMED,
    USAGE,
    WHOLE,
    Json,
    chunk,
    events_of,
    failure_of,
    far,
)
from support.scripted_cloud import Reply
from support.shared import shared_data
from tandem.core.chat import (
    ChatEvent,
    ChatReply,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
    collect,
)
from tandem.core.errors import BadRequest, Busy, ProviderRefused, Unreachable

FIRST = Started(model="far", place="cloud")


def answered(body: bytes) -> list[ChatEvent]:
    events, _ = events_of(Reply.events(body))
    assert events[0] == FIRST
    return events[1:]


def reply_to(body: bytes) -> ChatReply:
    async def main() -> ChatReply:
        async with far(Reply.events(body)) as (backend, _):
            return await collect(backend.respond(ASKED))

    return asyncio.run(main())


def calls_in(events: list[ChatEvent]) -> list[ToolCallDelta]:
    return [event for event in events if isinstance(event, ToolCallDelta)]


def piece(index: int | None = None, **call: object) -> Json:
    function = {name: call.pop(name) for name in ("name", "arguments") if name in call}
    one: Json = {"function": function, **call} | ({} if index is None else {"index": index})
    return {"tool_calls": [one]}


def test_a_stream_is_told_as_events_and_pieces_that_come_together_are_one() -> None:
    events, cloud = events_of(Reply.events(HELLO))

    usage = Usage(prompt_tokens=3, completion_tokens=2)
    assert events == [FIRST, TextDelta(text="Hello there"), Finished(reason="stop"), usage]
    asked = msgspec.json.decode(cloud.bodies[0])
    assert asked["stream"] is True
    assert asked["stream_options"] == {"include_usage": True}
    assert asked["model"] == CARD.upstream_id
    assert cloud.requests[0].path == "/v1/chat/completions"
    assert cloud.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_pieces_that_come_apart_are_told_apart() -> None:
    edges = [len(chunk({"content": "Hello"}))]
    events, _ = events_of(Reply.events(HELLO, sizes=edges).slowly(0.05))

    assert events[1:3] == [TextDelta(text="Hello"), TextDelta(text=" there")]


@pytest.mark.parametrize("script", [Reply.json(WHOLE), Reply.json(b"\n\n\n" + WHOLE), Reply.events(HELLO)])
@pytest.mark.parametrize("request_", [ASKED, UNSTREAMED])
def test_an_answer_is_the_same_in_one_piece_or_as_a_stream_whatever_was_asked_for(
    script: Reply, request_: object
) -> None:
    request = ASKED if request_ is ASKED else UNSTREAMED
    events, cloud = events_of(script, request)

    usage = Usage(prompt_tokens=3, completion_tokens=2)
    assert events == [FIRST, TextDelta(text="Hello there"), Finished(reason="stop"), usage]
    assert ("stream" in msgspec.json.decode(cloud.bodies[0])) is request.streamed


def test_every_split_of_the_bytes_is_the_same_answer() -> None:
    async def main() -> None:
        body = b"\xef\xbb\xbf: hello\r\n\r\n" + HELLO.replace(b"Hello", "Zażółć 🦊".encode()).replace(b"\n", b"\r\n")
        script = [Reply.events(body, sizes=[at]) for at in range(1, len(body))]
        async with far(script) as (backend, cloud):
            for _ in script:
                reply = await collect(backend.respond(ASKED))
                assert reply.choices[0].text == "Zażółć 🦊 there"
                assert reply.usage.prompt_tokens == 3
            assert cloud.connections == 1

    asyncio.run(main())


@pytest.mark.shared_data
def test_recorded_streams_are_read_whole_at_any_split() -> None:
    streams = sorted((shared_data("openai_sse_snapshots") / "streams").glob("*.bin"))
    assert len(streams) > 10

    async def read(body: bytes, size: int) -> ChatReply:
        async with far(Reply.events(body, sizes=size)) as (backend, _):
            return await collect(backend.respond(ASKED))

    for stream in streams:
        body = stream.read_bytes()
        whole = asyncio.run(read(body, 0))
        chunks = [msgspec.json.decode(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]
        parts = [(c, c["delta"]) for one in chunks for c in one["choices"]]
        for choice in whole.choices:
            mine = [delta for part, delta in parts if part["index"] == choice.index]
            assert choice.text == "".join(d.get("content") or d.get("refusal") or "" for d in mine)
            assert choice.refused is any(d.get("refusal") for d in mine)
            arguments = "".join(t["function"].get("arguments", "") for d in mine for t in d.get("tool_calls") or ())
            assert "".join(call.arguments for call in choice.tool_calls) == arguments
        assert whole.usage.total_tokens == chunks[-1]["usage"]["total_tokens"]
        for size in (1, 7, 64) if len(body) < 6000 else (61,):
            assert asyncio.run(read(body, size)) == whole


def test_a_tool_call_comes_in_pieces_and_several_come_side_by_side() -> None:
    body = (
        chunk(piece(0, id="a", name="look", arguments=""))
        + chunk(piece(0, arguments='{"x":'))
        + chunk(piece(1, id="b", name="find", arguments="{"))
        + chunk(piece(0, arguments="1}"))
        + chunk(piece(1, arguments="}"))
        + chunk(finish="tool_calls")
        + USAGE
        + DONE
    )

    reply = reply_to(body)

    assert reply.choices[0].finish_reason == "tool_calls"
    assert reply.choices[0].tool_calls == [
        ToolCall(id="a", name="look", arguments='{"x":1}'),
        ToolCall(id="b", name="find", arguments="{}"),
    ]


@pytest.mark.parametrize(
    "pieces",
    [
        [piece(id="a", name="look", arguments='{"x":1}'), piece(id="b", name="find", arguments="{}")],
        [piece(0, id="a", name="look", arguments='{"x":1}'), piece(0, id="b", name="find", arguments="{}")],
        [
            piece(id="a", name="look"),
            piece(arguments='{"x":'),
            piece(arguments="1}"),
            piece(id="b", name="find", arguments="{}"),
        ],
        [
            piece(0, id="a"),
            piece(0, arguments='{"x":1}'),
            piece(0, name="look"),
            piece(1, id="b", name="find", arguments={}),
        ],
        [piece(0, id="a", name="look", arguments={"x": 1}), piece(1, id="b", name="find", arguments="{}")],
        [
            piece(0, id="a", name="look", arguments='{"x"'),
            piece(0, id="a", name="look", arguments=":1}"),
            piece(1, id="b", name="find", arguments="{}"),
        ],
    ],
    ids=["no index", "one index for all", "no index, in pieces", "the name last", "an object", "all repeated"],
)
def test_every_vendors_way_to_send_tool_calls_is_understood(pieces: list[Json]) -> None:
    body = b"".join(chunk(one) for one in pieces) + chunk(finish="tool_calls") + USAGE + DONE

    assert reply_to(body).choices[0].tool_calls == [
        ToolCall(id="a", name="look", arguments='{"x":1}'),
        ToolCall(id="b", name="find", arguments="{}"),
    ]


def test_a_call_without_an_id_gets_one_and_an_old_function_call_is_a_tool_call() -> None:
    body = chunk({"function_call": {"name": "look", "arguments": "{}"}}) + chunk(finish="function_call") + USAGE + DONE

    reply = reply_to(body)

    (call,) = reply.choices[0].tool_calls
    assert call.id.startswith("call_")
    assert reply.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_are_told_apart_from_the_answer(name: str) -> None:
    body = chunk({name: "Hm"}) + chunk({"content": "Yes"}) + chunk(finish="stop") + USAGE + DONE

    assert answered(body)[:2] == [ReasoningDelta(text="Hm"), TextDelta(text="Yes")]


def test_thoughts_in_parts_of_a_message_are_told_apart() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}, {"type": "text", "text": "Yes"}]
    body = chunk({"content": parts}) + chunk(finish="stop") + USAGE + DONE

    assert answered(body)[:2] == [ReasoningDelta(text="Hm"), TextDelta(text="Yes")]


def test_log_probabilities_keep_their_exact_bytes() -> None:
    rank = {"token": "\u017c", "bytes": [197, 188], "logprob": -0.5, "top_logprobs": [{"token": "z", "logprob": -1.5}]}
    body = chunk({"content": "\u017c"}, logprobs={"content": [rank]}) + chunk(finish="stop") + USAGE + DONE

    first = answered(body)[0]

    assert isinstance(first, TextDelta)
    assert first.logprobs[0].chosen.raw == b"\xc5\xbc"
    assert first.logprobs[0].top[0].raw == b"z"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("stop", "stop"), ("eos", "stop"), ("length", "length"), ("model_length", "length"),
     ("content_filter", "content_filter"), ("whatever", "stop")],
)  # fmt: skip
def test_reasons_to_finish_are_translated(theirs: str, ours: str) -> None:
    assert Finished(reason=ours) in answered(chunk({"content": "a"}) + chunk(finish=theirs) + USAGE + DONE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("usage", "cached", "thought"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 4}}, 4, 0),
        ({"prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 5}, 5, 0),
        ({"completion_tokens_details": {"reasoning_tokens": 2}, "prompt_tokens_details": None}, 0, 2),
    ],
)
def test_counts_are_read_in_each_vendors_words(usage: Json, cached: int, thought: int) -> None:
    told = {"prompt_tokens": 10, "completion_tokens": 3, **usage}
    last = b"data: " + msgspec.json.encode({"choices": [], "usage": told}) + b"\n\n"

    assert answered(chunk({"content": "a"}) + chunk(finish="stop") + last + DONE)[-1] == Usage(
        prompt_tokens=10, completion_tokens=3, cached_tokens=cached, reasoning_tokens=thought
    )


def test_counts_that_cannot_be_true_are_estimated_instead() -> None:
    nonsense = HELLO.replace(b'"prompt_tokens":3', b'"prompt_tokens":1e300')

    events, _ = events_of(Reply.events(nonsense))

    assert events[-1] == Usage(prompt_tokens=5, completion_tokens=4, estimated=True)


def test_counts_that_nobody_told_are_estimated_and_say_so() -> None:
    usage = answered(chunk({"content": "123456"}) + chunk(finish="stop") + DONE)[-1]

    assert isinstance(usage, Usage)
    assert usage.estimated
    assert usage.completion_tokens == 2
    assert usage.prompt_tokens > 0


def test_a_stream_may_end_without_done_but_not_without_a_finish() -> None:
    assert answered(chunk({"content": "a"}) + chunk(finish="stop") + USAGE)[-1] == Usage(
        prompt_tokens=3, completion_tokens=2
    )
    for body in (chunk({"content": "a"}) + USAGE + DONE, chunk({"content": "a"}), b"", DONE, b"<html>hello</html>"):
        assert isinstance(failure_of(Reply.events(body)), Unreachable)


@pytest.mark.parametrize(
    "body",
    [b"data: {no json\n\n", b"data: [1]\n\n", b'data: {"choices": 7}\n\n', b'{"choices": [', b'data: "\xff"\n\n'],
)
def test_nonsense_is_a_far_side_that_cannot_be_reached(body: bytes) -> None:
    error = failure_of(Reply.events(body))

    assert isinstance(error, Unreachable)
    assert error.message == "elsewhere sent something that is no answer."


@pytest.mark.parametrize("reason", ["error", "abort", "insufficient_system_resource"])
def test_a_finish_that_is_a_failure_is_told_as_one(reason: str) -> None:
    assert isinstance(failure_of(Reply.events(chunk({"content": "a"}, finish=reason) + DONE)), Unreachable)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'data: {"error":{"message":"Boom","type":"server_error"}}\n\n', ProviderRefused),
        (b'event: error\ndata: {"message":"Boom"}\n\n', ProviderRefused),
        (b'data: {"choices":[],"error":{"message":"Slow","code":429}}\n\n', Busy),
        (b'data: {"x_groq":{"error":"over capacity"},"choices":[]}\n\n', ProviderRefused),
    ],
)
def test_an_error_in_mid_stream_ends_the_answer(body: bytes, kind: type[Exception]) -> None:
    assert isinstance(failure_of(Reply.events(chunk({"content": "a"}) + body)), kind)


def test_an_error_that_comes_with_a_good_status_is_an_error() -> None:
    error = failure_of(Reply.json(b'{"error":{"message":"No such field","code":400}}'), UNSTREAMED)

    assert type(error) is BadRequest
    assert "No such field" in error.message
