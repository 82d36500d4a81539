"""The bookkeeping of a message's events: whatever a model does, the stream is well formed."""

import itertools
from typing import Any, cast

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tandem.core.chat import ChatEvent, Finished, FinishReason, ReasoningDelta, Started, TextDelta, ToolCallDelta, Usage
from tandem.server.wire.messages_events import MessageWriter

Event = dict[str, Any]
STARTED = Started(model="scripted", place="device")
USAGE = Usage(prompt_tokens=9, completion_tokens=4, cached_tokens=5, reasoning_tokens=2)
KNOWN: TypeAdapter[object] = TypeAdapter(RawMessageStreamEvent)
REASONS: tuple[FinishReason, ...] = ("stop", "length", "tool_calls", "content_filter")


def written(
    *events: ChatEvent, shows_thoughts: bool = True, bounded: bool = True
) -> tuple[list[Event], dict[str, Any]]:
    """The events of an answer, and the message that is told at once."""
    numbers = itertools.count(1)
    writer = MessageWriter(
        message_id="msg_1",
        model="scripted",
        new_id=lambda: str(next(numbers)),
        shows_thoughts=shows_thoughts,
        bounded=bounded,
    )
    told = writer.begin()
    for event in (STARTED, *events):
        told += writer.add(event)
    told += writer.end()
    return cast("list[Event]", told), writer.message()


words = st.one_of(st.builds(TextDelta, text=st.text(max_size=5)), st.builds(ReasoningDelta, text=st.text(max_size=5)))


@st.composite
def answers(draw: st.DrawFn) -> list[ChatEvent]:
    """Any answer: thoughts and words in any order, then calls, then the end."""
    said: list[ChatEvent] = list(draw(st.lists(words, max_size=8)))
    for index in range(draw(st.integers(0, 3))):
        pieces = draw(st.sampled_from([(), ("{}",), ('{"a"', ": 1", "}"), ('{"a": "', '\\"}', '"}'), ("not json",)]))
        said.append(ToolCallDelta(call_index=index, arguments="", id=f"call_{index}", name="look"))
        said += [ToolCallDelta(call_index=index, arguments=piece) for piece in pieces]
    return [*said, Finished(reason=draw(st.sampled_from(REASONS))), USAGE]


@given(answers())
def test_every_event_is_one_that_the_anthropic_client_declares(answer: list[ChatEvent]) -> None:
    events, message = written(*answer)
    for event in events:
        if event["type"] != "ping":
            KNOWN.validate_python(event)
    Message.model_validate(message)


@given(answers())
def test_every_block_that_is_started_is_stopped_and_blocks_are_numbered_in_order(answer: list[ChatEvent]) -> None:
    events, message = written(*answer)
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["message_start", "ping"]
    assert kinds[-2:] == ["message_delta", "message_stop"]
    started = [event["index"] for event in events if event["type"] == "content_block_start"]
    stopped = [event["index"] for event in events if event["type"] == "content_block_stop"]
    assert started == list(range(len(message["content"])))
    assert sorted(stopped) == started
    for at, event in enumerate(events):
        if event["type"] == "content_block_delta":
            before = [(other["type"], other.get("index")) for other in events[:at]]
            assert ("content_block_start", event["index"]) in before
            assert ("content_block_stop", event["index"]) not in before


@given(answers())
def test_deltas_add_up_to_the_message(answer: list[ChatEvent]) -> None:
    events, message = written(*answer)
    gathered: dict[int, str] = {}
    for event in events:
        if event["type"] == "content_block_delta":
            kind, piece = event["delta"].values()
            assert kind.endswith("_delta")
            gathered[event["index"]] = gathered.get(event["index"], "") + piece
    for at, block in enumerate(message["content"]):
        match block["type"]:
            case "text":
                assert block["text"] == gathered[at]
            case "thinking":
                assert block["thinking"] == gathered[at]
            case _:
                assert block["id"].startswith("call_")
    told = "".join(event.text for event in answer if isinstance(event, TextDelta))
    assert told == "".join(block["text"] for block in message["content"] if block["type"] == "text")


@given(answers())
def test_thoughts_that_are_not_shown_are_still_known_to_have_been(answer: list[ChatEvent]) -> None:
    events, message = written(*answer, shows_thoughts=False)
    assert not any(event.get("delta", {}).get("type") == "thinking_delta" for event in events)
    thought = any(isinstance(event, ReasoningDelta) and event.text for event in answer)
    blocks = [block["thinking"] for block in message["content"] if block["type"] == "thinking"]
    assert bool(blocks) == thought
    assert not any(blocks)


@pytest.mark.parametrize(
    ("finished", "bounded", "expected"),
    [
        (Finished(reason="stop"), True, ("end_turn", None)),
        (Finished(reason="stop", stop_sequence="###"), True, ("stop_sequence", "###")),
        (Finished(reason="length"), True, ("max_tokens", None)),
        (Finished(reason="length"), False, ("model_context_window_exceeded", None)),
        (Finished(reason="tool_calls"), True, ("tool_use", None)),
        (Finished(reason="content_filter"), True, ("refusal", None)),
    ],
)
def test_the_reason_for_the_end_has_anthropics_name(
    finished: Finished, bounded: bool, expected: tuple[str, str | None]
) -> None:
    events, message = written(TextDelta(text="Hi"), finished, USAGE, bounded=bounded)
    delta = events[-2]["delta"]
    assert (delta["stop_reason"], delta["stop_sequence"]) == expected
    assert (message["stop_reason"], message["stop_sequence"]) == expected


def test_what_was_cached_is_counted_apart() -> None:
    events, message = written(Finished(reason="stop"), USAGE)
    counts = {"input_tokens": 4, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0, "output_tokens": 4}
    assert {name: events[-2]["usage"][name] for name in counts} == counts
    assert {name: message["usage"][name] for name in counts} == counts
    assert message["usage"]["output_tokens_details"] == {"thinking_tokens": 2}


def test_arguments_that_are_no_object_are_passed_on_under_a_name_that_says_so() -> None:
    call = ToolCallDelta(call_index=0, id="call_a", name="look", arguments='{"at": sky')
    _, message = written(call, Finished(reason="tool_calls"), USAGE)
    assert message["content"][0]["input"] == {"INVALID_JSON": '{"at": sky'}


def test_pieces_of_two_calls_that_interleave_find_their_call() -> None:
    def piece(index: int, arguments: str, name: str | None = None) -> ToolCallDelta:
        return ToolCallDelta(call_index=index, arguments=arguments, id=name, name=name)

    _, message = written(
        piece(0, '{"a":', "f"), piece(1, '{"b":', "g"), piece(0, "1}"), piece(1, "2}"), Finished(reason="stop"), USAGE
    )
    assert [(block["name"], block["input"]) for block in message["content"]] == [("f", {"a": 1}), ("g", {"b": 2})]


def test_a_stream_that_does_not_end_is_an_error_of_ours() -> None:
    with pytest.raises(ValueError, match="Finished and Usage"):
        written(TextDelta(text="Hi"))
