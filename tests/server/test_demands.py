"""What no model of this device can honour: refused in the same words as ever, unless a far side takes it on."""

import asyncio
from typing import Any

import pytest

from support.clients import calling
from support.dialects import LOOK
from support.fakes import CHAT_CARD, FakeDirectory, ScriptedResponder
from support.serving import a_service
from tandem.core.chat import ChatRequest, Demand, Message, ToolCall
from tandem.core.demands import demanded, refuse
from tandem.core.errors import Unsupported

HI = {"role": "user", "content": "Hi"}
CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
PARAMETER = "unsupported_parameter"
VALUE = "unsupported_value"
FUNCTION = {"type": "function", "function": {"name": "f"}}
CUSTOM = {"type": "custom", "custom": {"name": "g"}}


def parts(*content: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "See"}, *content]}]}


DEMANDS: list[tuple[str, dict[str, Any], str, str, str]] = [
    (
        CHAT,
        {"reasoning_effort": "high"},
        "reasoning_effort",
        "'reasoning_effort' is not supported: the model decides for itself how long it thinks. Leave it out.",
        PARAMETER,
    ),
    (
        CHAT,
        {"verbosity": "low"},
        "verbosity",
        "'verbosity' is not supported: no model here knows it; say in a message how long the answer should be.",
        PARAMETER,
    ),
    (
        CHAT,
        {"web_search_options": {}},
        "web_search_options",
        "'web_search_options' is not supported: nothing here searches the web. Leave it out.",
        PARAMETER,
    ),
    (
        CHAT,
        {"functions": [{"name": "f"}]},
        "functions",
        "'functions' is not supported: OpenAI replaced it. Use 'tools' and 'tool_choice'.",
        PARAMETER,
    ),
    (
        CHAT,
        {"tools": [FUNCTION, CUSTOM]},
        "tools[1]",
        "Invalid value for 'tools[1]': custom tools are not supported. Use function tools.",
        VALUE,
    ),
    (
        CHAT,
        {"tools": [CUSTOM], "tool_choice": "required"},
        "tools[0]",
        "Invalid value for 'tools[0]': custom tools are not supported. Use function tools.",
        VALUE,
    ),
    (
        CHAT,
        {"messages": [{"role": "function", "name": "f", "content": "x"}, HI]},
        "messages[0]",
        "Invalid value for 'messages[0]': messages of the role 'function' are not supported. Use the role 'tool'.",
        VALUE,
    ),
    (
        CHAT,
        parts({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        "messages[0].content[1]",
        "Invalid value for 'messages[0].content[1]': no model here listens to audio.",
        VALUE,
    ),
    (
        CHAT,
        parts({"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}),
        "messages[0].content",
        "Models here read text only: take the pictures out of messages[0], or choose a model that sees.",
        VALUE,
    ),
    (
        MESSAGES,
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        "thinking",
        "'thinking' is not supported: this model does not think before it answers. Leave it out, or choose another.",
        PARAMETER,
    ),
    (
        MESSAGES,
        {"messages": [HI, {"role": "assistant", "content": "The answer is"}]},
        "messages",
        "No model here continues an assistant's turn: the conversation must end with a user message.",
        VALUE,
    ),
    (
        MESSAGES,
        {"tools": [LOOK, {"type": "web_search_20250305", "name": "web_search"}], "tool_choice": {"type": "any"}},
        "tools[1].type",
        "'tools[1].type' must be 'custom': tools that Anthropic defines are not known to the models here. "
        "Offer a tool of your own with an 'input_schema'.",
        VALUE,
    ),
    (
        MESSAGES,
        {"tools": [{"type": "mcp_toolset", "mcp_server_name": "m"}]},
        "tools[0].type",
        "'tools[0].type' must be 'custom': tools that Anthropic defines are not known to the models here. "
        "Offer a tool of your own with an 'input_schema'.",
        VALUE,
    ),
    (
        MESSAGES,
        parts({"type": "document", "source": {"type": "text", "data": "x"}}),
        "messages[0].content[1].type",
        "'messages[0].content[1].type' names content that models here cannot read. "
        "Known are text, image and tool_result.",
        VALUE,
    ),
    (
        MESSAGES,
        {"mcp_servers": [{"type": "url", "url": "http://x.example"}]},
        "mcp_servers",
        "'mcp_servers' is not supported: no tool runs here. Connect to them yourself and send their tools.",
        PARAMETER,
    ),
]


def answered(path: str, body: dict[str, Any], *, far: bool) -> tuple[int, dict[str, Any], list[ChatRequest]]:
    async def main() -> tuple[int, dict[str, Any], list[ChatRequest]]:
        responder = ScriptedResponder(far=far)
        service = a_service(responder, directory=FakeDirectory(aliases={"auto": CHAT_CARD.id}))
        async with calling(service) as client:
            whole = {"model": "auto", "messages": [HI], **({"max_tokens": 9} if path == MESSAGES else {}), **body}
            answer = await client.post(path, json=whole)
        return answer.status_code, answer.json(), responder.asked

    return asyncio.run(main())


@pytest.mark.parametrize(("path", "body", "param", "why", "code"), DEMANDS)
def test_a_demand_is_refused_by_the_device_and_taken_on_far_away(
    path: str, body: dict[str, Any], param: str, why: str, code: str
) -> None:
    status, answer, _ = answered(path, body, far=False)
    assert (status, answer["error"]["message"]) == (400, why)
    if path == CHAT:
        assert (answer["error"]["param"], answer["error"]["code"]) == (param, code)
    status, _, requests = answered(path, body, far=True)
    assert status == 200
    assert requests[0].demands[0] == Demand(param=param, why=why, code=code)
    assert requests[0].original is not None


def test_a_demand_and_its_refusal_say_the_same() -> None:
    refusal = Unsupported("'audio' is not supported: no model here speaks.", param="audio", code=PARAMETER)
    again = refuse(demanded(refusal))
    assert (again.message, again.param, again.code) == (refusal.message, refusal.param, refusal.code)


def test_a_mistake_is_refused_at_once_even_beside_a_demand() -> None:
    for far in (False, True):
        status, answer, requests = answered(CHAT, {"verbosity": "low", "temperature": 9}, far=far)
        assert (status, answer["error"]["param"], requests) == (400, "temperature", [])
        status, answer, requests = answered(MESSAGES, {"thread": {"type": "create"}}, far=far)
        assert (status, answer["error"]["details"]["error_code"]) == (400, "thread_unsupported_request")


def test_the_words_of_what_only_a_far_side_understands_are_still_heard() -> None:
    turns = [
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a": 1}'}},
        {"role": "function", "name": "f", "content": "Page 3"},
        HI,
    ]
    _, _, requests = answered(CHAT, {"messages": turns}, far=True)
    assert requests[0].messages == (
        Message(role="assistant", content="", tool_calls=(ToolCall(id="", name="f", arguments='{"a": 1}'),)),
        Message(role="tool", name="f", content="Page 3"),
        Message(role="user", content="Hi"),
    )


def test_nobody_counts_the_tokens_of_what_only_a_far_side_understands() -> None:
    body = parts({"type": "document", "source": {"type": "text", "data": "x"}})
    status, answer, _ = answered(f"{MESSAGES}/count_tokens", body, far=True)
    assert status == 400
    assert "cannot read" in answer["error"]["message"]
