"""Whatever is sent to the two dialects, the answer is a status of theirs, with an error of their shape or with text."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.dialects import speaking
from support.fakes import said
from support.shared import shared_data
from tandem.server.wire import messages_ask, responses_ask

Json = Any
ASKS: dict[str, dict[str, Json]] = {
    "/v1/responses": {"model": "scripted", "input": "Hi"},
    "/v1/responses/input_tokens": {"model": "scripted", "input": "Hi"},
    "/v1/messages": {"model": "scripted", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    "/v1/messages/count_tokens": {"model": "scripted", "messages": [{"role": "user", "content": "Hi"}]},
}
FIELDS: dict[str, Sequence[str]] = {
    "responses": responses_ask.Ask.__struct_fields__,
    "messages": messages_ask.Ask.__struct_fields__,
}
WORDS = [
    "type",
    "role",
    "content",
    "text",
    "name",
    "id",
    "input",
    "output",
    "call_id",
    "arguments",
    "function",
    "input_text",
    "output_text",
    "message",
    "user",
    "assistant",
    "system",
    "function_call",
    "function_call_output",
    "reasoning",
    "item_reference",
    "image",
    "input_image",
    "tool_use",
    "tool_result",
    "tool_use_id",
    "thinking",
    "json_schema",
    "schema",
    "format",
    "auto",
    "any",
    "required",
    "enabled",
    "strict",
    "parameters",
]

names = st.one_of(st.sampled_from(WORDS), st.text(max_size=5))
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), names)
values = st.recursive(
    leaves,
    lambda deeper: st.one_of(st.lists(deeper, max_size=3), st.dictionaries(names, deeper, max_size=5)),
    max_leaves=12,
)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, dict[str, Json]]:
    """A request that works, with some fields set to anything."""
    path = draw(st.sampled_from(sorted(ASKS)))
    fields = FIELDS["responses" if "responses" in path else "messages"]
    changed: dict[str, Json] = draw(st.dictionaries(st.sampled_from(fields), values, max_size=3))
    return path, {**ASKS[path], **changed}


def check(path: str, answer: httpx.Response) -> None:
    """The answer is one of the dialect's, and no leak."""
    assert answer.status_code in {200, 400, 404}, answer.text
    assert "Traceback" not in answer.text
    if answer.status_code != 200:
        kind = answer.json()["error"]["type"]
        known = {"invalid_request_error", "not_found_error"} if "messages" in path else {"invalid_request_error"}
        assert kind in known


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(bodies(), min_size=20, max_size=40))
def test_no_body_breaks_the_server(asked: list[tuple[str, dict[str, Json]]]) -> None:
    async def main() -> None:
        async with speaking() as there, httpx.AsyncClient(base_url=there.address) as client:
            for path, body in asked:
                check(path, await client.post(path, content=json.dumps(body)))
            assert (await client.get("/healthz")).status_code == 200

    asyncio.run(main())


@pytest.mark.shared_data
def test_hostile_strings_travel_unharmed_through_both_dialects_and_the_store() -> None:
    strings: list[str] = json.loads((shared_data("naughty_strings") / "blns.json").read_text(encoding="utf-8"))

    async def main() -> None:
        async with speaking(said(*strings)) as there:
            response = await there.openai.responses.create(
                model="scripted",
                instructions="".join(strings),
                input=[{"role": "user", "content": text} for text in strings],
            )
            kept = await there.openai.responses.retrieve(response.id)
            assert kept.output_text == kept.instructions == "".join(strings)
            listed = there.openai.responses.input_items.list(response.id, order="asc", limit=100)
            assert [item.to_dict()["content"] async for item in listed] == [
                [{"type": "input_text", "text": text}] for text in strings
            ]
            async with there.anthropic.messages.stream(
                model="scripted",
                max_tokens=9,
                messages=[{"role": "user", "content": [{"type": "text", "text": text} for text in strings]}],
            ) as stream:
                assert [word async for word in stream.text_stream] == [text for text in strings if text]
            heard, last = (asked.messages for asked in there.responder.asked)
            assert [message.content for message in heard[1:]] == strings
            assert last[-1].content == "\n".join(strings)

    asyncio.run(main())
