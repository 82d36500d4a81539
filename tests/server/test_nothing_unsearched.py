"""Wherever a text stands in a body that leaves this machine, it also stands where it is searched."""

import asyncio
import copy
import json
from collections.abc import Iterator
from typing import Any, cast

import httpx
import msgspec
import pytest

from support.fakes import ScriptedResponder
from support.serving import a_service, served
from tandem.core.chat import ChatRequest

SECRET = "anna.nowak@firma.example"
Path = tuple[str | int, ...]

CHAT: dict[str, Any] = {
    "model": "scripted",
    "messages": [
        {"role": "system", "content": "Be kind."},
        {
            "role": "user",
            "name": "ada",
            "content": [
                {"type": "text", "text": "See"},
                {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "auto"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"file_data": "data:text/plain;base64,eA==", "filename": "a.txt"}},
            ],
        },
        {
            "role": "assistant",
            "content": "Well",
            "reasoning_content": "Hm",
            "refusal": "No",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": "b"}'}},
                {"id": "call_2", "type": "custom", "custom": {"name": "g", "input": "x"}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "Page"}]},
        {"role": "function", "name": "f", "content": "Old"},
        {"role": "user", "content": "And?"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": "Does f.",
                "parameters": {"type": "object", "properties": {"a": {"type": "string", "enum": ["b"]}}},
            },
        },
        {"type": "custom", "custom": {"name": "g", "description": "Does g.", "format": {"type": "text"}}},
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "functions": [{"name": "old", "description": "Does old.", "parameters": {"type": "object"}}],
    "function_call": {"name": "old"},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"title": "T"}}},
    "stop": ["###"],
    "user": "u",
    "metadata": {"page": "3"},
    "prediction": {"type": "content", "content": [{"type": "text", "text": "p"}]},
    "web_search_options": {"user_location": {"approximate": {"city": "Gdynia"}}},
    "audio": {"voice": "alloy", "format": "wav"},
    "stream_options": {"include_usage": True},
    "stream": True,
    "logit_bias": {"5": 1},
    "store": False,
    "unheard_of": {"deep": ["x", {"y": "z"}]},
}
MESSAGES: dict[str, Any] = {
    "model": "scripted",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "See"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "t"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
                {"type": "text", "text": "Well", "citations": [{"type": "char_location", "cited_text": "c"}]},
                {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "sky", "deep": [{"a": "b"}]}},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "blue"}]},
                {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "r"}]},
            ],
        },
        {"role": "assistant", "content": "The answer"},
    ],
    "tools": [
        {
            "name": "look",
            "description": "Looks.",
            "input_schema": {"type": "object", "properties": {"at": {"description": "where"}}},
            "cache_control": {"type": "ephemeral"},
        },
        {"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["x.example"]},
    ],
    "tool_choice": {"type": "auto"},
    "thinking": {"type": "adaptive"},
    "output_config": {"format": {"type": "json_schema", "schema": {"title": "T"}}},
    "mcp_servers": [{"type": "url", "url": "http://x.example", "name": "m", "authorization_token": "t"}],
    "metadata": {"user_id": "u"},
    "stop_sequences": ["###"],
    "container": {"id": "c", "skills": [{"skill_id": "s"}]},
    "context_management": {"edits": [{"type": "e"}]},
    "service_tier": "auto",
    "stream": True,
    "unheard_of": {"deep": ["x", {"y": "z"}]},
}
SEALED = {"signature"}


def places(value: object, path: Path = ()) -> Iterator[Path]:
    """The path of every string, and of a new key or a new last item in every object and list."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            yield from places(inner, (*path, key))
        yield (*path, "note")
    elif isinstance(value, list):
        items = cast("list[object]", value)
        for at, inner in enumerate(items):
            yield from places(inner, (*path, at))
        yield (*path, len(items))


def planted(body: dict[str, Any], path: Path, secret: object) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    last = path[-1]
    if isinstance(last, int):
        items = cast("list[object]", inner)
        items[last : last + 1] = [secret]
    else:
        inner[last] = secret
    return changed


def searched(asked: ChatRequest) -> str:
    """Every text of a request that a search for private text goes through."""
    texts: list[str | None] = list(asked.attachments_text)
    for message in asked.messages:
        texts += [message.content, message.reasoning, *(call.arguments for call in message.tool_calls)]
    for tool in asked.tools:
        texts += [tool.description, tool.parameters_json]
    return "\n".join(text for text in texts if text)


@pytest.mark.parametrize(("path", "body"), [("/v1/chat/completions", CHAT), ("/v1/messages", MESSAGES)])
def test_no_text_leaves_that_is_not_searched(path: str, body: dict[str, Any]) -> None:
    async def main() -> None:
        responder = ScriptedResponder(far=True)
        accepted = 0
        unsearched: list[Path] = []
        async with served(a_service(responder)) as address, httpx.AsyncClient(base_url=address) as client:
            whole = await client.post(path, json=body)
            assert whole.status_code == 200, whole.text
            for place in places(body):
                if place[-1] in SEALED or place == ("model",):
                    continue
                responder.asked.clear()
                answer = await client.post(path, content=json.dumps(planted(body, place, SECRET)).encode())
                assert answer.status_code in {200, 400, 404}
                if not responder.asked:
                    continue
                original = responder.asked[0].original
                assert original is not None
                leaves = SECRET in msgspec.json.encode(original.body).decode()
                accepted += leaves
                counted = place[-1] == "data" and responder.asked[0].unreadable
                if leaves and not counted and SECRET not in searched(responder.asked[0]):
                    unsearched.append(place)
        assert unsearched == []
        assert accepted > 60

    asyncio.run(main())
