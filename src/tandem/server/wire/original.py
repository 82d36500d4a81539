"""A body as its caller wrote it, for a far side that speaks the same dialect; and what leaves with it besides words.

Labels and other wishes that are meant for us are taken out. What the core's messages and tools do not hold is searched
for text, since it leaves as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

import msgspec

from tandem.core.chat import ChatRequest, Dialect, Original
from tandem.server.decode import decoded
from tandem.server.wire.attachments import Attachments
from tandem.server.wire.json_text import JsonObject
from tandem.server.wire.labels import label_of

Keys = frozenset[str]

_FORMAL: Keys = frozenset({"tool_choice", "thinking", "stream_options"})
"""Keys of a body whose strings are words of the format, unless somebody put others there."""
_PLAIN: Keys = _FORMAL | frozenset(
    {
        *("model", "messages", "system", "tools", "parallel_tool_calls"),
        *("temperature", "top_p", "top_k", "seed", "n", "max_tokens", "max_completion_tokens", "ignore_eos"),
        *("frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "top_logprobs"),
        *("stream", "store"),
    }
)
"""Keys of a body whose values are searched elsewhere, or are no text."""
_TURN: Keys = frozenset({"role", "content", "tool_calls", "tool_call_id", "reasoning_content"})
_SIMPLE: Keys = frozenset({"role", "content"})
_CALL: Keys = frozenset({"id", "type", "index", "function"})
_CALLED: Keys = frozenset({"name", "arguments"})
_NAMES: Keys = frozenset({"id", "name", "tool_use_id", "cache_control"})
_TOOL: Keys = frozenset({"type", "function", "name", "description", "input_schema", "strict", "cache_control"})
_FUNCTION: Keys = frozenset({"name", "description", "parameters", "strict"})
_TEXT: Mapping[str, Keys] = {"text": frozenset({"type", "text", "cache_control"})}
_PARTS: Mapping[tuple[Dialect, str], Mapping[str, Keys]] = {
    ("anthropic.messages", "assistant"): {
        **_TEXT,
        "thinking": frozenset({"type", "thinking", "signature"}),
        "redacted_thinking": frozenset({"type", "data"}),
        "tool_use": frozenset({"type", "id", "name", "input", "cache_control"}),
    },
    ("anthropic.messages", "user"): {
        **_TEXT,
        "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"}),
    },
}
"""For each type of part that becomes a message's text: the keys that the core holds. Others know text alone."""


def with_original(asked: ChatRequest, raw: bytes, dialect: Dialect) -> ChatRequest:
    """The request with the body that it was read from, and with what is attached there. ``raw`` was read before."""
    body = decoded(raw, dict[str, object])
    labels = dict.fromkeys((*asked.labels, *_labels_of_parts(body)))
    _strip(body)
    found = Attachments()
    found.search(body[key] for key in body.keys() - _PLAIN)
    if formal := body.keys() & _FORMAL:
        found.search_names(body[key] for key in formal)
    for block in _objects(body.get("system")):
        _search_part(block, _TEXT, found)
    for message in _objects(body.get("messages")):
        _search_turn(message, dialect, found)
    if asked.tools or body.get("tools"):
        _search_tools(body, asked, found)
    return replace(
        asked,
        labels=tuple(labels),
        original=Original(dialect=dialect, body=body),
        attachments_text=tuple(found.texts),
        unreadable=found.unreadable,
    )


def _labels_of_parts(body: JsonObject) -> Iterator[str]:
    """Labels that parts of messages carry, which bind the whole request; they are taken out, as those of messages are.

    Raises `BadRequest` for a label that is no text.
    """
    waiting = [("system", body.get("system")), ("messages", body.get("messages"))]
    while waiting:
        where, parts = waiting.pop()
        for at, part in enumerate(_objects(parts)):
            here = f"{where}[{at}]"
            waiting.append((f"{here}.content", part.get("content")))
            metadata = part.get("metadata")
            if where == "messages" or not isinstance(metadata, dict):
                continue
            held = cast("JsonObject", metadata)
            if label := label_of(held, f"{here}.metadata"):
                del held["label"]
                yield label


def _strip(body: JsonObject) -> None:
    """Take out what is meant for us alone: strict servers refuse keys that they do not know."""
    body.pop("private", None)
    match body.get("priority"):
        case "interactive" | "background":
            del body["priority"]
        case _:
            pass
    for metadata in _objects([body.get("metadata")]):
        metadata.pop("label", None)
        if not metadata:
            del body["metadata"]
    for message in _objects(body.get("messages")):
        message.pop("metadata", None)


def _search_turn(message: JsonObject, dialect: Dialect, found: Attachments) -> None:
    content = message.get("content")
    if isinstance(content, str) and message.keys() <= _SIMPLE:
        return
    found.search(message[key] for key in message.keys() - _TURN)
    if isinstance(message.get("audio"), dict):
        found.unreadable += 1
    if isinstance(content, list):
        known = _PARTS.get((dialect, str(message.get("role"))), _TEXT)
        for part in _objects(cast("object", content)):
            _search_part(part, known, found)
    found.search_names([message.get("tool_call_id")])
    for call in _objects(message.get("tool_calls")):
        _search_call(call, found)


def _search_part(part: JsonObject, known: Mapping[str, Keys], found: Attachments) -> None:
    held = known.get(str(part.get("type")))
    if held is None:
        found.search([part])
        return
    found.search(part[key] for key in part.keys() - held)
    found.search_names(part[key] for key in part.keys() & _NAMES)
    if "content" in held:
        for inner in _objects(part.get("content")):
            _search_part(inner, _TEXT, found)


def _search_call(call: JsonObject, found: Attachments) -> None:
    found.search(call[key] for key in call.keys() - _CALL)
    found.search_names([call.get("id")])
    function = call.get("function")
    if not isinstance(function, dict):
        return
    called = cast("JsonObject", function)
    found.search(called[key] for key in called.keys() - _CALLED)
    found.search_names([called.get("name")])
    arguments = called.get("arguments")
    if isinstance(arguments, str) and "\\" in arguments:
        found.search([_unescaped(arguments)])


def _search_tools(body: JsonObject, asked: ChatRequest, found: Attachments) -> None:
    """Tools that the core holds as they were sent are searched there; others, and escaped texts, here."""
    offered = list(_objects(body.get("tools")))
    whole = len(offered) == len(asked.tools)
    if not whole or any("\\" in tool.parameters_json for tool in asked.tools):
        found.search(offered)
        return
    for tool in offered:
        found.search(tool[key] for key in tool.keys() - _TOOL)
        found.search_names(tool[key] for key in tool.keys() & {"cache_control"})
        for function in _objects([tool.get("function")]):
            found.search(function[key] for key in function.keys() - _FUNCTION)


def _unescaped(text: str) -> object:
    """What JSON text says once its escapes are read; nothing where it is no JSON."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None


def _objects(value: object) -> Iterator[JsonObject]:
    if isinstance(value, list):
        for item in cast("list[object]", value):
            if isinstance(item, dict):
                yield cast("JsonObject", item)
