"""The Messages API as the real `anthropic` client sees it."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any, cast

import anthropic
import pytest
from anthropic import Anthropic, beta_async_tool
from anthropic.types import MessageParam
from pydantic import BaseModel

from support.dialects import LOOK, QUESTION, USAGE, Served, against
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
)
from tandem.core.errors import (
    ContextLengthExceeded,
)

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


RESULTS: MessageParam = {
    "role": "user",
    "content": [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "blue"}]},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no sky", "is_error": True},
        {"type": "text", "text": "Well?"},
    ],
}


def test_a_tools_result_is_heard() -> None:
    async def work(there: Served) -> None:
        create = there.anthropic.messages.create
        first = await create(
            model="thinker", max_tokens=20, messages=QUESTION, tools=[LOOK], tool_choice={"type": "any"}
        )
        there.responder.script = said("Blue.")
        await create(model="thinker", max_tokens=20, tools=[LOOK], messages=[*QUESTION, first.to_param(), RESULTS])
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


def test_the_clients_own_tool_loop_runs_though_no_thread_is_kept_here() -> None:
    @beta_async_tool
    async def look(at: str = "here") -> str:
        """Look somewhere."""
        return f"blue {at}"

    async def work(there: Served) -> None:
        loop = there.anthropic.beta.messages.tool_runner(
            model="thinker", max_tokens=20, messages=[{"role": "user", "content": "Hi"}], tools=[look]
        )
        reasons: list[str | None] = []
        async for message in loop:
            reasons.append(message.stop_reason)
            there.responder.script = said("Blue.")
        assert reasons == ["tool_use", "end_turn"]
        heard = there.responder.asked[1].messages
        assert [message.role for message in heard] == ["user", "assistant", "tool", "tool"]
        assert [message.content for message in heard[2:]] == ["blue sky", "blue here"]

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


def test_a_client_that_leaves_stops_the_model() -> None:
    async def work(there: Served) -> None:
        async with there.anthropic.messages.stream(model="scripted", max_tokens=9, messages=QUESTION) as stream:
            async for _ in stream.text_stream:
                break
        await asyncio.wait_for(there.responder.closed.wait(), 5)
        assert there.responder.running == 0

    against(work, [STARTED, TextDelta(text="Hello"), TextDelta(text=" you"), 60.0])
