"""What may be asked: wrong types and ranges name their field, and nothing that would change an answer is ignored."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from support.clients import calling
from support.fakes import CHAT_CARD, ScriptedResponder
from support.serving import a_service
from tandem.core.chat import ChatRequest
from tandem.core.errors import BadRequest
from tandem.core.models import ModelCard
from tandem.server.decode import decoded
from tandem.server.wire.chat_body import ChatBody, chat_request

HELLO = [{"role": "user", "content": "Hello"}]


def read(card: ModelCard = CHAT_CARD, **fields: object) -> ChatRequest:
    body = decoded(msgspec.json.encode({"model": "scripted", "messages": HELLO, **fields}), ChatBody)
    return chat_request(body, card, request_id="r", choices=16)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"temperature": "hot"}, "temperature"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"top_p": 1.5}, "top_p"),
    ({"top_k": "many"}, "top_k"),
    ({"n": 0}, "n"),
    ({"n": 1.5}, "n"),
    ({"n": 129}, "n"),
    ({"n": 17}, "n"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"max_completion_tokens": "9"}, "max_completion_tokens"),
    ({"seed": 2**63}, "seed"),
    ({"seed": "x"}, "seed"),
    ({"stop": 5}, "stop"),
    ({"stop": ["a", 5]}, "stop[1]"),
    ({"stop": ["a"] * 17}, "stop"),
    ({"stop": [""]}, "stop[0]"),
    ({"frequency_penalty": 2.5}, "frequency_penalty"),
    ({"presence_penalty": -3}, "presence_penalty"),
    ({"logit_bias": {"a": 1}}, "logit_bias"),
    ({"logit_bias": {"5": 101}}, "logit_bias"),
    ({"logit_bias": {"-5": 1}}, "logit_bias"),
    ({"logit_bias": [1]}, "logit_bias"),
    ({"logit_bias": {str(at): 1 for at in range(301)}}, "logit_bias"),
    ({"logprobs": 5}, "logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"stream": "yes"}, "stream"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"stream": True, "stream_options": {"include_usage": "x"}}, "stream_options.include_usage"),
    ({"model": 7}, "model"),
    ({"model": ""}, "model"),
    ({"messages": []}, "messages"),
    ({"messages": "Hello"}, "messages"),
    ({"messages": [7]}, "messages[0]"),
    ({"messages": [{"content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
    ({"messages": [*HELLO, {"role": "user", "content": [{"type": "smell"}]}]}, "messages[1].content[0].type"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"type": "function"}]}]}, "messages[0].tool_calls[0].id"),
    ({"response_format": {"type": "yaml"}}, "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": [1]}}},
        "response_format.json_schema.schema",
    ),
    ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": 5}}]}, "tools[0].function.parameters"),
    ({"tool_choice": "perhaps"}, "tool_choice"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
    (
        {
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "tool_choice": {"type": "function", "function": {"name": "g"}},
        },
        "tool_choice",
    ),
    ({"metadata": {"a": 5}}, "metadata"),
    ({"user": 5}, "user"),
]


@pytest.mark.parametrize(("fields", "param"), WRONG)
def test_what_is_wrong_is_refused_and_the_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(**fields)
    assert refused.value.param == param
    assert f"'{param}'" in refused.value.message
    assert "`" not in refused.value.message
    assert "$." not in refused.value.message


REFUSED: list[dict[str, Any]] = [
    {"audio": {"voice": "alloy", "format": "wav"}},
    {"modalities": ["text", "audio"]},
    {"web_search_options": {}},
    {"moderation": {"model": "m"}},
    {"verbosity": "low"},
    {"reasoning_effort": "high"},
    {"functions": [{"name": "f"}]},
    {"function_call": "auto"},
    {"tools": [{"type": "custom", "custom": {"name": "f"}}]},
    {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": {"type": "custom", "custom": {}}},
    {
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "custom", "custom": {}}]},
        },
    },
    {"messages": [{"role": "assistant", "tool_calls": [{"type": "custom", "id": "c", "custom": {}}]}]},
    {"messages": [{"role": "assistant", "content": "x", "function_call": {"name": "f"}}]},
    {"messages": [{"role": "function", "name": "f", "content": "x"}]},
    {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]},
    {"messages": [{"role": "assistant", "content": "x", "audio": {"id": "a"}}]},
]


@pytest.mark.parametrize("fields", REFUSED, ids=",".join)
def test_what_would_change_the_answer_and_cannot_be_honoured_is_refused(fields: dict[str, Any]) -> None:
    demand = read(**fields).demands[0]
    assert demand.param.startswith(tuple(fields))
    assert f"'{demand.param}'" in demand.why
    assert demand.code == ("unsupported_parameter" if "is not supported: " in demand.why else "unsupported_value")


@pytest.mark.parametrize(
    "fields",
    [
        {"audio": None, "modalities": ["text"], "verbosity": "medium", "reasoning_effort": "none"},
        {"prediction": {"type": "content", "content": "x"}, "prompt_cache_key": "k", "safety_identifier": "s"},
        {"service_tier": "flex", "store": False, "metadata": {}, "user": "u"},
        {"tool_choice": "none"},
        {"tool_choice": "auto", "tools": []},
        {"stop": None, "stop_sequences": ["x"], "top_p": 0, "top_k": -1},
        {"temperature": None, "n": None, "logit_bias": None, "response_format": None, "tools": None, "seed": None},
        {"keep_alive": -1, "options": {"num_ctx": 5}, "chat_id": 7, "unheard_of": {"deep": [None]}},
        {"messages": [{"role": "user", "content": "", "unheard_of": 1}]},
        {"messages": [{"role": "assistant", "content": None}]},
        {"messages": [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}]},
    ],
    ids=",".join,
)
def test_what_changes_nothing_or_is_not_openais_is_let_pass(fields: dict[str, Any]) -> None:
    assert read(**fields).demands == ()


def test_a_model_that_reasons_does_not_pretend_to_obey_an_effort() -> None:
    thinker = replace(CHAT_CARD, abilities=frozenset({"reasoning"}))
    assert [demand.param for demand in read(thinker, reasoning_effort="none").demands] == ["reasoning_effort"]


def test_a_schema_reaches_the_engine_letter_by_letter() -> None:
    text = '{"type":"integer","maximum":123456789012345678901234567890,"multipleOf":1.0}'
    body = b'{"model":"scripted","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema",'
    body += b'"json_schema":{"name":"n","schema":' + text.encode() + b"}}}"
    asked = chat_request(decoded(body, ChatBody), CHAT_CARD, request_id="r", choices=1)
    assert asked.response_format.schema_json == text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"model": "scripted", "messages": [{"role": "user", "content": "\xff"}]}',
        b'{"model": "scripted", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"model": "scripted", "messages": [{"role": "user", "content": "\\udc00\\ud800"}]}',
        b'{"model": "scripted", "messages": [{"role": "user", "content": "x"}], "temperature": NaN}',
        b'{"model": "scripted", "messages": [{"role": "user", "content": "x"}], "temperature": 1e999}',
        b'{"model": "scripted", "messages": [{"role": "user", "content": "x"}], "seed": ' + b"9" * 6000 + b"}",
        b'{"model": "scripted", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"model": "scripted", "messages": [{"role": "user", "content": "x"}]} {}',
        b'{"model": "scripted", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", '
        b'"function": {"name": "f", "parameters": {"\\ud800": 1}}}]}',
        b'{"model": "scripted", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", '
        b'"function": {"name": "f", "parameters": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}}]}",
    ],
    ids=range(17),
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"])
def test_a_body_that_is_no_request_is_400_and_never_500(body: bytes, path: str) -> None:
    async def main() -> None:
        responder = ScriptedResponder()
        async with calling(a_service(responder)) as client:
            answer = await client.post(path, content=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert not responder.asked

    asyncio.run(main())
