"""What leaves with a request that goes to a far side of its own dialect, and what of it can be searched."""

import asyncio
import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.clients import calling
from support.dialects import LOOK
from support.fakes import ScriptedResponder
from support.serving import a_service
from tandem.core.chat import ChatRequest, Dialect, Original
from tandem.server.wire.attachments import Attachments

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
SECRET = "jan.kowalski@firma.example"


def asked(path: str, body: dict[str, Any], headers: dict[str, str] | None = None, raw: bytes = b"") -> ChatRequest:
    """The request that reaches the responder for a body."""

    async def main() -> ChatRequest:
        responder = ScriptedResponder(far=True)
        async with calling(a_service(responder)) as client:
            whole = {"model": "scripted", **({"max_tokens": 9} if path == MESSAGES else {}), **body}
            answer = await client.post(path, content=raw or json.dumps(whole).encode(), headers=headers or {})
        assert answer.status_code == 200, answer.text
        return responder.asked[0]

    return asyncio.run(main())


def user(content: object, **more: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content, **more}]}


@pytest.mark.parametrize(("path", "dialect"), [(CHAT, "openai.chat"), (MESSAGES, "anthropic.messages")])
@pytest.mark.parametrize("stream", [True, False])
def test_a_body_reaches_a_far_side_as_it_was_written(path: str, dialect: Dialect, stream: bool) -> None:
    body = {**user("Zażółć"), "temperature": 0.5, "unheard_of": {"deep": [1, None, "x"]}, "stream": stream}
    request = asked(path, body)
    whole = {"model": "scripted", **({"max_tokens": 9} if path == MESSAGES else {}), **body}
    assert request.original == Original(dialect=dialect, body=whole)
    assert request.streamed is stream
    assert request.attachments_text == ("x",)


def test_responses_and_completions_have_no_original() -> None:
    assert asked("/v1/responses", {"input": "Hi"}).original is None
    assert asked("/v1/completions", {"prompt": "Hi"}).original is None


def test_a_prompt_of_token_ids_cannot_be_searched() -> None:
    assert asked("/v1/completions", {"prompt": [1, 2]}).unreadable == 1
    assert asked("/v1/completions", {"prompt": "Hi"}).unreadable == 0


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_what_is_meant_for_us_does_not_travel(path: str) -> None:
    body = user("Hi", metadata={"label": "internal", "page": "3"})
    request = asked(
        path,
        {**body, "private": True, "priority": "background", "metadata": {"label": "secret", "user_id": "u"}},
    )
    assert request.original is not None
    assert request.original.body["messages"] == [{"role": "user", "content": "Hi"}]
    assert request.original.body["metadata"] == {"user_id": "u"}
    assert not request.original.body.keys() & {"private", "priority"}
    only_ours = asked(path, {**user("Hi"), "metadata": {"label": "secret"}}).original
    assert only_ours is not None
    assert "metadata" not in only_ours.body


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_label_of_a_part_binds_the_request_and_does_not_travel(path: str) -> None:
    labelled = {"type": "text", "text": "Hi", "metadata": {"label": " Internal "}}
    bare: dict[str, object] = {"type": "text", "text": "Hi", "metadata": {}}
    request = asked(path, {**user([labelled]), "metadata": {"label": "team"}})
    assert request.labels == ("team", "Internal")
    assert request.original is not None
    assert request.original.body["messages"] == [{"role": "user", "content": [bare]}]


def test_a_label_within_a_tools_result_or_a_system_block_binds_the_request() -> None:
    page = {"type": "text", "text": "Page 3", "metadata": {"label": "secret"}}
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"q": "a"}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [page]}]}
    system = [{"type": "text", "text": "S", "metadata": {"label": "house"}}]
    body = {"system": system, "messages": [{"role": "user", "content": "Hi"}, call, result]}
    assert set(asked(MESSAGES, body).labels) == {"secret", "house"}


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("metadata", [[{"label": "internal"}], "internal", 3])
def test_metadata_of_a_message_that_is_no_object_is_refused(path: str, metadata: object) -> None:
    with pytest.raises(AssertionError, match="expected an object"):
        asked(path, user("Hi", metadata=metadata))


def test_a_priority_that_is_not_ours_travels() -> None:
    request = asked(CHAT, {**user("Hi"), "priority": 7})
    assert request.original is not None
    assert request.original.body["priority"] == 7


ATTACHED: list[tuple[str, object, int, tuple[str, ...]]] = [
    (CHAT, {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}, 1, ("https://x.example/a.png",)),
    (CHAT, {"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,PHN2Zz4="}}, 1, ()),
    (CHAT, {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, 1, ("wav",)),
    (CHAT, {"type": "file", "file": {"file_id": "file-1"}}, 1, ("file-1",)),
    (CHAT, {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0xLjc="}}, 1, ()),
    (CHAT, {"type": "file", "file": {"file_data": "data:text/plain;base64,Y3plxZvEhw=="}}, 0, ("cześć",)),
    (CHAT, {"type": "file", "file": {"file_data": "Y3plxZvEhw==", "filename": "a.txt"}}, 0, ("cześć", "a.txt")),
    (CHAT, {"type": "file", "file": {"file_data": "data:text/plain,cze%C5%9B%C4%87"}}, 0, ("cześć",)),
    (CHAT, {"type": "file", "file": {"file_data": "data:text/plain;base64,AAECAw=="}}, 1, ()),
    (CHAT, {"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}}, 1, ()),
    (CHAT, {"type": "file", "file": {"file_data": "data:text/plain;base64,x"}}, 1, ()),
    (MESSAGES, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}, 1, ()),
    (MESSAGES, {"type": "document", "source": {"type": "base64", "data": "JVBERi0xLjc="}}, 1, ()),
    (MESSAGES, {"type": "document", "source": {"type": "base64", "data": "Y3plxZvEhw=="}}, 0, ("cześć",)),
    (MESSAGES, {"type": "document", "source": {"type": "text", "data": "cześć"}, "title": "t"}, 0, ("cześć", "t")),
    (
        MESSAGES,
        {"type": "document", "source": {"type": "url", "url": "https://x.example/"}},
        1,
        ("https://x.example/",),
    ),
    (MESSAGES, {"type": "document", "source": {"type": "file", "file_id": "file_1"}}, 1, ("file_1",)),
    (MESSAGES, {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}, 0, ()),
]


@pytest.mark.parametrize(("path", "part", "unreadable", "texts"), ATTACHED)
def test_attachments_are_read_or_counted(path: str, part: object, unreadable: int, texts: tuple[str, ...]) -> None:
    request = asked(path, user([{"type": "text", "text": "See"}, part]))
    assert request.unreadable == unreadable
    assert set(texts) <= set(request.attachments_text)
    assert (request.demands == ()) == (isinstance(part, dict) and part["type"] == "text")


@given(st.binary(max_size=200))
def test_a_file_is_either_text_that_can_be_searched_or_is_counted(content: bytes) -> None:
    found = Attachments()
    found.file(base64.b64encode(content).decode())
    if found.unreadable:
        assert found.texts == []
    else:
        assert found.texts == [content.decode()]


HIDDEN: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {**user("Hi"), "user": SECRET}),
    (CHAT, {**user("Hi"), "metadata": {"by": SECRET}}),
    (CHAT, {**user("Hi"), "stop": SECRET}),
    (CHAT, {**user("Hi"), "unheard_of": [{"deep": {SECRET: 1}}]}),
    (CHAT, {**user("Hi"), "prediction": {"type": "content", "content": SECRET}}),
    (CHAT, {**user("Hi"), "functions": [{"name": "f", "description": SECRET}]}),
    (CHAT, {**user("Hi"), "tools": [{"type": "custom", "custom": {"name": "f", "description": SECRET}}]}),
    (CHAT, {**user("Hi"), "tools": [{"type": "function", "function": {"name": "f"}, "note": SECRET}]}),
    (
        CHAT,
        {**user("Hi"), "response_format": {"type": "json_schema", "json_schema": {"name": "n", "description": SECRET}}},
    ),
    (CHAT, user("Hi", note=SECRET)),
    (CHAT, user("Hi", name=SECRET)),
    (CHAT, user([{"type": "text", "text": "Hi", "note": SECRET}])),
    (CHAT, {"messages": [{"role": "assistant", "content": "x", "refusal": SECRET}]}),
    (
        CHAT,
        {
            "messages": [
                {"role": "assistant", "tool_calls": [{"type": "custom", "id": "c", "custom": {"input": SECRET}}]}
            ]
        },
    ),
    (
        CHAT,
        {
            **user("Hi"),
            "tools": [{"type": "function", "function": {"name": n, "description": SECRET}} for n in ("f", "g")],
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
        },
    ),
    (MESSAGES, {**user("Hi"), "metadata": {"user_id": SECRET}}),
    (MESSAGES, {**user("Hi"), "system": [{"type": "text", "text": "x", "citations": SECRET}]}),
    (MESSAGES, {**user("Hi"), "tools": [{"type": "web_search_20250305", "name": "web", "user_location": SECRET}]}),
    (MESSAGES, {**user("Hi"), "tools": [{**LOOK, "input_examples": [{"at": SECRET}]}]}),
    (MESSAGES, {**user("Hi"), "mcp_servers": [{"type": "url", "url": "http://x", "authorization_token": SECRET}]}),
    (MESSAGES, user([{"type": "thinking", "thinking": SECRET}])),
    (MESSAGES, user([{"type": "search_result", "content": [{"type": "text", "text": SECRET}]}])),
]


@pytest.mark.parametrize(("path", "body"), HIDDEN)
def test_every_text_that_leaves_and_is_not_a_message_can_be_searched(path: str, body: dict[str, Any]) -> None:
    request = asked(path, body)
    assert request.original is not None
    assert SECRET in msgspec.json.encode(request.original.body).decode()
    assert any(SECRET in text for text in request.attachments_text)


def test_escapes_do_not_hide_a_text() -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in SECRET)
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": f'{{"to": "{escaped}"}}'}}
    request = asked(CHAT, {"messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]})
    assert SECRET in request.attachments_text
    schema = f'{{"type": "object", "description": "{escaped}"}}'
    raw = f"""{{"model": "scripted", "messages": [{{"role": "user", "content": "Hi"}}],
        "tools": [{{"type": "function", "function": {{"name": "f", "parameters": {schema}}}}}]}}"""
    assert SECRET in asked(CHAT, {}, raw=raw.encode()).attachments_text


def test_a_number_that_could_identify_somebody_is_a_text_too() -> None:
    assert asked(CHAT, {**user("Hi"), "client": {"pesel": 44051401359, "age": 81}}).attachments_text == (
        "pesel: 44051401359",
        "44051401359",
    )


def test_what_a_far_side_sealed_is_no_text() -> None:
    body = {
        "messages": [
            {"role": "user", "content": "Hi"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"},
                    {"type": "redacted_thinking", "data": "c2VhbGVk"},
                    {"type": "text", "text": "Hello"},
                ],
            },
            {"role": "user", "content": "Go on"},
        ]
    }
    assert asked(MESSAGES, body).attachments_text == ()


def test_a_deep_body_is_searched_without_fear_for_the_stack() -> None:
    found = Attachments()
    value: object = SECRET
    for _ in range(50_000):
        value = [value]
    found.search([value])
    assert found.texts == [SECRET]
