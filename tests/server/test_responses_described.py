"""OpenAI's own description of its API is the judge of what we send."""

import json
from typing import Any, cast

import jsonschema_rs
import pytest
import yaml

from server.test_responses_events import USAGE, a_writer, written
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
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": f"#/components/schemas/{schema_name(str(event['type']))}",
            "components": described,
        }
        wrong += [(event["type"], error.message) for error in jsonschema_rs.iter_errors(schema, event)]
    assert wrong == []
    assert {str(event["type"]) for event in events} >= {"response.completed", "response.incomplete", "response.failed"}
