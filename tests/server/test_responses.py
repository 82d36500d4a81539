"""The Responses API as the real `openai` client sees it."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import openai
import pytest
from openai import OpenAI, pydantic_function_tool
from openai.types.responses import ResponseCompletedEvent, ResponseFunctionToolCall, ResponseOutputMessage
from pydantic import BaseModel

from support.dialects import Served, speaking
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
    Usage,
)
from tandem.core.errors import Busy, ContextLengthExceeded, Unsupported, WorkerDied

USAGE = Usage(prompt_tokens=3, completion_tokens=2)
LOOK: Any = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}, "strict": False}
CALLING: list[Step] = [
    STARTED,
    ReasoningDelta(text="I should look."),
    ToolCallDelta(call_index=0, id="call_1", name="look", arguments='{"at":'),
    ToolCallDelta(call_index=0, arguments='"sky"}'),
    Finished(reason="tool_calls"),
    USAGE,
]


def against(
    work: Callable[[Served], Awaitable[None]], script: Sequence[Step] | None = None, path: Path | None = None
) -> None:
    async def main() -> None:
        async with speaking(script, path=path) as there:
            await work(there)

    asyncio.run(main())


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


def test_a_response_is_kept_as_its_last_event_told_it() -> None:
    async def work(there: Served) -> None:
        stream = await there.openai.responses.create(model="scripted", input="Hi", stream=True)
        last = [event async for event in stream][-1]
        assert last.type == "response.completed"
        assert await there.openai.responses.retrieve(last.response.id) == last.response

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


def test_instructions_are_not_carried_over_and_earlier_turns_are() -> None:
    async def work(there: Served) -> None:
        ask = there.openai.responses.create
        first = await ask(model="scripted", input="One", instructions="In French.")
        second = await ask(model="scripted", input="Two", previous_response_id=first.id)
        third = await ask(model="scripted", input="Three", previous_response_id=second.id, instructions="In Polish.")
        assert third.instructions == "In Polish."
        assert [(message.role, message.content) for message in there.responder.asked[2].messages] == [
            ("system", "In Polish."),
            ("user", "One"),
            ("assistant", "Hello there"),
            ("user", "Two"),
            ("assistant", "Hello there"),
            ("user", "Three"),
        ]

    against(work)


def test_a_conversation_outlives_the_server(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite3"
    ids: list[str] = []

    async def before(there: Served) -> None:
        ids.append((await there.openai.responses.create(model="scripted", input="One")).id)

    async def after(there: Served) -> None:
        await there.openai.responses.create(model="scripted", input="Two", previous_response_id=ids[0])
        assert [message.content for message in there.responder.asked[0].messages] == ["One", "Hello there", "Two"]

    against(before, path=path)
    against(after, path=path)


def test_what_is_not_to_be_stored_is_nowhere(tmp_path: Path) -> None:
    async def work(there: Served) -> None:
        response = await there.openai.responses.create(model="scripted", input="A secret.", store=False)
        with pytest.raises(openai.NotFoundError):
            await there.openai.responses.retrieve(response.id)
        with pytest.raises(openai.BadRequestError) as refused:
            await there.openai.responses.create(model="scripted", input="And?", previous_response_id=response.id)
        assert refused.value.code == "previous_response_not_found"

    against(work, path=tmp_path / "r.sqlite3")
    assert not any(b"secret" in file.read_bytes() for file in tmp_path.iterdir())


def test_a_deleted_response_is_gone_and_so_is_what_follows_from_it(tmp_path: Path) -> None:
    async def work(there: Served) -> None:
        responses = there.openai.responses
        first = await responses.create(model="scripted", input="A secret.")
        second = await responses.create(model="scripted", input="Two", previous_response_id=first.id)
        await responses.delete(first.id)
        for gone in (responses.retrieve(first.id), responses.delete(first.id), responses.input_items.list(first.id)):
            with pytest.raises(openai.NotFoundError):
                await gone
        with pytest.raises(openai.BadRequestError, match=f"needs '{first.id}', which was deleted"):
            await responses.create(model="scripted", input="Three", previous_response_id=second.id)
        assert (await responses.retrieve(second.id)).output_text == "Hello there"
        left = [item async for item in responses.input_items.list(second.id)]
        assert [item.id.startswith("msg_") for item in left] == [True]

    against(work, path=tmp_path / "r.sqlite3")
    assert not any(b"secret" in file.read_bytes() for file in tmp_path.iterdir())


def test_the_items_behind_a_response_are_listed_page_by_page() -> None:
    async def work(there: Served) -> None:
        responses = there.openai.responses
        first = await responses.create(model="scripted", input="One")
        second = await responses.create(
            model="scripted",
            previous_response_id=first.id,
            input=[{"role": "user", "content": "Two"}, {"role": "user", "content": "Three"}],
        )
        page = await responses.input_items.list(second.id, limit=3, order="asc")
        assert page.has_more
        everything = [item async for item in page]
        assert len(everything) == 4
        texts = [cast("ResponseOutputMessage", item).content[0] for item in everything]
        assert [part.text for part in texts if part.type != "refusal"] == ["One", "Hello there", "Two", "Three"]
        newest_first = [item.id async for item in responses.input_items.list(second.id)]
        assert newest_first == [item.id for item in reversed(everything)]
        for wrong in ({"limit": 0}, {"limit": 101}, {"after": "msg_nowhere"}, {"order": "sideways"}):
            with pytest.raises(openai.BadRequestError) as refused:
                await responses.input_items.list(second.id, **cast("Any", wrong))
            assert refused.value.param == next(iter(wrong))

    against(work)


def test_an_item_can_be_named_instead_of_sent() -> None:
    async def work(there: Served) -> None:
        responses = there.openai.responses
        first = await responses.create(model="scripted", input="One")
        named: Any = {"type": "item_reference", "id": first.output[0].id}
        await responses.create(model="scripted", input=[named, {"role": "user", "content": "Two"}])
        assert [message.content for message in there.responder.asked[1].messages] == ["Hello there", "Two"]
        with pytest.raises(openai.NotFoundError) as refused:
            await responses.create(model="scripted", input=[{"type": "item_reference", "id": "msg_nowhere"}])
        assert refused.value.param == "input"

    against(work)


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


WRONG: list[tuple[dict[str, object], object]] = [
    ({"background": True}, "background"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ({"truncation": "auto"}, "truncation"),
    ({"moderation": {"model": "m"}}, "moderation"),
    ({"context_management": [{"type": "compaction"}]}, "context_management"),
    ({"reasoning": {"effort": "high"}}, "reasoning.effort"),
    ({"text": {"verbosity": "low"}}, "text.verbosity"),
    ({"text": {"format": {"type": "json_schema"}}}, "text.format.name"),
    ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
    ({"text": {"format": {"type": "json_schema", "name": "n", "schema": 3}}}, "text.format.schema"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"tools": [{"type": "mcp", "server_label": "x", "server_url": "http://x"}]}, "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "tools[0].name"),
    ({"tools": [{"type": "function", "name": "two words"}]}, "tools[0].name"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tool_choice": {"type": "function", "name": "look"}}, "tool_choice.name"),
    ({"tool_choice": {"type": "web_search"}}, "tool_choice.type"),
    ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.tools"),
    ({"tools": [LOOK], "tool_choice": {**ALLOWED, "tools": [{"type": "mcp"}]}}, "tool_choice.tools[0].type"),
    ({"tool_choice": ALLOWED}, "tool_choice.tools"),
    ({"include": ["everything"]}, "include[0]"),
    ({"metadata": {"k": "v" * 513}}, "metadata"),
    ({"metadata": {str(at): "v" for at in range(17)}}, "metadata"),
    ({"metadata": {"k": 1}}, "metadata"),
    ({"temperature": 2.5}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_p": -1}, "top_p"),
    ({"top_logprobs": 21}, "top_logprobs"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"max_output_tokens": 10**30}, "max_output_tokens"),
    ({"stream": "yes"}, "stream"),
    ({"store": 1}, "store"),
    ({"model": None}, "model"),
    ({"model": "vectors"}, "model"),
    ({"input": None}, "input"),
    ({"input": []}, "input"),
    ({"input": 3}, "input"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
    ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
    ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].type"),
    ({"input": [{"role": "user", "content": [7]}]}, "input[0].content[0]"),
    ({"input": [{"type": "computer_call"}]}, "input[0].type"),
    ({"input": [{"type": "function_call", "name": "x"}]}, "input[0].call_id"),
    ({"input": [{"type": "function_call_output", "call_id": "call_0", "output": "x"}]}, "input"),
    ({"previous_response_id": "resp_nowhere"}, "previous_response_id"),
]


def test_what_is_wrong_or_cannot_be_honoured_is_refused_by_name() -> None:
    async def work(there: Served) -> None:
        told: list[tuple[dict[str, object], object]] = []
        async with httpx.AsyncClient() as client:
            for wrong, _ in WRONG:
                body = {"model": "scripted", "input": "Hi", **wrong}
                answer = await client.post(f"{there.address}/v1/responses", json=body)
                error = answer.json()["error"] if answer.status_code == 400 else {"type": answer.text}
                told.append((wrong, error["param"] if error["type"] == "invalid_request_error" else error["type"]))
        assert told == WRONG
        assert there.responder.asked == []

    against(work)


def test_what_openai_does_not_know_and_what_changes_no_answer_is_let_pass() -> None:
    async def work(there: Served) -> None:
        extra = {"some_new_field": {"deep": [1]}, "chat_template_kwargs": {}}
        response = await there.openai.responses.create(
            model="scripted",
            input="Hi",
            include=["reasoning.encrypted_content"],
            reasoning={"effort": "none", "summary": "auto"},
            service_tier="flex",
            truncation="disabled",
            top_p=0,
            text={"verbosity": "medium"},
            prompt_cache_key="k",
            safety_identifier="s",
            max_tool_calls=3,
            extra_body=extra,
        )
        assert response.output_text == "Hello there"

    against(work)


def test_a_thinking_models_effort_cannot_be_set() -> None:
    async def work(there: Served) -> None:
        with pytest.raises(openai.BadRequestError) as refused:
            await there.openai.responses.create(model="thinker", input="Hi", reasoning={"effort": "none"})
        assert refused.value.param == "reasoning.effort"

    against(work)


def test_pictures_reach_whoever_can_refuse_them() -> None:
    async def work(there: Served) -> None:
        picture: Any = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}
        content: Any = [{"type": "input_text", "text": "What is it?"}, picture]
        with pytest.raises(openai.BadRequestError, match="sees no pictures"):
            await there.openai.responses.create(model="scripted", input=[{"role": "user", "content": content}])
        assert there.responder.asked[0].messages == (Message(role="user", content="What is it?", image_count=1),)

    against(work, [Unsupported("scripted sees no pictures.", param="input")])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ContextLengthExceeded("Too long."), openai.BadRequestError),
        (Busy("Full.", retry_after_seconds=2), openai.RateLimitError),
        (WorkerDied("Gone."), openai.InternalServerError),
        (RuntimeError("a bug"), openai.InternalServerError),
    ],
)
def test_an_error_before_the_first_word_is_a_status_that_the_client_knows(
    error: Exception, kind: type[openai.APIStatusError]
) -> None:
    async def work(there: Served) -> None:
        for stream in (False, True):
            with pytest.raises(kind) as raised:
                await there.openai.responses.create(model="scripted", input="Hi", stream=stream)
            assert "a bug" not in str(raised.value)

    against(work, [STARTED, error])


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("messages[3].content", "input"),
        ("max_tokens", "max_output_tokens"),
        ("response_format.json_schema.schema", "text.format"),
        ("tool_choice", "tool_choice"),
        (None, None),
    ],
)
def test_a_refusal_names_the_field_as_this_dialect_does(theirs: str | None, ours: str | None) -> None:
    async def work(there: Served) -> None:
        with pytest.raises(openai.BadRequestError) as refused:
            await there.openai.responses.create(model="scripted", input="Hi")
        assert refused.value.param == ours

    against(work, [Unsupported("No.", param=theirs)])


def test_an_error_in_mid_stream_ends_it_with_a_failed_response_that_is_not_kept() -> None:
    async def work(there: Served) -> None:
        stream = await there.openai.responses.create(model="scripted", input="Hi", stream=True)
        events = [event async for event in stream]
        assert [event.type for event in events[-2:]] == ["error", "response.failed"]
        failed = events[-1]
        assert failed.type == "response.failed"
        assert failed.response.error is not None
        assert failed.response.error.message == "The model died."
        assert failed.response.output_text == "Hel"
        with pytest.raises(openai.NotFoundError):
            await there.openai.responses.retrieve(failed.response.id)
        with pytest.raises(openai.InternalServerError, match=r"The model died\."):
            await there.openai.responses.create(model="scripted", input="Hi")

    against(work, [STARTED, TextDelta(text="Hel"), WorkerDied("The model died.")])


def test_ids_that_name_nothing_are_not_found() -> None:
    async def work(there: Served) -> None:
        async with httpx.AsyncClient() as client:
            for path in ("resp_nowhere", "%00", "..%2f", "resp_%ff", "x" * 5000):
                for method in ("GET", "DELETE"):
                    answer = await client.request(method, f"{there.address}/v1/responses/{path}")
                    assert (path, answer.status_code) == (path, 404)
                    assert answer.json()["error"]["type"] == "invalid_request_error"

    against(work)


def test_a_complete_response_can_be_neither_cancelled_nor_streamed_again() -> None:
    async def work(there: Served) -> None:
        response = await there.openai.responses.create(model="scripted", input="Hi")
        with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
            await there.openai.responses.cancel(response.id)
        with pytest.raises(openai.NotFoundError):
            await there.openai.responses.cancel("resp_nowhere")
        with pytest.raises(openai.BadRequestError) as refused:
            await there.openai.responses.retrieve(response.id, stream=True)
        assert refused.value.param == "stream"

    against(work)


def test_a_store_that_cannot_be_used_is_known_before_the_model_is_asked(tmp_path: Path) -> None:
    async def work(there: Served) -> None:
        with pytest.raises(openai.InternalServerError, match='"store": false'):
            await there.openai.responses.create(model="scripted", input="Hi")
        assert there.responder.asked == []
        response = await there.openai.responses.create(model="scripted", input="Hi", store=False)
        assert response.output_text == "Hello there"

    (tmp_path / "file").write_text("in the way")
    against(work, path=tmp_path / "file" / "r.sqlite3")


def test_an_answer_that_could_not_be_kept_after_all_says_so(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite3"
    broken = asyncio.Event()

    async def work(there: Served) -> None:
        stream = await there.openai.responses.create(model="scripted", input="Hi", stream=True)
        async for event in stream:
            if event.type == "response.output_text.delta":
                with sqlite3.connect(path) as db:
                    db.execute("DROP TABLE response")
                broken.set()
            if event.type == "response.completed":
                assert event.response.output_text == "Hello"
                assert event.response.to_dict()["store"] is False
                return
        raise AssertionError("the stream had no end")

    against(work, [STARTED, TextDelta(text="Hello"), broken, Finished(reason="stop"), USAGE], path=path)


def test_a_client_that_leaves_stops_the_model_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async def work(there: Served) -> None:
        async with there.openai.responses.stream(model="scripted", input="A secret.") as stream:
            async for event in stream:
                if event.type == "response.output_text.delta":
                    break
        await asyncio.wait_for(there.responder.closed.wait(), 5)
        assert there.responder.running == 0

    against(work, [STARTED, TextDelta(text="Hello"), TextDelta(text=" you"), 60.0], path=tmp_path / "r.sqlite3")
    assert not any(b"secret" in file.read_bytes() for file in tmp_path.iterdir())


def test_a_response_can_be_continued_as_soon_as_its_last_event_is_there() -> None:
    async def work(there: Served) -> None:
        stream = await there.openai.responses.create(model="scripted", input="One", stream=True)
        async for event in stream:
            if isinstance(event, ResponseCompletedEvent):
                await there.openai.responses.create(
                    model="scripted", input="Two", previous_response_id=event.response.id
                )
        assert len(there.responder.asked[1].messages) == 3

    against(work)


NO_REQUESTS = (b"", b"null", b"[]", b"{", b"\xff", b'{"input": "\\ud800"}', b"[" * 100_000, b'{"a":' * 5000)


def test_bodies_that_are_no_request_are_refused() -> None:
    async def work(there: Served) -> None:
        async with httpx.AsyncClient() as client:
            for body in NO_REQUESTS:
                answer = await client.post(f"{there.address}/v1/responses", content=body)
                assert (body[:9], answer.status_code) == (body[:9], 400)
                assert answer.json()["error"]["type"] == "invalid_request_error"

    against(work)


def test_a_schema_that_nests_without_end_is_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(300):
        deep = {"properties": deep}

    async def work(there: Served) -> None:
        offered: Any = [{**LOOK, "parameters": deep}]
        with pytest.raises(openai.BadRequestError) as refused:
            await there.openai.responses.create(model="scripted", input="Hi", tools=offered)
        assert refused.value.param == "tools[0].parameters"

    against(work)
