"""How callers say how a request is to be treated: labels, privacy, and what is nobody's question but a program's."""

import asyncio
from typing import Any

import pytest

from support.clients import BODIES, calling
from support.fakes import ScriptedResponder
from support.serving import a_service
from tandem.core.chat import ChatRequest

everywhere = pytest.mark.parametrize("path", BODIES)


def told(path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    status, answer, _ = _sent(path, body, headers)
    return status, answer


def asked(path: str, more: dict[str, Any], headers: dict[str, str] | None = None) -> ChatRequest:
    status, answer, requests = _sent(path, {**BODIES[path], **more}, headers)
    assert status == 200, answer
    return requests[0]


def _sent(
    path: str, body: dict[str, Any], headers: dict[str, str] | None
) -> tuple[int, dict[str, Any], list[ChatRequest]]:
    async def main() -> tuple[int, dict[str, Any], list[ChatRequest]]:
        responder = ScriptedResponder()
        async with calling(a_service(responder)) as client:
            answer = await client.post(path, json={"model": "scripted", **body}, headers=headers or {})
        return answer.status_code, answer.json(), responder.asked

    return asyncio.run(main())


@everywhere
def test_a_request_is_private_by_a_header_or_by_a_key(path: str) -> None:
    assert not asked(path, {}).private
    assert not asked(path, {"private": False}).private
    assert asked(path, {"private": True}).private
    for word in ("true", "1", "Yes", "on", "please"):
        assert asked(path, {}, {"x-tandem-private": word}).private
    for word in ("false", "0", "No", "off", ""):
        assert not asked(path, {}, {"x-tandem-private": word}).private
    assert asked(path, {"private": True}, {"x-tandem-private": "false"}).private


@everywhere
def test_a_wish_for_privacy_that_is_misspelt_is_refused_and_not_passed_over(path: str) -> None:
    status, answer = told(path, {**BODIES[path], "private": "yes"})
    assert status == 400
    assert "'private'" in answer["error"]["message"]


@everywhere
def test_a_whole_request_may_have_a_label(path: str) -> None:
    assert asked(path, {"metadata": {"label": " internal "}}).labels == ("internal",)
    assert asked(path, {"metadata": {}}).labels == ()
    assert asked(path, {"metadata": {"label": "x" * 100}}).labels == ("x" * 100,)


@everywhere
@pytest.mark.parametrize("label", [5, ["internal"], "", " ", "x" * 101])
def test_a_label_that_is_no_text_is_refused_by_name(path: str, label: object) -> None:
    status, answer = told(path, {**BODIES[path], "metadata": {"label": label}})
    assert status == 400
    assert "metadata" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("path", "field", "body"),
    [
        ("/v1/chat/completions", "messages", {}),
        ("/v1/messages", "messages", {"max_tokens": 9}),
        ("/v1/responses", "input", {}),
    ],
)
def test_each_message_may_have_its_own_label(path: str, field: str, body: dict[str, Any]) -> None:
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": "One", "metadata": {"label": "public"}},
        {"role": "assistant", "content": "Two", "metadata": {"page": 3}},
        {"role": "user", "content": "Three", "metadata": {"label": "internal", "page": 3}},
    ]
    status, _, requests = _sent(path, {**body, field: turns}, None)
    assert status == 200
    assert [(message.content, message.label) for message in requests[0].messages] == [
        ("One", "public"),
        ("Two", None),
        ("Three", "internal"),
    ]
    assert requests[0].labels == ()
    status, answer = told(path, {**body, field: [*turns[:2], {**turns[2], "metadata": {"label": 5}}]})
    assert status == 400
    assert f"'{field}[2].metadata.label'" in answer["error"]["message"]


def test_two_turns_of_one_role_are_not_made_one_across_labels() -> None:
    turns = [
        {"role": "user", "content": "One", "metadata": {"label": "internal"}},
        {"role": "user", "content": "Two"},
        {"role": "user", "content": "Three"},
    ]
    _, _, requests = _sent("/v1/messages", {"max_tokens": 9, "messages": turns}, None)
    assert [(one.content, one.label) for one in requests[0].messages] == [("One", "internal"), ("Two\nThree", None)]


def test_a_tools_result_has_the_label_of_its_turn() -> None:
    calling = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "c", "content": "Page 3", "metadata": {"label": "internal"}}
    turns = [{"role": "assistant", "content": None, "tool_calls": [calling]}, result]
    assert asked("/v1/chat/completions", {"messages": turns}).messages[1].label == "internal"
    blocks = [{"type": "tool_result", "tool_use_id": "c", "content": "Page 3"}]
    answered: list[dict[str, Any]] = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
        {"role": "user", "content": blocks, "metadata": {"label": "internal"}},
    ]
    assert asked("/v1/messages", {"messages": answered}).messages[1].label == "internal"


@everywhere
def test_a_programs_own_request_says_so_and_waits(path: str) -> None:
    request = asked(path, {}, {"X-Task": "title_generation"})
    assert (request.purpose, request.priority) == ("title_generation", "background")
    urgent = asked(path, {}, {"X-Task": "title_generation", "x-tandem-priority": "interactive"})
    assert (urgent.purpose, urgent.priority) == ("title_generation", "interactive")


@pytest.mark.parametrize("task", ["", "{{TASK}}", "two words", "moa_response_generation", "chat", "x" * 65, "9"])
def test_a_persons_message_is_not_taken_for_a_programs(task: str) -> None:
    request = asked("/v1/chat/completions", {}, {"X-Task": task})
    assert (request.purpose, request.priority) == (None, "interactive")
