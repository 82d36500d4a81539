"""Privacy and labels stick to a kept conversation, whoever continues it and however."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from support.dialects import Served, against
from tandem.core.chat import ChatRequest

PRIVATE = {"x-tandem-private": "true"}


async def answered(there: Served, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{there.address}/v1/responses", json={"model": "scripted", **body}, headers=headers or {}
        )
    assert answer.status_code == 200, answer.text
    return answer.json()


def last(there: Served) -> ChatRequest:
    return there.responder.asked[-1]


def test_a_private_conversation_stays_private_without_the_header(tmp_path: Path) -> None:
    ids: list[str] = []

    async def begin(there: Served) -> None:
        first = await answered(there, {"input": "My diary"}, PRIVATE)
        second = await answered(there, {"input": "Go on", "previous_response_id": first["id"]})
        assert last(there).private
        ids.extend((first["id"], second["id"]))
        await answered(there, {"input": "Something else"})
        assert not last(there).private

    async def after_a_restart(there: Served) -> None:
        for known in ids:
            await answered(there, {"input": "Go on", "previous_response_id": known})
            assert last(there).private

    path = tmp_path / "responses.sqlite"
    against(begin, path=path)
    against(after_a_restart, path=path)


def test_a_turn_that_becomes_private_makes_those_after_it_private_and_not_those_before() -> None:
    async def work(there: Served) -> None:
        first = await answered(there, {"input": "Hello"})
        second = await answered(there, {"input": "My diary", "previous_response_id": first["id"], "private": True})
        await answered(there, {"input": "Go on", "previous_response_id": second["id"]})
        assert last(there).private
        await answered(there, {"input": "Another way", "previous_response_id": first["id"]})
        assert not last(there).private

    against(work)


def test_an_item_of_a_private_conversation_takes_its_privacy_and_labels_along() -> None:
    async def work(there: Served) -> None:
        labelled = {"role": "user", "content": "Page 3", "metadata": {"label": "internal"}}
        first = await answered(there, {"input": [labelled]}, PRIVATE)
        said = first["output"][0]["id"]
        await answered(there, {"input": [{"type": "item_reference", "id": said}]})
        assert (last(there).private, last(there).labels) == (True, ("internal",))
        own = {"type": "item_reference", "id": said, "metadata": {"label": "secret"}}
        await answered(there, {"input": [own]})
        assert [message.label for message in last(there).messages] == ["secret"]
        assert last(there).labels == ("internal",)

    against(work)


def test_a_label_of_a_part_is_refused_since_labels_belong_to_items() -> None:
    async def work(there: Served) -> None:
        part = {"type": "input_text", "text": "Page 3", "metadata": {"label": "internal"}}
        with pytest.raises(AssertionError, match="labels belong to items"):
            await answered(there, {"input": [{"role": "user", "content": [part]}]})

    against(work)


def test_labels_come_back_with_their_messages(tmp_path: Path) -> None:
    ids: list[str] = []

    async def begin(there: Served) -> None:
        items = [
            {"role": "user", "content": "Page 3", "metadata": {"label": "internal"}},
            {"role": "user", "content": "What does it say?"},
        ]
        first = await answered(there, {"input": items, "metadata": {"label": "team"}})
        ids.append(first["id"])

    async def go_on(there: Served) -> None:
        await answered(there, {"input": "And now?", "previous_response_id": ids[0]})
        assert [(message.content, message.label) for message in last(there).messages] == [
            ("Page 3", "internal"),
            ("What does it say?", None),
            ("Hello there", None),
            ("And now?", None),
        ]
        assert last(there).labels == ("team", "internal")
        async with httpx.AsyncClient() as client:
            listed = (await client.get(f"{there.address}/v1/responses/{ids[0]}/input_items")).json()["data"]
        assert [item.get("metadata") for item in listed] == [None, {"label": "internal"}]

    path = tmp_path / "responses.sqlite"
    against(begin, path=path)
    against(go_on, path=path)


def test_labelled_turns_of_a_tool_keep_their_labels() -> None:
    async def work(there: Served) -> None:
        items = [
            {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "Page 3", "metadata": {"label": "internal"}},
        ]
        await answered(there, {"input": items})
        assert [(message.role, message.label) for message in last(there).messages] == [
            ("assistant", None),
            ("tool", "internal"),
        ]

    against(work)
