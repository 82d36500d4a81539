"""OpenAI's own description of its API is the judge of what we send."""

import asyncio
import json
from typing import Any, cast

import httpx
import jsonschema_rs
import pytest
import yaml

from server.test_responses_events import USAGE, a_writer, written
from support.dialects import speaking
from support.fakes import STARTED
from support.shared import shared_data
from tandem.core.chat import (
    ChatEvent,
    Finished,
    RankedToken,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
)
from tandem.server.failures import Failure

TOKEN = RankedToken(text="a", raw=b"a", logprob=-1.0)
EVERYTHING: list[ChatEvent] = [
    ReasoningDelta(text="hm"),
    TextDelta(text="a", logprobs=(TokenLogprob(chosen=TOKEN, top=(TOKEN,)),)),
    ToolCallDelta(call_index=0, id="call_1", name="look", arguments="{}"),
]
EVENTS = {
    "error": "ResponseErrorEvent",
    "response.output_text.delta": "ResponseTextDeltaEvent",
    "response.output_text.done": "ResponseTextDoneEvent",
}


def schema_name(kind: str) -> str:
    """``response.content_part.added`` is described as ``ResponseContentPartAddedEvent``, and so on, but for a few."""
    words = kind.replace(".", "_").split("_")
    return EVENTS.get(kind, "".join(word.capitalize() for word in words) + "Event")


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    text = (shared_data("openai_openapi") / "openapi.yaml").read_text(encoding="utf-8")
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(text, Loader=loader)
    return cast("dict[str, Any]", json.loads(json.dumps(document["components"], default=str)))


def mistakes(described: dict[str, Any], name: str, value: object) -> list[str]:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": f"#/components/schemas/{name}",
        "components": described,
    }
    return [f"{list(error.instance_path)}: {error.message}" for error in jsonschema_rs.iter_errors(schema, value)]


@pytest.mark.shared_data
def test_every_kind_of_event_is_as_openai_describes_it(described: dict[str, Any]) -> None:
    broken = a_writer()
    broken.begin()
    events = [
        *written(*EVERYTHING, Finished(reason="tool_calls"), USAGE),
        *written(TextDelta(text="cut"), Finished(reason="length"), USAGE),
        *broken.fail(Failure(status=503, message="It ended.", kind="server_error", code="worker_died")),
    ]
    wrong: list[tuple[object, str]] = []
    for event in events:
        wrong += [(event["type"], mistake) for mistake in mistakes(described, schema_name(str(event["type"])), event)]
    assert wrong == []
    assert {str(event["type"]) for event in events} >= {"response.completed", "response.incomplete", "response.failed"}


ASKED: dict[str, object] = {
    "model": "thinker",
    "input": [
        {"role": "developer", "content": "Be brief."},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": [{"type": "input_text", "text": "Look."}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "function_call", "call_id": "call_0", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_0", "output": "blue"},
    ],
    "tools": [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}],
    "tool_choice": {"type": "function", "name": "look"},
    "text": {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": True}},
    "metadata": {"trace": "7"},
    "user": "someone",
    "top_p": 0.5,
}


@pytest.mark.shared_data
def test_whole_answers_lists_counts_and_errors_are_as_openai_describes_them(described: dict[str, Any]) -> None:
    script = [STARTED, *EVERYTHING, Finished(reason="tool_calls"), USAGE]

    async def main() -> None:
        async with speaking(script) as there, httpx.AsyncClient(base_url=f"{there.address}/v1") as client:
            answered = (await client.post("/responses", json=ASKED)).json()
            told = {
                "Response": answered,
                "ResponseItemList": (await client.get(f"/responses/{answered['id']}/input_items")).json(),
                "TokenCountsResource": (await client.post("/responses/input_tokens", json=ASKED)).json(),
                "ErrorResponse": (await client.get("/responses/resp_nowhere")).json(),
            }
        assert [(name, mistakes(described, name, value)) for name, value in told.items()] == [(n, []) for n in told]
        assert len(told["ResponseItemList"]["data"]) == 6

    asyncio.run(main())
