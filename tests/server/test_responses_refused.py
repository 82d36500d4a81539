"""What the Responses API refuses, and how an error reaches the real `openai` client."""

from typing import Any

import httpx
import openai
import pytest

from support.dialects import Served, against
from support.fakes import STARTED
from tandem.core.chat import (
    Message,
    TextDelta,
)
from tandem.core.errors import Busy, ContextLengthExceeded, Unsupported, WorkerDied

LOOK: Any = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}, "strict": False}


ALLOWED: Any = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "look"}]}


WRONG: list[tuple[dict[str, object], object]] = [
    ({"background": True}, "background"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ({"truncation": "auto"}, "truncation"),
    ({"moderation": {"model": "m"}}, "moderation"),
    ({"context_management": [{"type": "compaction"}]}, "context_management"),
    ({"reasoning": {"effort": "high"}}, "reasoning.effort"),
    ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
    ({"reasoning": {"context": "all_turns"}}, "reasoning.context"),
    ({"prompt_cache_options": {"prewarm": True}}, "prompt_cache_options.prewarm"),
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
        ask = there.openai.responses.create
        with pytest.raises(openai.BadRequestError, match=r"take the pictures out of messages\[0\]") as refused:
            await ask(model="scripted", input=[{"role": "user", "content": content}])
        assert refused.value.param == "input"
        there.responder.far = True
        await ask(model="scripted", input=[{"role": "user", "content": content}])
        asked = there.responder.asked[0]
        assert asked.messages == (Message(role="user", content="What is it?", image_count=1),)
        assert (asked.original, asked.unreadable) == (None, 1)

    against(work)


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
