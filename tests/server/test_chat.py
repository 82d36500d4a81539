"""The real openai client chats with us."""

import asyncio
import json
import math

import openai
from openai.types.chat import ChatCompletionToolParam
from pydantic import BaseModel

from support.clients import QUESTION, asking, calling
from support.fakes import STARTED, ScriptedResponder, said
from support.serving import a_service, served_in_thread
from tandem.backends.echo import EchoBackend
from tandem.core.chat import (
    Finished,
    Message,
    RankedToken,
    ReasoningDelta,
    ResponseFormat,
    Started,
    TextDelta,
    TokenLogprob,
    Tool,
    ToolCallDelta,
    ToolChoice,
    Usage,
)

TOOLS: list[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
TOOL_SCRIPT = [
    STARTED,
    ToolCallDelta(call_index=0, id="call_1", name="get_weather", arguments=""),
    ToolCallDelta(call_index=0, arguments='{"city":'),
    ToolCallDelta(call_index=0, arguments='"Łódź"}'),
    ToolCallDelta(call_index=1, id="call_2", name="get_weather", arguments='{"city":"Kraków"}'),
    Finished(reason="tool_calls"),
    Usage(prompt_tokens=9, completion_tokens=12),
]


def ranked(text: str, logprob: float) -> RankedToken:
    return RankedToken(text=text, raw=text.encode(), logprob=logprob)


def test_a_whole_answer_is_read_by_a_client_that_blocks() -> None:
    with (
        served_in_thread(a_service(EchoBackend())) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client,
    ):
        reply = client.chat.completions.create(
            model="scripted", messages=[{"role": "user", "content": "Zażółć gęślą jaźń 🚲"}], n=2
        )
    assert [choice.message.content for choice in reply.choices] == ["Zażółć gęślą jaźń 🚲"] * 2
    assert [choice.index for choice in reply.choices] == [0, 1]
    assert {choice.finish_reason for choice in reply.choices} == {"stop"}
    assert reply.model == "echo"
    assert reply.id.startswith("chatcmpl-")
    assert reply.usage is not None
    assert reply.usage.total_tokens == 4 + 8


def test_a_stream_is_a_role_then_words_then_an_end_then_the_counts() -> None:
    async def main() -> None:
        async with asking(a_service()) as client:
            stream = await client.chat.completions.create(
                model="scripted", messages=QUESTION, stream=True, stream_options={"include_usage": True}
            )
            chunks = [chunk async for chunk in stream]
        deltas = [chunk.choices[0].delta.model_dump(exclude_unset=True) for chunk in chunks[:-1]]
        assert deltas == [
            {"role": "assistant", "content": "", "refusal": None},
            {"content": "Hello"},
            {"content": " there"},
            {},
        ]
        assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None, None, None, "stop"]
        assert all(chunk.usage is None for chunk in chunks[:-1])
        assert chunks[-1].choices == []
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.prompt_tokens_details is not None
        assert chunks[-1].usage.prompt_tokens_details.cached_tokens == 1
        assert len({chunk.id for chunk in chunks}) == 1

    asyncio.run(main())


def test_a_stream_without_the_option_carries_no_usage_at_all_and_ends_with_done() -> None:
    async def main() -> None:
        async with calling(a_service()) as client:
            answer = await client.post(
                "/v1/chat/completions", json={"model": "scripted", "stream": True, "messages": QUESTION}
            )
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = answer.text.split("\n\n")
        assert events[-2:] == ["data: [DONE]", ""]
        assert all(event.startswith("data: {") for event in events[:-2])
        assert not any("usage" in event for event in events)

    asyncio.run(main())


def test_every_answer_says_who_gave_it_and_why() -> None:
    async def main() -> None:
        started = Started(
            model="phi-4-mini",
            place="cloud",
            because=("PrivateStaysHere", "NearestFirst"),
            fallbacks=2,
            note="no tools\r\nzł",
        )
        async with calling(a_service(ScriptedResponder([started, *said("Hi")[1:]]))) as client:
            for stream in (True, False):
                answer = await client.post(
                    "/v1/chat/completions", json={"model": "scripted", "stream": stream, "messages": QUESTION}
                )
                told = {name: text for name, text in answer.headers.items() if name.startswith("x-tandem-")}
                assert told.pop("x-tandem-request-id").startswith("req_")
                assert told == {
                    "x-tandem-model": "phi-4-mini",
                    "x-tandem-place": "cloud",
                    "x-tandem-because": "PrivateStaysHere,NearestFirst",
                    "x-tandem-fallbacks": "2",
                    "x-tandem-note": "no tools z?",
                }

    asyncio.run(main())


def test_a_note_is_only_there_where_there_is_something_to_say() -> None:
    async def main() -> None:
        async with asking(a_service()) as client:
            raw = await client.chat.completions.with_raw_response.create(model="scripted", messages=QUESTION)
        assert "x-tandem-note" not in raw.headers
        assert raw.headers["x-request-id"] == raw.headers["x-tandem-request-id"]

    asyncio.run(main())


def test_tool_calls_come_whole_and_in_pieces() -> None:
    async def main() -> None:
        responder = ScriptedResponder(TOOL_SCRIPT)
        async with asking(a_service(responder)) as client:
            whole = await client.chat.completions.create(model="scripted", messages=QUESTION, tools=TOOLS)
            async with client.chat.completions.stream(model="scripted", messages=QUESTION, tools=TOOLS) as stream:
                streamed = await stream.get_final_completion()
        for reply in (whole, streamed):
            assert reply.choices[0].finish_reason == "tool_calls"
            assert reply.choices[0].message.content is None
            calls = reply.choices[0].message.tool_calls or []
            assert [call.id for call in calls] == ["call_1", "call_2"]
            assert [call.function.name for call in calls if call.type == "function"] == ["get_weather"] * 2
            arguments = [json.loads(call.function.arguments) for call in calls if call.type == "function"]
            assert arguments == [{"city": "Łódź"}, {"city": "Kraków"}]
        assert responder.asked[0].tools == (
            Tool(name="get_weather", parameters_json='{"type":"object","properties":{"city":{"type":"string"}}}'),
        )

    asyncio.run(main())


def test_a_conversation_with_tools_and_parts_reaches_the_responder_as_it_was() -> None:
    async def main() -> None:
        responder = ScriptedResponder(far=True)
        async with asking(a_service(responder)) as client:
            await client.chat.completions.create(
                model="scripted",
                tools=TOOLS,
                tool_choice={"type": "function", "function": {"name": "get_weather"}},
                parallel_tool_calls=False,
                messages=[
                    {"role": "developer", "content": "Be brief."},
                    {
                        "role": "user",
                        "name": "ada",
                        "content": [
                            {"type": "text", "text": "What is this?"},
                            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                            {"type": "text", "text": "And where?"},
                        ],
                    },
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [
                            {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
                        ],
                    },
                    {"role": "tool", "tool_call_id": "c1", "content": "rain"},
                ],
            )
        asked = responder.asked[0]
        assert [message.role for message in asked.messages] == ["developer", "user", "assistant", "tool"]
        assert asked.messages[1] == Message(role="user", name="ada", content="What is this?\nAnd where?", image_count=1)
        assert asked.messages[2].tool_calls[0].id == asked.messages[3].tool_call_id == "c1"
        assert asked.tool_choice == ToolChoice(mode="named", name="get_weather")
        assert asked.parallel_tool_calls is False

    asyncio.run(main())


def test_log_probabilities_have_openais_shape_and_no_minus_infinity() -> None:
    async def main() -> None:
        token = TokenLogprob(chosen=ranked("ż", -0.5), top=(ranked("ż", -0.5), ranked("x", -math.inf)))
        script = [STARTED, TextDelta(text="ż", logprobs=(token,)), *said()[1:]]
        async with asking(a_service(ScriptedResponder(script))) as client:
            reply = await client.chat.completions.create(
                model="scripted", messages=QUESTION, logprobs=True, top_logprobs=2
            )
            async with client.chat.completions.stream(
                model="scripted", messages=QUESTION, logprobs=True, top_logprobs=2
            ) as stream:
                streamed = await stream.get_final_completion()
        for logprobs in (reply.choices[0].logprobs, streamed.choices[0].logprobs):
            assert logprobs is not None
            assert logprobs.content is not None
            assert logprobs.content[0].model_dump() == {
                "token": "ż",
                "logprob": -0.5,
                "bytes": [197, 188],
                "top_logprobs": [
                    {"token": "ż", "logprob": -0.5, "bytes": [197, 188]},
                    {"token": "x", "logprob": -9999.0, "bytes": [120]},
                ],
            }

    asyncio.run(main())


def test_what_a_model_thinks_comes_beside_what_it_says() -> None:
    async def main() -> None:
        script = [STARTED, ReasoningDelta(text="Let me "), ReasoningDelta(text="see."), *said("42")[1:]]
        async with calling(a_service(ScriptedResponder(script))) as client:
            body = {"model": "scripted", "messages": QUESTION}
            whole = (await client.post("/v1/chat/completions", json=body)).json()
            stream = (await client.post("/v1/chat/completions", json={**body, "stream": True})).text
        assert whole["choices"][0]["message"]["reasoning_content"] == "Let me see."
        assert whole["choices"][0]["message"]["content"] == "42"
        assert '"delta":{"reasoning_content":"Let me "}' in stream

    asyncio.run(main())


def test_a_schema_is_passed_on_and_the_answer_is_parsed_by_the_client() -> None:
    class City(BaseModel):
        name: str
        people: int

    async def main() -> None:
        responder = ScriptedResponder(said('{"name":"Gdynia",', '"people":245000}'))
        async with asking(a_service(responder)) as client:
            parsed = await client.chat.completions.parse(model="scripted", messages=QUESTION, response_format=City)
        assert parsed.choices[0].message.parsed == City(name="Gdynia", people=245000)
        wanted = responder.asked[0].response_format
        assert wanted.kind == "json_schema"
        assert json.loads(wanted.schema_json or "")["required"] == ["name", "people"]

    asyncio.run(main())


def test_json_mode_and_every_way_to_choose_tokens_reach_the_responder() -> None:
    async def main() -> None:
        responder = ScriptedResponder()
        async with asking(a_service(responder)) as client:
            await client.chat.completions.create(
                model="scripted",
                messages=QUESTION,
                temperature=0,
                top_p=0.5,
                seed=-7,
                stop=["\n", "END"],
                max_completion_tokens=9,
                max_tokens=5,
                frequency_penalty=-2,
                presence_penalty=1.5,
                logit_bias={"15": -100, "7": 3},
                logprobs=True,
                n=3,
                response_format={"type": "json_object"},
                user="somebody",
                metadata={"a": "b"},
                store=True,
                service_tier="auto",
                extra_body={"top_k": 40, "min_p": 0.1, "keep_alive": "5m"},
            )
        asked = responder.asked[0]
        assert asked.n == 3
        assert asked.response_format == ResponseFormat(kind="json_object")
        how = asked.sampling
        assert (how.temperature, how.top_p, how.top_k, how.seed) == (0.0, 0.5, 40, -7)
        assert (how.stop, how.max_tokens) == (("\n", "END"), 9)
        assert (how.frequency_penalty, how.presence_penalty) == (-2.0, 1.5)
        assert dict(how.logit_bias) == {15: -100.0, 7: 3.0}
        assert (how.logprobs, how.top_logprobs) == (True, 0)

    asyncio.run(main())


def test_background_work_of_open_webui_is_told_from_the_persons_own_message() -> None:
    async def main() -> None:
        responder = ScriptedResponder()
        async with asking(a_service(responder)) as client:
            wishes: list[tuple[dict[str, str], dict[str, object]]] = [
                ({}, {}),
                ({"X-Task": ""}, {}),
                ({"X-Task": "title_generation"}, {}),
                ({"x-tandem-priority": "background"}, {}),
                ({"X-Task": "title_generation", "x-tandem-priority": "interactive"}, {}),
                ({"X-Task": "title_generation"}, {"priority": "interactive"}),
                ({}, {"priority": 5}),
            ]
            for headers, body in wishes:
                await client.chat.completions.create(
                    model="scripted", messages=QUESTION, extra_headers=headers, extra_body=body
                )
        assert [asked.priority for asked in responder.asked] == [
            "interactive",
            "interactive",
            "background",
            "background",
            "interactive",
            "interactive",
            "interactive",
        ]

    asyncio.run(main())


def test_a_caller_can_keep_a_request_on_the_device() -> None:
    async def main() -> None:
        responder = ScriptedResponder()
        async with asking(a_service(responder)) as client:
            for value in ("true", "no"):
                await client.chat.completions.create(
                    model="scripted", messages=QUESTION, extra_headers={"x-tandem-private": value}
                )
        assert [asked.private for asked in responder.asked] == [True, False]

    asyncio.run(main())


def test_allowed_tools_narrow_what_may_be_called() -> None:
    async def main() -> None:
        responder = ScriptedResponder()
        other: ChatCompletionToolParam = {"type": "function", "function": {"name": "other"}}
        async with asking(a_service(responder)) as client:
            await client.chat.completions.create(
                model="scripted",
                messages=QUESTION,
                tools=[*TOOLS, other],
                tool_choice={
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "required",
                        "tools": [{"type": "function", "function": {"name": "other"}}],
                    },
                },
            )
        assert [tool.name for tool in responder.asked[0].tools] == ["other"]
        assert responder.asked[0].tool_choice == ToolChoice(mode="required")

    asyncio.run(main())


def test_choices_are_told_apart_in_a_stream() -> None:
    async def main() -> None:
        async with (
            asking(a_service(EchoBackend())) as client,
            client.chat.completions.stream(
                model="scripted", messages=[{"role": "user", "content": "one two"}], n=3
            ) as stream,
        ):
            reply = await stream.get_final_completion()
        assert [choice.message.content for choice in reply.choices] == ["one two"] * 3

    asyncio.run(main())
