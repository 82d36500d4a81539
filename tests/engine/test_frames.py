"""Frames: everything that is said arrives as it was, and every error as the class it was."""

import io

import pytest

from tandem.core import errors
from tandem.core.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    RankedToken,
    ReasoningDelta,
    ResponseFormat,
    Sampling,
    Started,
    TextDelta,
    TokenLogprob,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    Usage,
)
from tandem.engine import frames

REQUEST = ChatRequest(
    id="r1",
    model="m",
    messages=(
        Message(role="system", content="s"),
        Message(role="assistant", content="", tool_calls=(ToolCall(id="c", name="f", arguments="{}"),)),
        Message(role="tool", content="żółw \u0000 🐢", tool_call_id="c"),
    ),
    sampling=Sampling(temperature=0.0, stop=("a", "b"), logit_bias={50: -100.0}, logprobs=True, top_logprobs=3),
    n=2,
    tools=(Tool(name="f", strict=True),),
    tool_choice=ToolChoice(mode="named", name="f"),
    response_format=ResponseFormat(kind="json_schema", schema_json="{}"),
    priority="background",
)
EVENTS: list[ChatEvent] = [
    TextDelta(
        text="x",
        index=1,
        logprobs=(TokenLogprob(chosen=RankedToken(text="\ufffd", raw=b"\xff", logprob=-0.5)),),
    ),
    ReasoningDelta(text="hm"),
    ToolCallDelta(call_index=0, arguments="{", id="c", name="f"),
    Finished(reason="stop", stop_sequence="a"),
    Usage(prompt_tokens=3, completion_tokens=2, cached_tokens=1, reasoning_tokens=1),
]


@pytest.mark.parametrize(
    "request_",
    [REQUEST, ChatRequest(id="r", model="m", raw_prompt="text"), ChatRequest(id="r", model="m", raw_prompt=(1, 2))],
)
def test_a_request_arrives_as_it_was(request_: ChatRequest) -> None:
    pipe = io.BytesIO(frames.encode_frame(frames.Ask(7, request_)) + frames.encode_frame(frames.Cancel(7)))
    first, second = frames.read_body(pipe), frames.read_body(pipe)
    assert first is not None
    assert second is not None
    assert frames.decode_to_worker(first) == frames.Ask(7, request_)
    assert frames.decode_to_worker(second) == frames.Cancel(7)
    assert frames.read_body(pipe) is None


def test_events_arrive_as_they_were() -> None:
    said = frames.Said(3, [frames.say(event) for event in EVENTS])
    body = frames.encode_frame(said)[frames.LENGTH.size :]
    arrived = frames.decode_from_worker(body)
    assert isinstance(arrived, frames.Said)
    assert [saying.event for saying in arrived.sayings] == EVENTS


def test_a_worker_never_says_who_started() -> None:
    with pytest.raises(ValueError, match="started"):
        frames.say(Started(model="m", place="device"))


def test_a_frame_that_breaks_off_is_the_end() -> None:
    whole = frames.encode_frame(frames.Cancel(1))
    assert frames.read_body(io.BytesIO(whole[:-1])) is None
    assert frames.read_body(io.BytesIO(whole[:2])) is None


@pytest.mark.parametrize(
    "error",
    [
        errors.BadRequest("m", param="n", code="odd"),
        errors.Unsupported("m", param="tools"),
        errors.ContextLengthExceeded("m", param="messages"),
        errors.NotFound("m"),
        errors.Busy("m", retry_after_seconds=9),
        errors.Unavailable("m"),
        errors.NotEnoughMemory("m"),
        errors.WorkerDied("m"),
        errors.CorruptFile("m"),
        errors.TandemError("m"),
    ],
)
def test_an_error_arrives_as_the_class_it_was(error: errors.TandemError) -> None:
    arrived = frames.error_of(frames.fault_of(error))
    assert type(arrived) is type(error)
    for field in ("message", "code", "param", "retry_after_seconds"):
        assert getattr(arrived, field, None) == getattr(error, field, None)


def test_an_error_without_a_kind_arrives_as_its_nearest_parent() -> None:
    arrived = frames.error_of(frames.fault_of(errors.ConversionFailed("m")))
    assert type(arrived) is errors.TandemError
    assert arrived.message == "m"
