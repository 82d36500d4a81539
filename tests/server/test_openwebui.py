"""What Open WebUI was recorded to send is accepted, and understood."""

import asyncio
import json
from typing import Any

import pytest

from support.clients import calling
from support.fakes import CHAT_CARD, EMBEDDING_CARD, FakeDirectory, FakeEmbedder, ScriptedResponder
from support.serving import a_service
from support.shared import shared_data

pytestmark = pytest.mark.shared_data
ALIASES = {"auto": CHAT_CARD.id, "phi-4-mini": CHAT_CARD.id, "local-embedding": EMBEDDING_CARD.id}


def recorded() -> list[dict[str, Any]]:
    lines = (shared_data("openwebui_requests") / "requests.jsonl").read_text("utf-8").splitlines()
    return [request for line in lines if "path" in (request := json.loads(line))]


def body_of(request: dict[str, Any]) -> dict[str, Any] | None:
    """The body as it was sent: the recording keeps the names of its tools alone."""
    body: dict[str, Any] | None = request.get("body")
    if body is None:
        return None
    names = body.pop("tools_names", [])
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in names]
    return {**body, "tools": tools} if tools else body


def test_every_recorded_request_is_answered() -> None:
    async def main() -> None:
        responder = ScriptedResponder()
        embedder = FakeEmbedder()
        directory = FakeDirectory(aliases=ALIASES)
        requests = recorded()
        assert len(requests) > 50
        async with calling(a_service(responder, embedder=embedder, directory=directory)) as client:
            for request in requests:
                headers = {name: text for name, text in request["headers"].items() if name != "Content-Length"}
                answer = await client.request(
                    request["method"], request["path"], headers=headers, json=body_of(request)
                )
                assert answer.status_code == 200, (request["path"], answer.text)
                streamed = (request.get("body") or {}).get("stream") is True
                assert answer.headers["content-type"].startswith("text/event-stream") == streamed
        tasks = [bool(request["headers"].get("X-Task")) for request in requests if "chat" in request["path"]]
        assert [asked.priority == "background" for asked in responder.asked] == tasks
        assert any(tasks)
        assert any(asked.tools for asked in responder.asked)

    asyncio.run(main())
