"""The Responses API as the real `openai` client sees it."""

import asyncio
import json
from typing import Any, cast

import pytest
from openai import OpenAI, pydantic_function_tool
from openai.types.responses import ResponseFunctionToolCall
from pydantic import BaseModel

from support.dialects import USAGE, Served, against
from support.fakes import STARTED, Step, said
from tandem.core.chat import (
    Finished,
    Message,
    RankedToken,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
)

LOOK: Any = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}, "strict": False}


CALLING: list[Step] = [
    STARTED,
    ReasoningDelta(text="I should look."),
    ToolCallDelta(call_index=0, id="call_1", name="look", arguments='{"at":'),
    ToolCallDelta(call_index=0, arguments='"sky"}'),
    Finished(reason="tool_calls"),
    USAGE,
]


def test_a_question_is_answered() -> None:
    async def work(there: Served) -> None:
        raw = await there.openai.responses.with_raw_response.create(
            model="scripted",
            input="Say hello.",
            instructions="Be brief.",
            temperature=0.5,
            top_p=0.9,
            max_output_tokens=20,
            metadata={"trace": "7"},
            user="someone",
        )
        response = raw.parse()
        assert response.output_text == "Hello there"
        assert response.id.startswith("resp_")
        assert (response.status, response.error, response.incomplete_details) == ("completed", None, None)
        assert (response.instructions, response.metadata, response.max_output_tokens) == (
            "Be brief.",
            {"trace": "7"},
            20,
        )
        assert response.usage is not None
        assert response.usage.input_tokens_details.cached_tokens == 1
        assert raw.headers["x-tandem-model"] == "scripted"
        assert raw.headers["x-tandem-place"] == "device"
        asked = there.responder.asked[0]
        assert asked.messages == (
            Message(role="system", content="Be brief."),
            Message(role="user", content="Say hello."),
        )
        assert (asked.sampling.temperature, asked.sampling.top_p, asked.sampling.max_tokens) == (0.5, 0.9, 20)

    against(work)


def test_a_stream_is_read_with_the_clients_own_helper() -> None:
    async def work(there: Served) -> None:
        async with there.openai.responses.stream(model="scripted", input="Hi") as stream:
            texts = [event.delta async for event in stream if event.type == "response.output_text.delta"]
            final = await stream.get_final_response()
        assert texts == ["Hello", " there"]
        assert final.output_text == "Hello there"

    against(work)


def test_the_blocking_client_streams_too() -> None:
    async def work(there: Served) -> None:
        def block() -> list[str]:
            with OpenAI(base_url=f"{there.address}/v1", api_key="none", max_retries=0) as client:
                return [event.type for event in client.responses.create(model="scripted", input="Hi", stream=True)]

        kinds = await asyncio.to_thread(block)
        assert kinds[0] == "response.created"
        assert kinds[-1] == "response.completed"

    against(work)


class Weather(BaseModel):
    city: str
    celsius: int


def test_a_pydantic_model_is_asked_for_and_parsed() -> None:
    async def work(there: Served) -> None:
        parsed = await there.openai.responses.parse(model="scripted", input="Weather?", text_format=Weather)
        assert parsed.output_parsed == Weather(city="Gdynia", celsius=-3)
        wanted = there.responder.asked[0].response_format
        assert wanted.kind == "json_schema"
        assert json.loads(wanted.schema_json or "")["required"] == ["city", "celsius"]
        assert parsed.text is not None
        assert parsed.text.format is not None
        assert parsed.text.format.type == "json_schema"
        async with there.openai.responses.stream(model="scripted", input="Weather?", text_format=Weather) as stream:
            final = await stream.get_final_response()
        assert final.output_parsed == Weather(city="Gdynia", celsius=-3)

    against(work, said('{"city": "Gdynia",', ' "celsius": -3}'))


def test_any_json_object_may_be_asked_for() -> None:
    async def work(there: Served) -> None:
        await there.openai.responses.create(
            model="scripted", input="JSON, please", text={"format": {"type": "json_object"}}
        )
        assert there.responder.asked[0].response_format.kind == "json_object"

    against(work)


def test_a_tool_is_called_and_its_output_is_heard_in_the_same_conversation() -> None:
    async def work(there: Served) -> None:
        first = await there.openai.responses.create(
            model="thinker", input="What is up?", tools=[LOOK], tool_choice="required", parallel_tool_calls=False
        )
        thought, call = first.output
        assert thought.type == "reasoning"
        assert thought.content is not None
        assert thought.content[0].text == "I should look."
        assert isinstance(call, ResponseFunctionToolCall)
        assert (call.name, call.call_id, call.arguments) == ("look", "call_1", '{"at":"sky"}')
        asked = there.responder.asked[0]
        assert (asked.tool_choice.mode, asked.parallel_tool_calls, asked.tools[0].name) == ("required", False, "look")

        there.responder.script = said("Blue.")
        second = await there.openai.responses.create(
            model="thinker",
            previous_response_id=first.id,
            input=[{"type": "function_call_output", "call_id": "call_1", "output": "blue"}],
            tools=[LOOK],
        )
        assert second.output_text == "Blue."
        assert second.previous_response_id == first.id
        assert there.responder.asked[1].messages == (
            Message(role="user", content="What is up?"),
            Message(
                role="assistant",
                content="",
                reasoning="I should look.",
                tool_calls=(ToolCall(id="call_1", name="look", arguments='{"at":"sky"}'),),
            ),
            Message(role="tool", content="blue", tool_call_id="call_1", name="look"),
        )

    against(work, CALLING)


class Look(BaseModel):
    at: str


def test_arguments_are_streamed_and_parsed_into_the_callers_own_type() -> None:
    async def work(there: Served) -> None:
        tool = pydantic_function_tool(Look, name="look")["function"]
        offered: Any = {"type": "function", **tool}
        async with there.openai.responses.stream(model="scripted", input="Look up.", tools=[offered]) as stream:
            pieces = [event.delta async for event in stream if event.type == "response.function_call_arguments.delta"]
            final = await stream.get_final_response()
        assert pieces == ['{"at":', '"sky"}']
        call = final.output[-1]
        assert call.type == "function_call"
        assert call.parsed_arguments == {"at": "sky"}
        assert there.responder.asked[0].tools[0].strict

    against(work, CALLING)


def test_what_a_client_got_can_be_sent_back_as_it_is() -> None:
    async def work(there: Served) -> None:
        first = await there.openai.responses.create(model="thinker", input="Hi", tools=[LOOK], store=False)
        back = cast("Any", [item.model_dump(exclude_none=True) for item in first.output])
        there.responder.script = said("Blue.")
        await there.openai.responses.create(
            model="thinker",
            store=False,
            input=[
                {"role": "user", "content": "Hi"},
                *back,
                {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "b"}]},
                {"role": "developer", "content": [{"type": "input_text", "text": "Now"}]},
            ],
        )
        roles = [message.role for message in there.responder.asked[1].messages]
        assert roles == ["user", "assistant", "tool", "developer"]

    against(work, CALLING)


def test_tokens_are_counted_without_an_answer() -> None:
    async def work(there: Served) -> None:
        first = await there.openai.responses.create(model="scripted", input="One two")
        counted = await there.openai.responses.input_tokens.count(
            model="scripted", input="three four", instructions="five", previous_response_id=first.id
        )
        assert counted.input_tokens == 7
        assert (await there.openai.responses.input_tokens.count(input="one two")).input_tokens == 2
        assert len(there.responder.asked) == 1

    against(work)


def test_log_probabilities_are_given_where_they_are_asked_for() -> None:
    token = TokenLogprob(chosen=RankedToken(text="Hi", raw=b"Hi", logprob=-0.25))
    script: list[Step] = [STARTED, TextDelta(text="Hi", logprobs=(token,)), Finished(reason="stop"), USAGE]

    async def work(there: Served) -> None:
        response = await there.openai.responses.create(
            model="scripted", input="Hi", include=["message.output_text.logprobs"], top_logprobs=2
        )
        message = response.output[0]
        assert message.type == "message"
        part = message.content[0]
        assert part.type == "output_text"
        assert part.logprobs is not None
        assert (part.logprobs[0].token, part.logprobs[0].bytes, part.logprobs[0].logprob) == ("Hi", [72, 105], -0.25)
        sampling = there.responder.asked[0].sampling
        assert (sampling.logprobs, sampling.top_logprobs) == (True, 2)

    against(work, script)


def test_an_answer_that_met_its_limit_is_incomplete() -> None:
    async def work(there: Served) -> None:
        response = await there.openai.responses.create(model="scripted", input="Hi", max_output_tokens=1)
        assert response.status == "incomplete"
        assert response.incomplete_details is not None
        assert response.incomplete_details.reason == "max_output_tokens"
        kinds = [
            event.type async for event in await there.openai.responses.create(model="scripted", input="Hi", stream=True)
        ]
        assert kinds[-1] == "response.incomplete"

    against(work, [STARTED, TextDelta(text="Once"), Finished(reason="length"), USAGE])


ALLOWED: Any = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "look"}]}


@pytest.mark.parametrize(
    ("choice", "mode", "offered"),
    [
        ("none", "none", ["look", "listen"]),
        ({"type": "function", "name": "listen"}, "named", ["look", "listen"]),
        (ALLOWED, "required", ["look"]),
        ({**ALLOWED, "mode": "auto"}, "auto", ["look"]),
    ],
)
def test_tools_are_chosen_as_the_caller_says(choice: object, mode: str, offered: list[str]) -> None:
    async def work(there: Served) -> None:
        tools: Any = [LOOK, {**LOOK, "name": "listen"}]
        response = await there.openai.responses.create(
            model="scripted", input="Hi", tools=tools, tool_choice=cast("Any", choice)
        )
        asked = there.responder.asked[0]
        assert (asked.tool_choice.mode, [tool.name for tool in asked.tools]) == (mode, offered)
        assert len(response.tools) == 2

    against(work)
