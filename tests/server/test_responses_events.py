"""The bookkeeping of a response's events: whatever a model does, the stream is well formed."""

import itertools
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from tandem.core.chat import (
    ChatEvent,
    Finished,
    FinishReason,
    RankedToken,
    ReasoningDelta,
    Started,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from tandem.server.failures import Failure
from tandem.server.wire.responses_ask import Ask, echo_of
from tandem.server.wire.responses_events import ResponseWriter

Event = dict[str, Any]
REASONS: tuple[FinishReason, ...] = ("stop", "length", "tool_calls", "content_filter")
STARTED = Started(model="scripted", place="device")
USAGE = Usage(prompt_tokens=9, completion_tokens=4, cached_tokens=5, reasoning_tokens=2)
KNOWN: TypeAdapter[object] = TypeAdapter(ResponseStreamEvent)


def counted(prefix: str = "id") -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers)}"


def a_writer() -> ResponseWriter:
    shell = {"id": "resp_1", "object": "response", "created_at": 7, "background": False, "model": "scripted"}
    return ResponseWriter({**shell, **echo_of(Ask(model="scripted"))}, new_id=counted(), now=lambda: 8.0)


def written(*events: ChatEvent) -> list[Event]:
    writer = a_writer()
    told = writer.begin()
    for event in (STARTED, *events):
        told += writer.add(event)
    return cast("list[Event]", told + writer.end())


words = st.one_of(st.builds(TextDelta, text=st.text(max_size=5)), st.builds(ReasoningDelta, text=st.text(max_size=5)))


@st.composite
def calls(draw: st.DrawFn) -> list[ChatEvent]:
    """Tool calls after one another, whose arguments may come in pieces, or not at all."""
    made: list[ChatEvent] = []
    for index in range(draw(st.integers(0, 3))):
        pieces = draw(st.sampled_from([(), ("{}",), ('{"a"', ": 1", "}"), ('{"a": "', '\\"}', '"}'), ("not json",)]))
        made.append(ToolCallDelta(call_index=index, arguments="", id=f"call_{index}", name="look"))
        made += [ToolCallDelta(call_index=index, arguments=piece) for piece in pieces]
    return made


@st.composite
def answers(draw: st.DrawFn) -> list[ChatEvent]:
    """Any answer: thoughts and words in any order, then calls, then the end."""
    reason = draw(st.sampled_from(REASONS))
    said: list[ChatEvent] = [*draw(st.lists(words, max_size=8)), *draw(calls())]
    return [*said, Finished(reason=reason), USAGE]


@given(answers())
def test_every_event_is_one_that_the_openai_client_declares(answer: list[ChatEvent]) -> None:
    for event in written(*answer):
        KNOWN.validate_python(event)


@given(answers())
def test_numbers_rise_by_one_and_the_state_comes_first_and_last(answer: list[ChatEvent]) -> None:
    events = written(*answer)
    kinds = [event["type"] for event in events]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] in {"response.completed", "response.incomplete"}
    assert len([kind for kind in kinds if kind in {"response.completed", "response.incomplete"}]) == 1


@given(answers())
def test_every_item_and_part_that_is_added_is_done_and_is_in_the_final_response(answer: list[ChatEvent]) -> None:
    events = written(*answer)
    for kind in ("output_item", "content_part"):
        opened = [_place(event) for event in events if event["type"] == f"response.{kind}.added"]
        closed = [_place(event) for event in events if event["type"] == f"response.{kind}.done"]
        assert len(set(opened)) == len(opened)
        assert sorted(opened) == sorted(closed)
    items = {event["output_index"]: event["item"] for event in events if event["type"] == "response.output_item.done"}
    assert [items[at] for at in sorted(items)] == events[-1]["response"]["output"]
    assert [item["status"] for item in items.values()].count("in_progress") == 0


@given(answers())
def test_deltas_add_up_to_the_final_text(answer: list[ChatEvent]) -> None:
    events = written(*answer)
    gathered: dict[tuple[str, int], str] = {}
    final: dict[tuple[str, int], str] = {}
    for event in events:
        family, _, step = event["type"].rpartition(".")
        if step == "delta":
            at = (family, event["output_index"])
            gathered[at] = gathered.get(at, "") + event["delta"]
        elif step == "done" and family.endswith(("_text", "_arguments")):
            final[family, event["output_index"]] = str(event.get("text", event.get("arguments")))
    assert {at: text for at, text in final.items() if text} == {at: text for at, text in gathered.items() if text}
    told = "".join(event.text for event in answer if isinstance(event, TextDelta))
    output = events[-1]["response"]["output"]
    assert told == "".join(item["content"][0]["text"] for item in output if item["type"] == "message")


def _place(event: Event) -> tuple[int, int]:
    return event["output_index"], event.get("content_index", -1)


def test_thoughts_words_and_calls_become_items_in_their_order() -> None:
    kinds = [
        event["type"].removeprefix("response.")
        for event in written(
            ReasoningDelta(text="hm"),
            TextDelta(text="Let me look."),
            ToolCallDelta(call_index=0, id="call_a", name="look", arguments='{"at":'),
            ToolCallDelta(call_index=0, arguments=' "sky"}'),
            Finished(reason="tool_calls"),
            USAGE,
        )
    ]
    assert kinds == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]


def test_a_call_is_done_before_the_next_begins_and_pieces_that_interleave_still_find_their_call() -> None:
    def step(index: int, arguments: str) -> ToolCallDelta:
        first = arguments.startswith("{")
        return ToolCallDelta(
            call_index=index, arguments=arguments, id=f"call_{index}" if first else None, name="f" if first else None
        )

    orderly = written(step(0, '{"a":'), step(0, "1}"), step(1, "{}"), Finished(reason="tool_calls"), USAGE)
    done_at = [event["output_index"] for event in orderly if event["type"].startswith("response.output_item")]
    assert done_at == [0, 0, 1, 1]

    mixed = written(step(0, '{"a":'), step(1, '{"b":'), step(0, "1}"), step(1, "2}"), Finished(reason="stop"), USAGE)
    output = mixed[-1]["response"]["output"]
    assert [item["arguments"] for item in output] == ['{"a":1}', '{"b":2}']


def test_a_call_without_arguments_is_a_call_with_none() -> None:
    events = written(
        ToolCallDelta(call_index=0, id="call_a", name="now", arguments=""), Finished(reason="tool_calls"), USAGE
    )
    assert events[-1]["response"]["output"][0]["arguments"] == "{}"


def test_an_answer_of_no_words_is_an_empty_message() -> None:
    response = written(Finished(reason="stop"), USAGE)[-1]["response"]
    assert [item["content"][0]["text"] for item in response["output"]] == [""]


@pytest.mark.parametrize(
    ("reason", "told"), [("length", "max_output_tokens"), ("content_filter", "content_filter"), ("stop", None)]
)
def test_an_answer_that_was_cut_says_why(reason: FinishReason, told: str | None) -> None:
    last = written(TextDelta(text="once upon"), Finished(reason=reason), USAGE)[-1]
    status = "incomplete" if told else "completed"
    assert last["type"] == f"response.{status}"
    assert last["response"]["status"] == status
    assert last["response"]["incomplete_details"] == ({"reason": told} if told else None)
    assert last["response"]["output"][0]["status"] == status


def test_the_cost_is_told_with_its_parts() -> None:
    assert written(Finished(reason="stop"), USAGE)[-1]["response"]["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 13,
    }


def test_log_probabilities_come_with_their_words_and_again_with_the_whole() -> None:
    token = TokenLogprob(
        chosen=RankedToken(text="Hi", raw=b"Hi", logprob=-0.5),
        top=(RankedToken(text="Hi", raw=b"Hi", logprob=-0.5), RankedToken(text="Ho", raw=b"Ho", logprob=-1.5)),
    )
    events = written(TextDelta(text="Hi", logprobs=(token,)), Finished(reason="stop"), USAGE)
    expected = {
        "token": "Hi",
        "bytes": [72, 105],
        "logprob": -0.5,
        "top_logprobs": [
            {"token": "Hi", "bytes": [72, 105], "logprob": -0.5},
            {"token": "Ho", "bytes": [72, 111], "logprob": -1.5},
        ],
    }
    delta = next(event for event in events if event["type"] == "response.output_text.delta")
    assert delta["logprobs"] == [expected]
    assert events[-1]["response"]["output"][0]["content"][0]["logprobs"] == [expected]


@given(answers())
def test_an_answer_that_breaks_off_ends_with_an_error_and_with_what_was_said(answer: list[ChatEvent]) -> None:
    writer = a_writer()
    told = writer.begin()
    for event in answer[:-2]:
        told += writer.add(event)
    failure = Failure(status=503, message="It ended.", kind="server_error", code="worker_died")
    error, last = cast("list[Event]", writer.fail(failure))
    assert (error["type"], error["code"], error["message"]) == ("error", "worker_died", "It ended.")
    assert last["type"] == "response.failed"
    assert last["response"]["error"] == {"code": "server_error", "message": "It ended."}
    said = "".join(event.text for event in answer if isinstance(event, TextDelta))
    output = last["response"]["output"]
    assert said == "".join(item["content"][0]["text"] for item in output if item["type"] == "message")
    for event in (error, last):
        KNOWN.validate_python(event)
    assert [event["sequence_number"] for event in (*told, error, last)] == list(range(len(told) + 2))


def test_a_stream_that_does_not_end_is_an_error_of_ours() -> None:
    with pytest.raises(ValueError, match="Finished and Usage"):
        written(TextDelta(text="Hi"))
