"""Whatever a far side says, it ends in events or in one of our errors."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.far_sides import ASKED, all_events, claude, far, far_claude
from support.scripted_cloud import Reply
from tandem.backends.anthropic_answer import MessageAnswer
from tandem.backends.converse import ErrorEvent, Reader
from tandem.backends.failures import FarSide, complaint_of, event_failure, failure_of
from tandem.backends.openai_answer import ChatAnswer
from tandem.backends.sse import Frame
from tandem.core.errors import TandemError, Unreachable

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
CALL = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
RANK = {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -2.0, "bytes": None}]}
CHUNK = {
    "choices": [
        {
            "index": 0,
            "delta": {"content": "a", "reasoning_content": "b", "refusal": None, "tool_calls": [CALL]},
            "logprobs": {"content": [RANK], "refusal": None},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 0}},
}
MESSAGE = {
    "type": "message",
    "content": [{"type": "text", "text": "a"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1, "cache_read_input_tokens": 0},
}
FAR = FarSide(name="far", key="sk-1")


@st.composite
def damaged(draw: st.DrawFn, whole: object) -> object:
    """A good answer in which one thing, anywhere, is another."""
    if isinstance(whole, dict) and whole and draw(st.booleans()):
        items = cast("dict[str, object]", whole)
        name = draw(st.sampled_from(sorted(items)))
        return {**items, name: draw(damaged(items[name]))}
    if isinstance(whole, list) and whole and draw(st.booleans()):
        return [draw(damaged(one)) for one in cast("list[object]", whole)]
    return draw(JSON)


def survives(reader: Reader, payload: bytes) -> None:
    with suppress(Unreachable, ErrorEvent):
        reader.whole(payload)
    with suppress(Unreachable, ErrorEvent):
        reader.frame(Frame(b"", payload))


@settings(max_examples=300, deadline=None)
@given(damaged(CHUNK))
def test_a_damaged_chunk_is_read_or_told(chunk: object) -> None:
    survives(ChatAnswer("far"), msgspec.json.encode(chunk))


@settings(max_examples=300, deadline=None)
@given(damaged(MESSAGE))
def test_a_damaged_message_is_read_or_told(message: object) -> None:
    survives(MessageAnswer("far"), msgspec.json.encode(message))


@settings(max_examples=200, deadline=None)
@given(st.integers(200, 599), JSON | st.fixed_dictionaries({"error": JSON}))
def test_any_refusal_is_one_of_our_errors(status: int, body: object) -> None:
    payload = msgspec.json.encode(body)

    assert isinstance(failure_of(status, payload, {}, FAR, 0.0), TandemError)
    assert isinstance(event_failure(payload, FAR), TandemError)
    complaint_of(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 100_000,
        b'{"choices":[{"delta":{"content":' + b"[" * 100_000,
        b'{"usage":{"prompt_tokens":1e999,"completion_tokens":1}}',
        b'{"choices":[{"index":99999999999999999999999}]}',
        b'{"choices":[{"index":-1,"delta":{"content":"a"},"finish_reason":"stop"}]}',
        b'{"choices":[{"delta":{"tool_calls":[{"index":-5,"function":{"name":"f"}}]}}]}',
        b'{"choices":[{"logprobs":{"content":[{"token":"a","logprob":-1,"bytes":[999]}]}}]}',
        b'{"content":"\\ud800"}',
    ],
)
@pytest.mark.parametrize("reader", [ChatAnswer, MessageAnswer])
def test_what_breaks_readers_does_not_break_these(payload: bytes, reader: Callable[[str], Reader]) -> None:
    survives(reader("far"), payload)


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_end_in_events_or_in_one_of_our_errors(noise: bytes, raw: bool) -> None:
    async def main() -> None:
        reply = Reply(raw=noise) if raw else Reply.events(claude({"type": "ping"}) + noise)
        async with far(reply) as (openai, _), far_claude(reply) as (anthropic, _):
            for backend in (openai, anthropic):
                with pytest.raises(TandemError):
                    await all_events(backend, ASKED)

    asyncio.run(main())
