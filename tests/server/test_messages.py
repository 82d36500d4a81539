"""The Messages API as the real `anthropic` client sees it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import anthropic
import httpx
import pytest
from anthropic import Anthropic
from anthropic.types import MessageParam, ToolParam
from pydantic import BaseModel

from support.dialects import Served, speaking
from support.fakes import STARTED, ScriptedResponder, Step, WordCounter, said
from support.serving import a_service, served
from tandem.core.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from tandem.core.errors import (
    Busy,
    ContextLengthExceeded,
    Forbidden,
    Unavailable,
    Unsupported,
    WorkerDied,
)
from tandem.server.service import Access, Limits

USAGE = Usage(prompt_tokens=3, completion_tokens=2)
QUESTION: list[MessageParam] = [{"role": "user", "content": "Hi"}]
LOOK: ToolParam = {
    "name": "look",
    "description": "Look somewhere.",
    "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}},
}
CALLING: list[Step] = [
    STARTED,
    ReasoningDelta(text="I should look."),
    TextDelta(text="Let me look."),
    ToolCallDelta(call_index=0, id="toolu_1", name="look", arguments='{"at":'),
    ToolCallDelta(call_index=0, arguments='"sky"}'),
    ToolCallDelta(call_index=1, id="toolu_2", name="look", arguments=""),
    Finished(reason="tool_calls"),
    USAGE,
]


def against(work: Callable[[Served], Awaitable[None]], script: Sequence[Step] | None = None) -> None:
    async def main() -> None:
        async with speaking(script) as there:
            await work(there)

    asyncio.run(main())


def test_a_question_is_answered() -> None:
    async def work(there: Served) -> None:
        raw = await there.anthropic.messages.with_raw_response.create(
            model="scripted",
            max_tokens=20,
            system="Be brief.",
            messages=QUESTION,
            stop_sequences=["###"],
            metadata={"user_id": "u"},
            service_tier="auto",
            extra_headers={"anthropic-beta": "some-beta-2026-01-01", "x-tandem-private": "true"},
            extra_body={"temperature": 0.5, "top_p": 0.9, "top_k": 40},
        )
        message = await raw.parse()
        assert [block.type for block in message.content] == ["text"]
        assert cast("Any", message.content[0]).text == "Hello there"
        assert (message.role, message.stop_reason, message.model) == ("assistant", "end_turn", "scripted")
        assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (
            2,
            1,
            2,
        )
        assert raw.headers["x-tandem-place"] == "device"
        assert raw.headers["request-id"] == raw.headers["x-tandem-request-id"]
        asked = there.responder.asked[0]
        assert asked.messages == (Message(role="system", content="Be brief."), Message(role="user", content="Hi"))
        sampling = asked.sampling
        assert (sampling.temperature, sampling.top_p, sampling.top_k) == (0.5, 0.9, 40)
        assert (sampling.stop, sampling.max_tokens) == (("###",), 20)
        assert asked.private

    against(work)


def test_a_stream_gives_its_words_and_the_same_message() -> None:
    async def work(there: Served) -> None:
        async with there.anthropic.messages.stream(model="scripted", max_tokens=20, messages=QUESTION) as stream:
            words = [word async for word in stream.text_stream]
            final = await stream.get_final_message()
        assert words == ["Hello", " there"]
        whole = await there.anthropic.messages.create(model="scripted", max_tokens=20, messages=QUESTION)
        assert final.id.startswith("msg_")
        assert [cast("Any", block).text for block in (*final.content, *whole.content)] == ["Hello there"] * 2
        assert (final.stop_reason, final.usage) == (whole.stop_reason, whole.usage)

    against(work)


def test_the_blocking_client_streams_too() -> None:
    async def work(there: Served) -> None:
        def block() -> str:
            with (
                Anthropic(base_url=there.address, api_key="none", max_retries=0) as client,
                client.messages.stream(model="scripted", max_tokens=20, messages=QUESTION) as stream,
            ):
                return stream.get_final_text()

        assert await asyncio.to_thread(block) == "Hello there"

    against(work)


def test_thoughts_words_and_calls_are_blocks_streamed_or_whole() -> None:
    async def work(there: Served) -> None:
        api = there.anthropic.messages
        whole = await api.create(model="thinker", max_tokens=20, messages=QUESTION, tools=[LOOK])
        async with api.stream(model="thinker", max_tokens=20, messages=QUESTION, tools=[LOOK]) as stream:
            final = await stream.get_final_message()
        for message in (whole, final):
            thought, words, first, second = cast("list[Any]", message.content)
            assert thought.type == "thinking"
            assert thought.thinking == "I should look."
            assert words.type == "text"
            assert words.text == "Let me look."
            assert first.type == second.type == "tool_use"
            assert (first.id, first.name, first.input) == ("toolu_1", "look", {"at": "sky"})
            assert (second.id, second.input) == ("toolu_2", {})
            assert message.stop_reason == "tool_use"

    against(work, CALLING)


def test_a_tools_result_is_heard() -> None:
    async def work(there: Served) -> None:
        first = await there.anthropic.messages.create(
            model="thinker", max_tokens=20, messages=QUESTION, tools=[LOOK], tool_choice={"type": "any"}
        )
        there.responder.script = said("Blue.")
        await there.anthropic.messages.create(
            model="thinker",
            max_tokens=20,
            tools=[LOOK],
            messages=[
                *QUESTION,
                first.to_param(),
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "toolu_1",
                            "content": [{"type": "text", "text": "blue"}],
                        },
                        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no sky", "is_error": True},
                        {"type": "text", "text": "Well?"},
                    ],
                },
            ],
        )
        assert there.responder.asked[0].tool_choice.mode == "required"
        assert there.responder.asked[1].messages == (
            Message(role="user", content="Hi"),
            Message(
                role="assistant",
                content="Let me look.",
                reasoning="I should look.",
                tool_calls=(
                    ToolCall(id="toolu_1", name="look", arguments='{"at":"sky"}'),
                    ToolCall(id="toolu_2", name="look", arguments="{}"),
                ),
            ),
            Message(role="tool", content="blue", tool_call_id="toolu_1", name="look"),
            Message(role="tool", content="Error: no sky", tool_call_id="toolu_2", name="look"),
            Message(role="user", content="Well?"),
        )

    against(work, CALLING)


@pytest.mark.parametrize(
    ("choice", "mode", "name", "parallel"),
    [
        ({"type": "auto"}, "auto", None, True),
        ({"type": "auto", "disable_parallel_tool_use": True}, "auto", None, False),
        ({"type": "any"}, "required", None, True),
        ({"type": "tool", "name": "look"}, "named", "look", True),
        ({"type": "none"}, "none", None, True),
    ],
)
def test_tools_are_chosen_as_the_caller_says(choice: object, mode: str, name: str | None, parallel: bool) -> None:
    async def work(there: Served) -> None:
        await there.anthropic.messages.create(
            model="scripted", max_tokens=9, messages=QUESTION, tools=[LOOK], tool_choice=cast("Any", choice)
        )
        asked = there.responder.asked[0]
        assert (asked.tool_choice.mode, asked.tool_choice.name, asked.parallel_tool_calls) == (mode, name, parallel)
        assert json.loads(asked.tools[0].parameters_json) == LOOK["input_schema"]

    against(work)


def test_turns_are_read_block_by_block_and_neighbours_of_one_role_are_one_turn() -> None:
    async def work(there: Served) -> None:
        await there.anthropic.messages.create(
            model="scripted",
            max_tokens=9,
            system=[{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}],
            messages=[
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "user", "content": "c"},
                {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]},
                {"role": "assistant", "content": "d"},
                {"role": "system", "content": "Now in French."},
                {"role": "user", "content": "e"},
            ],
        )
        assert [(message.role, message.content) for message in there.responder.asked[0].messages] == [
            ("system", "One.\nTwo."),
            ("user", "a\nb\nc"),
            ("assistant", "d"),
            ("system", "Now in French."),
            ("user", "e"),
        ]

    against(work)


class Weather(BaseModel):
    city: str
    celsius: int


def test_a_pydantic_model_is_asked_for_and_parsed() -> None:
    async def work(there: Served) -> None:
        parsed = await there.anthropic.messages.parse(
            model="scripted", max_tokens=20, messages=QUESTION, output_format=Weather
        )
        assert parsed.parsed_output == Weather(city="Gdynia", celsius=-3)
        wanted = there.responder.asked[0].response_format
        assert wanted.kind == "json_schema"
        assert json.loads(wanted.schema_json or "")["required"] == ["city", "celsius"]

    against(work, said('{"city": "Gdynia",', ' "celsius": -3}'))


def test_a_stop_sequence_is_told() -> None:
    async def work(there: Served) -> None:
        message = await there.anthropic.messages.create(
            model="scripted", max_tokens=9, messages=QUESTION, stop_sequences=["###"]
        )
        assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "###")
        async with there.anthropic.messages.stream(model="scripted", max_tokens=9, messages=QUESTION) as stream:
            final = await stream.get_final_message()
        assert (final.stop_reason, final.stop_sequence) == ("stop_sequence", "###")

    against(work, [STARTED, TextDelta(text="Hi"), Finished(reason="stop", stop_sequence="###"), USAGE])


class SmallContext(ScriptedResponder):
    """Refuses an answer that may not fit, as the engine does: 4096 tokens for both, a word is a token."""

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        prompt = sum(len(message.content.split()) for message in request.messages)
        if prompt + (request.sampling.max_tokens or 0) > 4096:
            self.asked.append(request)
            raise ContextLengthExceeded("Too long.", param="messages")
        async for event in super().respond(request):
            yield event


class SmallContextCounter(WordCounter):
    """Refuses what the model would refuse, as counters do."""

    async def count_tokens(self, request: ChatRequest) -> int:
        prompt = await super().count_tokens(request)
        if prompt + (request.sampling.max_tokens or 0) > 4096:
            raise ContextLengthExceeded("Too long.", param="messages")
        return prompt


def test_a_limit_beyond_the_models_context_lets_the_answer_fill_it_and_a_prompt_beyond_it_is_refused() -> None:
    responder = SmallContext(script=[STARTED, TextDelta(text="Hi"), Finished(reason="length"), USAGE])

    async def main() -> None:
        async with (
            served(replace(a_service(responder), counter=SmallContextCounter())) as address,
            anthropic.AsyncAnthropic(base_url=address, api_key="none", max_retries=0) as client,
        ):
            create = client.messages.create
            message = await create(model="scripted", max_tokens=64_000, messages=QUESTION, timeout=60)
            assert message.stop_reason == "model_context_window_exceeded"
            assert responder.asked[-1].sampling.max_tokens == 4095
            assert (await create(model="scripted", max_tokens=5, messages=QUESTION)).stop_reason == "max_tokens"
            with pytest.raises(anthropic.BadRequestError, match=r"Too long\."):
                await create(model="scripted", max_tokens=5, messages=[{"role": "user", "content": "x " * 4096}])

    asyncio.run(main())


def test_tokens_are_counted_without_an_answer() -> None:
    async def work(there: Served) -> None:
        counted = await there.anthropic.messages.count_tokens(
            model="scripted", system="one two", messages=[{"role": "user", "content": "three four five"}], tools=[LOOK]
        )
        assert counted.input_tokens == 5
        assert there.responder.asked == []

    against(work)


def test_thinking_is_honoured_by_models_that_think_and_refused_where_it_cannot_be() -> None:
    async def work(there: Served) -> None:
        create = there.anthropic.messages.create
        for model, thinking, works in (
            ("thinker", {"type": "enabled", "budget_tokens": 1024}, True),
            ("thinker", {"type": "adaptive"}, True),
            ("thinker", {"type": "disabled"}, False),
            ("scripted", {"type": "enabled", "budget_tokens": 1024}, False),
            ("scripted", {"type": "adaptive"}, True),
            ("scripted", {"type": "disabled"}, True),
        ):
            asking = create(model=model, max_tokens=2000, messages=QUESTION, thinking=cast("Any", thinking))
            if works:
                await asking
            else:
                with pytest.raises(anthropic.BadRequestError, match="'thinking' is not supported"):
                    await asking
        hidden = await create(
            model="thinker", max_tokens=9, messages=QUESTION, thinking={"type": "adaptive", "display": "omitted"}
        )
        assert hidden.content[0].type == "thinking"
        assert hidden.content[0].thinking == ""

    against(work, CALLING)


def blocks(*content: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": list(content)}]}


CALLED: dict[str, object] = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "t", "name": "n", "input": {}}],
}
WRONG: list[tuple[dict[str, object], str]] = [
    ({"max_tokens": None}, "max_tokens"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": "9"}, "max_tokens"),
    ({"temperature": 1.5}, "temperature"),
    ({"top_p": 1.5}, "top_p"),
    ({"top_k": -1}, "top_k"),
    ({"stop_sequences": [""]}, "stop_sequences"),
    ({"stop_sequences": "###"}, "stop_sequences"),
    ({"stream": "yes"}, "stream"),
    ({"model": ""}, "model"),
    ({"model": 3}, "model"),
    ({"model": "vectors"}, "vectors"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "The"}]}, "continues"),
    (blocks({"type": "text"}), "messages[0].content[0].text"),
    (blocks({"type": "document", "source": {}}), "messages[0].content[0].type"),
    (blocks({"type": "tool_result", "tool_use_id": "t0", "content": "x"}), "messages[0].content[0].tool_use_id"),
    (blocks(7), "messages[0].content[0]"),
    (
        {
            "messages": [
                CALLED,
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": {}}]},
            ]
        },
        "messages[1].content[0].content",
    ),
    ({"messages": [{"role": "assistant", "content": [{"type": "tool_use"}]}, *QUESTION]}, "messages[0].content[0].id"),
    ({"messages": [{"role": "assistant", "content": [{"type": "image"}]}, *QUESTION]}, "messages[0].content[0].type"),
    ({"system": 3}, "system"),
    ({"system": [{"type": "image"}]}, "system[0]"),
    ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type"),
    ({"tools": [{"name": "look"}]}, "tools[0].input_schema"),
    ({"tools": [{**LOOK, "name": "two words"}]}, "tools[0].name"),
    ({"tools": [{"name": "look", "input_schema": 3}]}, "tools[0].input_schema"),
    ({"tool_choice": {"type": "any"}}, "tool_choice"),
    ({"tools": [LOOK], "tool_choice": {"type": "tool", "name": "listen"}}, "tool_choice.name"),
    ({"tool_choice": {"type": "maybe"}}, "tool_choice.type"),
    ({"thinking": {"type": "between_tools"}}, "thinking.type"),
    ({"output_config": {"effort": "low"}}, "output_config.effort"),
    ({"output_config": {"format": {"type": "json_schema", "schema": 3}}}, "output_config.format.schema"),
    ({"mcp_servers": [{"type": "url", "url": "http://x"}]}, "mcp_servers"),
    ({"container": "c"}, "container"),
    ({"inference_geo": "us"}, "inference_geo"),
    ({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}, "context_management"),
]


def test_what_is_wrong_or_cannot_be_honoured_is_refused_by_name() -> None:
    async def work(there: Served) -> None:
        async with httpx.AsyncClient() as client:
            for wrong, named in WRONG:
                body = {"model": "scripted", "max_tokens": 9, "messages": QUESTION, **wrong}
                answer = await client.post(f"{there.address}/v1/messages", json=body)
                told = answer.json()
                assert (wrong, answer.status_code) == (wrong, 400)
                assert (told["type"], told["error"]["type"]) == ("error", "invalid_request_error")
                assert named in told["error"]["message"]
        assert there.responder.asked == []

    against(work)


def test_what_anthropic_does_not_know_and_what_changes_no_answer_is_let_pass() -> None:
    async def work(there: Served) -> None:
        cached: Any = {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}, "citations": None}
        message = await there.anthropic.messages.create(
            model="scripted",
            max_tokens=9,
            messages=[{"role": "user", "content": [cached]}],
            output_config={"effort": "high"},
            extra_body={"top_p": 0, "some_new_field": [1], "speed": "fast", "context_management": {"edits": []}},
        )
        assert message.stop_reason == "end_turn"

    against(work)


def test_pictures_reach_whoever_can_refuse_them() -> None:
    async def work(there: Served) -> None:
        picture: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
        with pytest.raises(anthropic.BadRequestError, match="sees no pictures"):
            await there.anthropic.messages.create(
                model="scripted",
                max_tokens=9,
                messages=[{"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}],
            )
        assert there.responder.asked[0].messages == (Message(role="user", content="What is it?", image_count=1),)

    against(work, [Unsupported("scripted sees no pictures.", param="messages")])


@pytest.mark.parametrize(
    ("error", "kind", "name"),
    [
        (ContextLengthExceeded("Too long."), anthropic.BadRequestError, "invalid_request_error"),
        (Forbidden("No."), anthropic.PermissionDeniedError, "permission_error"),
        (Busy("Full.", retry_after_seconds=2), anthropic.RateLimitError, "rate_limit_error"),
        (Unavailable("Not now."), anthropic.InternalServerError, "overloaded_error"),
        (RuntimeError("a bug"), anthropic.InternalServerError, "api_error"),
    ],
)
def test_an_error_before_the_first_word_is_a_status_that_the_client_knows(
    error: Exception, kind: type[anthropic.APIStatusError], name: str
) -> None:
    async def work(there: Served) -> None:
        for stream in (False, True):
            with pytest.raises(kind) as raised:
                await there.anthropic.messages.create(
                    model="scripted", max_tokens=9, messages=QUESTION, stream=cast("Any", stream)
                )
            assert raised.value.type == name
            assert raised.value.request_id
            assert "a bug" not in str(raised.value)

    against(work, [STARTED, error])


def test_an_unknown_model_is_not_found() -> None:
    async def work(there: Served) -> None:
        with pytest.raises(anthropic.NotFoundError) as raised:
            await there.anthropic.messages.create(model="nowhere", max_tokens=9, messages=QUESTION)
        assert raised.value.type == "not_found_error"

    against(work)


def test_a_wrong_key_and_a_large_body_have_anthropics_names() -> None:
    async def main() -> None:
        service = a_service(access=Access(api_keys=("right",)), limits=Limits(body_bytes=2000))
        async with served(service) as address:
            for key, text, kind, name in (
                ("wrong", "Hi", anthropic.AuthenticationError, "authentication_error"),
                ("right", "x" * 3000, anthropic.ContentTooLargeError, "request_too_large"),
            ):
                async with anthropic.AsyncAnthropic(base_url=address, api_key=key, max_retries=0) as client:
                    with pytest.raises(kind) as raised:
                        await client.messages.create(
                            model="scripted", max_tokens=9, messages=[{"role": "user", "content": text}]
                        )
                    assert cast("Any", raised.value.body)["error"]["type"] == name
            async with anthropic.AsyncAnthropic(base_url=address, auth_token="right", max_retries=0) as client:
                await client.messages.create(model="scripted", max_tokens=9, messages=QUESTION)

    asyncio.run(main())


def test_an_error_in_mid_stream_is_raised_by_the_client_with_its_kind() -> None:
    words: list[str] = []

    async def read(there: Served) -> None:
        async with there.anthropic.messages.stream(model="scripted", max_tokens=9, messages=QUESTION) as stream:
            async for word in stream.text_stream:
                words.append(word)  # noqa: PERF401 - the stream breaks off, and what came before is wanted

    async def work(there: Served) -> None:
        with pytest.raises(anthropic.APIStatusError, match=r"The model died\.") as raised:
            await read(there)
        assert words == ["Hel"]
        assert raised.value.type == "overloaded_error"

    against(work, [STARTED, TextDelta(text="Hel"), WorkerDied("The model died.")])


def test_a_client_that_leaves_stops_the_model() -> None:
    async def work(there: Served) -> None:
        async with there.anthropic.messages.stream(model="scripted", max_tokens=9, messages=QUESTION) as stream:
            async for _ in stream.text_stream:
                break
        await asyncio.wait_for(there.responder.closed.wait(), 5)
        assert there.responder.running == 0

    against(work, [STARTED, TextDelta(text="Hello"), TextDelta(text=" you"), 60.0])


def test_bodies_that_are_no_request_are_refused() -> None:
    async def work(there: Served) -> None:
        async with httpx.AsyncClient() as client:
            for path in ("/v1/messages", "/v1/messages/count_tokens"):
                for body in (b"", b"null", b"[]", b"{", b"\xff", b'{"a": "\\ud800"}', b"[" * 100_000, b'{"a":' * 5000):
                    answer = await client.post(f"{there.address}{path}", content=body)
                    assert (path, body[:9], answer.status_code) == (path, body[:9], 400)
                    assert answer.json()["error"]["type"] == "invalid_request_error"

    against(work)
