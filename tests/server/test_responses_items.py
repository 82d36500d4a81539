"""Items of the Responses API and turns of a conversation, each told in terms of the other."""

import itertools
from collections.abc import Callable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tandem.core.chat import Message, ToolCall
from tandem.server.wire.json_text import JsonObject
from tandem.server.wire.responses_ask import Item
from tandem.server.wire.responses_items import normalized, turns_of


def counted() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: str(next(numbers))


def listed(*items: JsonObject) -> tuple[JsonObject, ...]:
    return normalized(msgspec.convert(list(items), list[Item]), counted())


def thought(text: str) -> JsonObject:
    return {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": text}]}


def spoke(text: str) -> JsonObject:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def called(call_id: str) -> JsonObject:
    return {"type": "function_call", "call_id": call_id, "name": "look", "arguments": "{}"}


def heard(call_id: str, text: str) -> JsonObject:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def told(role: str, text: str) -> JsonObject:
    return {"role": role, "content": text}


def test_what_a_model_thought_said_and_called_is_one_turn() -> None:
    items = listed(thought("a"), thought("b"), spoke("c"), called("1"), called("2"), heard("2", "y"), heard("1", "x"))
    calls = (ToolCall(id="1", name="look", arguments="{}"), ToolCall(id="2", name="look", arguments="{}"))
    assert turns_of(items) == (
        Message(role="assistant", content="c", reasoning="a\nb", tool_calls=calls),
        Message(role="tool", content="y", tool_call_id="2", name="look"),
        Message(role="tool", content="x", tool_call_id="1", name="look"),
    )


def test_words_or_thoughts_after_words_begin_a_new_turn() -> None:
    items = listed(spoke("a"), spoke("b"), thought("c"), called("1"), thought("d"), spoke("e"))
    assert turns_of(items) == (
        Message(role="assistant", content="a"),
        Message(role="assistant", content="b"),
        Message(
            role="assistant", content="", reasoning="c", tool_calls=(ToolCall(id="1", name="look", arguments="{}"),)
        ),
        Message(role="assistant", content="e", reasoning="d"),
    )


def test_a_refusal_is_what_the_assistant_said_and_a_summary_stands_for_thoughts_that_are_not_there() -> None:
    refused: JsonObject = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    summed: JsonObject = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "short"}]}
    assert turns_of(listed(summed, refused)) == (Message(role="assistant", content="No.", reasoning="short"),)


def test_parts_stand_on_lines_of_their_own_and_pictures_are_counted() -> None:
    parts = [{"type": "input_text", "text": "a"}, {"type": "input_image"}, {"type": "input_text", "text": "b"}]
    result: JsonObject = {"type": "function_call_output", "call_id": "1", "output": parts}
    assert turns_of(listed({"role": "user", "content": parts}, called("1"), result)) == (
        Message(role="user", content="a\nb", image_count=1),
        Message(role="assistant", content="", tool_calls=(ToolCall(id="1", name="look", arguments="{}"),)),
        Message(role="tool", content="a\nb", tool_call_id="1", name="look", image_count=1),
    )


items = st.lists(
    st.one_of(
        st.builds(thought, st.text(max_size=4)),
        st.builds(spoke, st.text(max_size=4)),
        st.builds(called, st.just("1")),
        st.builds(told, st.sampled_from(["user", "system"]), st.text()),
    ),
    max_size=8,
)


@given(items)
def test_no_words_are_lost_and_listing_twice_changes_nothing(sent: list[JsonObject]) -> None:
    first = listed(*sent)
    turns = turns_of(first)
    words = [item["content"] for item in sent if "type" not in item]
    assert words == [turn.content for turn in turns if turn.role != "assistant"]
    assert sum(item["type"] == "function_call" for item in first) == sum(len(turn.tool_calls) for turn in turns)
    assert listed(*first) == first
    assert turns_of(listed(*first)) == turns
