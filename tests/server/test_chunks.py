"""Whatever a model says, the chunks of a stream hold it all, once, in order, and in OpenAI's form."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncGenerator

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from tandem.core.chat import ChatEvent, Finished, ReasoningDelta, Started, TextDelta, ToolCallDelta, Usage, collect
from tandem.server.wire.chat_reply import Chunk, Chunks, Head, completion

HEAD = Head(id="chatcmpl-1", created=5, model="m", system_fingerprint="fp_1")
TEXT = st.text(max_size=6)
INDEX = st.integers(0, 2)


@st.composite
def answers(draw: st.DrawFn) -> list[ChatEvent]:
    """The events of any lawful answer of up to three choices."""
    events: list[ChatEvent] = [Started(model="m", place="device")]
    calls: dict[int, int] = defaultdict(int)
    for _ in range(draw(st.integers(0, 12))):
        index = draw(INDEX)
        match draw(st.sampled_from(["text", "thought", "call", "more of a call"])):
            case "text":
                events.append(TextDelta(text=draw(TEXT), index=index))
            case "thought":
                events.append(ReasoningDelta(text=draw(TEXT), index=index))
            case "call":
                at = calls[index]
                events.append(ToolCallDelta(call_index=at, id=f"c{at}", name=draw(TEXT), arguments="", index=index))
                calls[index] += 1
            case _ if calls[index]:
                last = calls[index] - 1
                events.append(ToolCallDelta(call_index=last, arguments=draw(TEXT), index=index))
            case _:
                pass
    events += [Finished(reason=draw(st.sampled_from(["stop", "length"])), index=index) for index in range(3)]
    return [*events, Usage(prompt_tokens=draw(st.integers(0, 9)), completion_tokens=draw(st.integers(0, 9)))]


def written(events: list[ChatEvent], *, include_usage: bool) -> list[ChatCompletionChunk]:
    chunks = Chunks(HEAD, include_usage=include_usage)
    found: list[Chunk] = [chunk for event in events for chunk in chunks.of(event)]
    return [ChatCompletionChunk.model_validate(json.loads(msgspec.json.encode(chunk)), strict=True) for chunk in found]


@given(events=answers())
def test_nothing_that_was_said_is_lost_doubled_or_mixed_up(events: list[ChatEvent]) -> None:
    chunks = written(events, include_usage=True)
    for index in range(3):
        deltas = [choice.delta for chunk in chunks for choice in chunk.choices if choice.index == index]
        mine = [event for event in events if not isinstance(event, Started | Usage) and event.index == index]
        assert "".join(delta.content or "" for delta in deltas) == "".join(
            event.text for event in mine if isinstance(event, TextDelta)
        )
        assert "".join((delta.model_extra or {}).get("reasoning_content", "") for delta in deltas) == "".join(
            event.text for event in mine if isinstance(event, ReasoningDelta)
        )
        pieces = [call for delta in deltas for call in delta.tool_calls or ()]
        assert [(call.index, call.id, call.function and call.function.arguments) for call in pieces] == [
            (event.call_index, event.id, event.arguments) for event in mine if isinstance(event, ToolCallDelta)
        ]


@given(events=answers())
def test_each_choice_begins_with_its_role_and_ends_with_its_reason(events: list[ChatEvent]) -> None:
    chunks = written(events, include_usage=True)
    for index in range(3):
        mine = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
        assert [choice.delta.role for choice in mine] == ["assistant"] + [None] * (len(mine) - 1)
        assert [choice.finish_reason is not None for choice in mine] == [False] * (len(mine) - 1) + [True]
    assert chunks[-1].choices == []
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


@given(events=answers())
def test_counts_only_come_where_they_are_wanted(events: list[ChatEvent]) -> None:
    chunks = written(events, include_usage=False)
    assert all(chunk.choices for chunk in chunks)
    assert not any("usage" in chunk.model_fields_set for chunk in chunks)


def test_a_refusal_keeps_its_own_field_whole_and_streamed() -> None:
    events: list[ChatEvent] = [
        Started(model="large", place="cloud"),
        TextDelta(text="I would ", refused=True),
        TextDelta(text="rather not.", refused=True),
        Finished(reason="stop"),
        Usage(prompt_tokens=1, completion_tokens=1),
    ]

    chunks = Chunks(HEAD, include_usage=False)
    pieces = [msgspec.to_builtins(chunk)["choices"][0]["delta"] for event in events for chunk in chunks.of(event)]

    assert [piece.get("refusal") for piece in pieces] == [None, "I would ", "rather not.", None]
    assert not any(piece.get("content") for piece in pieces)

    async def stream() -> AsyncGenerator[ChatEvent]:
        for event in events:
            yield event

    said = completion(HEAD, asyncio.run(collect(stream()))).choices[0].message
    assert (said.content, said.refusal) == (None, "I would rather not.")
