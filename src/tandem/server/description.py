"""GET /openapi.json: the description of this server, made from the very types that read and write its bodies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tandem import __version__
from tandem.server import probes
from tandem.server.decode import encoded
from tandem.server.service import Service
from tandem.server.sse import json_response
from tandem.server.wire import chat_body, chat_reply, completions, embeddings, messages_ask, models, responses_ask

Schema = dict[str, Any]


class OpenAIError(msgspec.Struct, kw_only=True):
    """What went wrong; ``param`` names the field at fault."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorBody(msgspec.Struct, kw_only=True):
    """An error of every path but Anthropic's."""

    error: OpenAIError


class AnthropicError(msgspec.Struct, kw_only=True):
    """What went wrong."""

    type: str
    message: str


class AnthropicErrorBody(msgspec.Struct, kw_only=True):
    """An error of /v1/messages."""

    error: AnthropicError
    type: Literal["error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path. ``asks`` and ``answers`` are structs; ``chunk`` is one event of its stream.

    ``answers`` of ``None`` is any JSON object; ``media`` is set where the answer is no JSON.
    """

    method: Literal["get", "post", "delete"]
    path: str
    summary: str
    asks: type | None = None
    answers: type | None = None
    chunk: type | None = None
    media: str | None = None
    also: dict[str, type] | None = None


OPERATIONS = (
    Operation(
        method="post",
        path="/v1/chat/completions",
        summary="Answer a conversation",
        asks=chat_body.ChatBody,
        answers=chat_reply.Completion,
        chunk=chat_reply.Chunk,
    ),
    Operation(
        method="post",
        path="/v1/completions",
        summary="Go on with a text",
        asks=completions.CompletionBody,
        answers=completions.TextCompletion,
        chunk=completions.TextCompletion,
    ),
    Operation(
        method="post",
        path="/v1/embeddings",
        summary="Turn texts into vectors",
        asks=embeddings.EmbeddingBody,
        answers=embeddings.EmbeddingList,
    ),
    Operation(method="post", path="/v1/responses", summary="Answer, and keep the answer", asks=responses_ask.Ask),
    Operation(method="get", path="/v1/responses/{response_id}", summary="An answer that was kept"),
    Operation(method="delete", path="/v1/responses/{response_id}", summary="Forget an answer"),
    Operation(method="get", path="/v1/responses/{response_id}/input_items", summary="What a kept answer answered"),
    Operation(method="post", path="/v1/messages", summary="Answer, as Anthropic does", asks=messages_ask.Ask),
    Operation(
        method="post",
        path="/v1/messages/count_tokens",
        summary="Count what a question would cost to read",
        asks=messages_ask.CountAsk,
    ),
    Operation(method="get", path="/v1/models", summary="Models that may be named", answers=models.ModelList),
    Operation(method="get", path="/v1/models/{model_id}", summary="One model", answers=models.Model),
    Operation(method="get", path="/healthz", summary="Alive", answers=probes.Alive),
    Operation(
        method="get",
        path="/readyz",
        summary="Whether the default model can answer",
        answers=probes.Ready,
        also={"503": probes.Ready},
    ),
    Operation(method="get", path="/metrics", summary="Counts and durations for Prometheus", media="text/plain"),
)


def routes(_: Service) -> list[Route]:
    """The one route of the description."""

    async def openapi(_: Request) -> Response:
        return json_response(_body())

    return [Route("/openapi.json", openapi, methods=["GET"])]


@cache
def _body() -> bytes:
    """Made at the first request, since that takes a while."""
    return encoded(document(OPERATIONS))


def document(operations: Sequence[Operation]) -> Schema:
    """The OpenAPI 3.1 document of some operations."""
    kinds = _kinds(operations)
    found, components = msgspec.json.schema_components(
        kinds, schema_hook=_anything, ref_template="#/components/schemas/{name}"
    )
    _free_lone_tags(components)
    schemas = dict(zip(kinds, found, strict=True))
    paths: dict[str, Schema] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tandem",
            "version": __version__,
            "description": "One OpenAI-compatible endpoint over models on this device and far away.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def _kinds(operations: Sequence[Operation]) -> list[type]:
    kinds: dict[type, None] = {OpenAIErrorBody: None, AnthropicErrorBody: None}
    for one in operations:
        for kind in (one.asks, one.answers, one.chunk, *(one.also or {}).values()):
            if kind is not None:
                kinds[kind] = None
    return list(kinds)


def _free_lone_tags(components: Schema) -> None:
    """A tag is only wanted where it tells the members of a union apart; alone, `msgspec` reads a body without it."""
    told_apart = {name.rpartition("/")[2] for name in _mapped(components)}
    for name, schema in components.items():
        if name not in told_apart:
            properties: Schema = schema.get("properties", {})
            tags = {field for field, kind in properties.items() if set(kind) == {"enum"} and len(kind["enum"]) == 1}
            schema["required"] = [field for field in schema.get("required", ()) if field not in tags]


def _mapped(node: object) -> Iterator[str]:
    """Every schema that a discriminator points to."""
    if isinstance(node, dict):
        found = cast("Schema", node)
        yield from found.get("mapping", {}).values()
        for value in found.values():
            yield from _mapped(value)
    elif isinstance(node, list):
        for value in cast("list[object]", node):
            yield from _mapped(value)


def _anything(kind: type) -> Schema:
    if kind is object:
        return {"description": "Any JSON value."}
    raise NotImplementedError


def _described(operation: Operation, schemas: dict[type, Schema]) -> Schema:
    name = operation.path.strip("/").translate(str.maketrans("/{}", "___"))
    described: Schema = {
        "summary": operation.summary,
        "operationId": f"{operation.method}_{name}",
        "responses": _responses(operation, schemas),
    }
    if "{" in operation.path:
        parameter = operation.path.partition("{")[2].partition("}")[0]
        described["parameters"] = [
            {"name": parameter, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        ]
    if operation.asks is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas[operation.asks]}},
        }
    return described


def _responses(operation: Operation, schemas: dict[type, Schema]) -> Schema:
    error = _error(operation, schemas)
    codes = ["401", "403", "404", "500"]
    if operation.method == "post":
        codes += ["400", "408", "413", "429", "502", "503"]
    if operation.path.startswith("/v1/responses"):
        codes += ["400", "503"]
    responses: Schema = {"200": _answer("The answer", _contents(operation, schemas))}
    for code in sorted({*codes}):
        responses[code] = _answer("An error", {"application/json": {"schema": error}})
    for code, kind in (operation.also or {}).items():
        responses[code] = _answer("Not now", {"application/json": {"schema": schemas[kind]}})
    return responses


def _error(operation: Operation, schemas: dict[type, Schema]) -> Schema:
    return schemas[AnthropicErrorBody if operation.path.startswith("/v1/messages") else OpenAIErrorBody]


def _contents(operation: Operation, schemas: dict[type, Schema]) -> Schema:
    if operation.media is not None:
        return {operation.media: {"schema": {"type": "string"}}}
    answers = schemas[operation.answers] if operation.answers is not None else {"type": "object"}
    contents: Schema = {"application/json": {"schema": answers}}
    if operation.asks is not None and "stream" in getattr(operation.asks, "__struct_fields__", ()):
        chunk = schemas[operation.chunk] if operation.chunk is not None else {"type": "object"}
        contents["text/event-stream"] = {"schema": _event(chunk, _error(operation, schemas))}
    return contents


def _event(chunk: Schema, error: Schema) -> Schema:
    """One event of a stream, which is how OpenAPI before 3.2 describes the whole."""
    body = {"type": "string", "contentMediaType": "application/json", "contentSchema": {"anyOf": [chunk, error]}}
    data = {"anyOf": [{"const": "[DONE]"}, body]}
    return {"type": "object", "properties": {"event": {"type": "string"}, "data": data}, "required": ["data"]}


def _answer(description: str, content: Schema) -> Schema:
    identifier = {"description": "The name of this request in the log", "schema": {"type": "string"}, "required": True}
    return {"description": description, "headers": {"x-tandem-request-id": identifier}, "content": content}
