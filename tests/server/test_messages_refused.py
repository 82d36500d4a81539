"""What the Messages API refuses, and how an error reaches the real `anthropic` client."""

import asyncio
from typing import Any, cast

import anthropic
import httpx
import pytest

from support.dialects import LOOK, QUESTION, Served, against
from support.fakes import STARTED
from support.serving import a_service, served
from tandem.core.chat import (
    Message,
    TextDelta,
)
from tandem.core.errors import (
    Busy,
    ContextLengthExceeded,
    Forbidden,
    OverBudget,
    Unavailable,
    WorkerDied,
)
from tandem.server.service import Access, Limits


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
    ({"thread": {"type": "create"}}, "thread"),
    ({"thread": {"type": "continue", "previous_message_id": "msg_1"}}, "thread"),
    ({"compaction": {"type": "compaction"}}, "compaction"),
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
        messages: Any = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}]
        with pytest.raises(anthropic.BadRequestError, match=r"take the pictures out of messages\[0\]"):
            await there.anthropic.messages.create(model="scripted", max_tokens=9, messages=messages)
        there.responder.far = True
        await there.anthropic.messages.create(model="scripted", max_tokens=9, messages=messages)
        assert there.responder.asked[0].messages == (Message(role="user", content="What is it?", image_count=1),)
        assert there.responder.asked[0].unreadable == 1

    against(work)


@pytest.mark.parametrize(
    ("error", "kind", "name"),
    [
        (ContextLengthExceeded("Too long."), anthropic.BadRequestError, "invalid_request_error"),
        (Forbidden("No.", code="private_stays_here"), anthropic.PermissionDeniedError, "permission_error"),
        (OverBudget("Spent."), anthropic.APIStatusError, "billing_error"),
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
        assert (raised.value.type, raised.value.error_code) == ("not_found_error", "model_not_found")

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


def test_bodies_that_are_no_request_are_refused() -> None:
    async def work(there: Served) -> None:
        async with httpx.AsyncClient() as client:
            for path in ("/v1/messages", "/v1/messages/count_tokens"):
                for body in (b"", b"null", b"[]", b"{", b"\xff", b'{"a": "\\ud800"}', b"[" * 100_000, b'{"a":' * 5000):
                    answer = await client.post(f"{there.address}{path}", content=body)
                    assert (path, body[:9], answer.status_code) == (path, body[:9], 400)
                    assert answer.json()["error"]["type"] == "invalid_request_error"

    against(work)
