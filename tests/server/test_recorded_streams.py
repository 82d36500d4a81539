"""OpenAI's recorded streams, played through our server, come out as the same answer and fit OpenAI's description."""

import asyncio
import functools
import json
from typing import Any, cast

import jsonschema_rs
import openai
import pytest
import yaml
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from support.clients import QUESTION, asking, calling
from support.fakes import STARTED, ScriptedResponder, Step
from support.serving import a_service
from support.shared import shared_data
from tandem.core.chat import Finished, RankedToken, TextDelta, TokenLogprob, ToolCallDelta, Usage

pytestmark = pytest.mark.shared_data
Chunks = list[dict[str, Any]]


def recordings() -> dict[str, Chunks]:
    """The chunks of every recorded stream."""
    found: dict[str, Chunks] = {}
    for path in sorted((shared_data("openai_sse_snapshots") / "streams").glob("*.bin")):
        lines = path.read_text("utf-8").split("\n\n")
        bodies = [line.removeprefix("data: ") for line in lines if line.startswith("data: {")]
        found[path.stem[:8]] = [json.loads(body) for body in bodies]
    return found


def script_of(chunks: Chunks) -> list[Step]:
    """What a model would have said to be recorded so. A refusal is text here."""
    steps: list[Step] = [STARTED]
    usage = Usage(prompt_tokens=0, completion_tokens=0)
    for chunk in chunks:
        for choice in chunk["choices"]:
            steps += steps_of(choice)
        if counts := chunk.get("usage"):
            usage = Usage(prompt_tokens=counts["prompt_tokens"], completion_tokens=counts["completion_tokens"])
    return [*steps, usage]


def steps_of(choice: dict[str, Any]) -> list[Step]:
    index, delta = choice["index"], choice["delta"]
    steps: list[Step] = []
    text = delta.get("content") or delta.get("refusal") or ""
    scores: dict[str, Any] = choice.get("logprobs") or {}
    tokens = tuple(scored(one) for one in scores.get("content") or scores.get("refusal") or ())
    if text or tokens:
        steps.append(TextDelta(text=text, index=index, logprobs=tokens))
    steps += [
        ToolCallDelta(
            index=index,
            call_index=call["index"],
            id=call.get("id"),
            name=call["function"].get("name"),
            arguments=call["function"].get("arguments") or "",
        )
        for call in delta.get("tool_calls", ())
    ]
    if choice["finish_reason"]:
        steps.append(Finished(reason=choice["finish_reason"], index=index))
    return steps


def scored(one: dict[str, Any]) -> TokenLogprob:
    own = RankedToken(text=one["token"], raw=bytes(one["bytes"] or b""), logprob=one["logprob"])
    return TokenLogprob(chosen=own)


def said_by(chunks: Chunks) -> dict[int, tuple[str, dict[int, list[str]], str | None, list[float]]]:
    """For each choice: its text, its calls (id, name, arguments), its end, and its scores."""
    answers: dict[int, tuple[str, dict[int, list[str]], str | None, list[float]]] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            text, calls, end, scores = answers.get(choice["index"], ("", {}, None, []))
            delta = choice["delta"]
            text += delta.get("content") or delta.get("refusal") or ""
            for call in delta.get("tool_calls", ()):
                known = calls.setdefault(call["index"], ["", "", ""])
                known[0] += call.get("id", "")
                known[1] += call["function"].get("name", "")
                known[2] += call["function"].get("arguments", "")
            logprobs: dict[str, Any] = choice.get("logprobs") or {}
            scores += [one["logprob"] for one in logprobs.get("content") or logprobs.get("refusal") or ()]
            answers[choice["index"]] = (text, calls, choice["finish_reason"] or end, scores)
    return answers


@functools.cache
def description() -> dict[str, Any]:
    """OpenAI's description of its interface, with ``nullable`` as a JSON Schema knows it."""
    text = (shared_data("openai_openapi") / "openapi.yaml").read_text("utf-8")
    found: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return {"components": with_null(found["components"])}


def with_null(node: Any) -> Any:  # noqa: ANN401
    if isinstance(node, list):
        return [with_null(one) for one in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    found = cast("dict[str, Any]", node)
    plain = {key: with_null(value) for key, value in found.items() if key not in {"nullable", "example", "examples"}}
    return {"anyOf": [plain, {"type": "null"}]} if found.get("nullable") is True else plain


@functools.cache
def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": f"#/components/schemas/{name}", **description()})


def test_every_recorded_stream_comes_out_as_the_same_answer() -> None:
    async def main(chunks: Chunks) -> None:
        responder = ScriptedResponder(script_of(chunks))
        async with calling(a_service(responder)) as client:
            body = {
                "model": "scripted",
                "messages": QUESTION,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
            answer = await client.post("/v1/chat/completions", json=body)
        events = answer.text.split("\n\n")
        assert events[-2:] == ["data: [DONE]", ""]
        ours: Chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
        assert said_by(ours) == said_by(chunks)
        assert ours[-1]["usage"]["total_tokens"] == chunks[-1]["usage"]["total_tokens"]
        for chunk in ours:
            ChatCompletionChunk.model_validate(chunk, strict=True)
            validator("CreateChatCompletionStreamResponse").validate(chunk)

    for chunks in recordings().values():
        asyncio.run(main(chunks))


def test_every_recorded_answer_is_gathered_by_the_client_as_it_was() -> None:
    async def main(chunks: Chunks) -> None:
        async with asking(a_service(ScriptedResponder(script_of(chunks)))) as client:
            whole = await client.chat.completions.create(model="scripted", messages=QUESTION, n=1)
        expected = said_by(chunks)
        assert [choice.message.content or "" for choice in whole.choices] == [
            expected[at][0] for at in sorted(expected)
        ]
        assert [choice.finish_reason for choice in whole.choices] == [expected[at][2] for at in sorted(expected)]
        plain = whole.model_dump(exclude_unset=True)
        ChatCompletion.model_validate(plain, strict=True)
        validator("CreateChatCompletionResponse").validate(plain)

    for chunks in recordings().values():
        asyncio.run(main(chunks))


def test_the_other_answers_fit_openais_description_too() -> None:
    async def main() -> None:
        async with calling(a_service()) as client:
            asked: list[tuple[str, str, dict[str, Any]]] = [
                ("/v1/completions", "CreateCompletionResponse", {"model": "scripted", "prompt": "x"}),
                ("/v1/embeddings", "CreateEmbeddingResponse", {"model": "vectors", "input": "x"}),
            ]
            for path, name, body in asked:
                validator(name).validate((await client.post(path, json=body)).json())
            validator("ListModelsResponse").validate((await client.get("/v1/models")).json())
            validator("Model").validate((await client.get("/v1/models/scripted")).json())
            for refused in ({}, {"model": "gpt-9", "messages": QUESTION}):
                validator("ErrorResponse").validate((await client.post("/v1/chat/completions", json=refused)).json())

    asyncio.run(main())


def test_the_validator_would_see_a_chunk_that_is_wrong() -> None:
    chunk = next(iter(recordings().values()))[0]
    validator("CreateChatCompletionStreamResponse").validate(chunk)
    with pytest.raises(jsonschema_rs.ValidationError):
        validator("CreateChatCompletionStreamResponse").validate({**chunk, "choices": [{"index": "0"}]})
    assert openai.__version__
