"""Every place of a request in which a text can stand, for every endpoint: each makes a whole body around a text."""

import base64
import json
from collections.abc import Callable, Mapping

Body = dict[str, object]
Place = Callable[[str], Body]
QUESTION = "What shall I do about it?"


def _chat(*before: Body, **fields: object) -> Body:
    return {"messages": [*before, {"role": "user", "content": QUESTION}], "max_tokens": 8, **fields}


def _with_tool(**function: object) -> Body:
    whole: Body = {"name": "look", "parameters": {"type": "object", "properties": {}}, **function}
    return _chat(tools=[{"type": "function", "function": whole}])


def _called(call_id: str = "c1", name: str = "look", arguments: str = "{}", result: object = "done") -> Body:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    turns: list[Body] = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": result},
    ]
    return _chat(*turns)


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(one):04x}" if ord(one) < 0x10000 else one for one in text)


def _file(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _schema(**schema: object) -> Body:
    whole: Body = {"type": "object", "properties": {}, **schema}
    return _chat(response_format={"type": "json_schema", "json_schema": {"name": "out", "schema": whole}})


def _parts(*parts: Body) -> Body:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}, *parts]}]}


CHAT: Mapping[str, Place] = {
    "content": lambda t: {"messages": [{"role": "user", "content": t}]},
    "a part": lambda t: _parts({"type": "text", "text": t}),
    "an unknown key of a part": lambda t: _parts({"type": "text", "text": "x", "cache": {"why": [t]}}),
    "system": lambda t: _chat({"role": "system", "content": t}),
    "developer": lambda t: _chat({"role": "developer", "content": [{"type": "text", "text": t}]}),
    "the name of a speaker": lambda t: _chat({"role": "user", "content": "x", "name": t}),
    "assistant": lambda t: _chat({"role": "user", "content": "x"}, {"role": "assistant", "content": t}),
    "a refusal": lambda t: _chat({"role": "assistant", "content": None, "refusal": t}),
    "thoughts": lambda t: _chat({"role": "assistant", "content": "x", "reasoning_content": t}),
    "an unknown key of a message": lambda t: _chat({"role": "user", "content": "x", "extra": {"deep": [{"er": t}]}}),
    "metadata of a message": lambda t: _chat({"role": "user", "content": "x", "metadata": {"note": t}}),
    "arguments": lambda t: _called(arguments=json.dumps({"note": t}, ensure_ascii=False)),
    "escaped arguments": lambda t: _called(arguments='{"note": "' + _escaped(t) + '"}'),
    "arguments that are no JSON": lambda t: _called(arguments=t),
    "the name of a call": lambda t: _called(name=t),
    "the id of a call": lambda t: _called(call_id=t),
    "a result": lambda t: _called(result=t),
    "a result in parts": lambda t: _called(result=[{"type": "text", "text": t}]),
    "a tool's description": lambda t: _with_tool(description=t),
    "a parameter's description": lambda t: _with_tool(
        parameters={"type": "object", "properties": {"a": {"type": "string", "description": t}}}
    ),
    "a parameter's name": lambda t: _with_tool(parameters={"type": "object", "properties": {t: {"type": "string"}}}),
    "a parameter's choices": lambda t: _with_tool(
        parameters={"type": "object", "properties": {"a": {"type": "string", "enum": [t]}}, "required": ["a"]}
    ),
    "a schema's description": lambda t: _schema(description=t),
    "a schema's key": lambda t: _schema(properties={t: {"type": "string"}}),
    "a schema's constant": lambda t: _schema(properties={"a": {"const": t}}),
    "stop": lambda t: _chat(stop=t),
    "stops": lambda t: _chat(stop=["END", t]),
    "metadata": lambda t: _chat(metadata={"note": t}),
    "a key of metadata": lambda t: _chat(metadata={t: "note"}),
    "user": lambda t: _chat(user=t),
    "safety_identifier": lambda t: _chat(safety_identifier=t),
    "prompt_cache_key": lambda t: _chat(prompt_cache_key=t),
    "service_tier": lambda t: _chat(service_tier=t),
    "prediction": lambda t: _chat(prediction={"type": "content", "content": t}),
    "prediction in parts": lambda t: _chat(prediction={"type": "content", "content": [{"type": "text", "text": t}]}),
    "web search": lambda t: _chat(web_search_options={"user_location": {"approximate": {"city": t}}}),
    "old functions": lambda t: _chat(functions=[{"name": "f", "description": t}]),
    "a custom tool": lambda t: _chat(tools=[{"type": "custom", "custom": {"name": "c", "description": t}}]),
    "an unknown field": lambda t: _chat(something_new={"a": [[t]]}),
    "an unknown key": lambda t: _chat(something_new={"a": {t: 1}}),
    "priority": lambda t: _chat(priority=t),
    "a file as a data address": lambda t: _parts(
        {"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64," + _file(t)}}
    ),
    "a file in base64": lambda t: _parts({"type": "file", "file": {"filename": "a.txt", "file_data": _file(t)}}),
    "the name of a file": lambda t: _parts({"type": "file", "file": {"filename": t, "file_data": _file("x")}}),
    "a picture's address": lambda t: _parts({"type": "image_url", "image_url": {"url": f"https://example.org/{t}"}}),
    "a picture": lambda t: _parts(
        {"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64," + _file(f"<svg>{t}</svg>")}}
    ),
    "a sound": lambda t: _parts({"type": "input_audio", "input_audio": {"data": _file(t), "format": "wav"}}),
    "a data address in an unknown field": lambda t: _chat(extra={"file": "data:text/plain;base64," + _file(t)}),
    "a message of a function": lambda t: _chat({"role": "function", "name": "f", "content": t}),
}
COMPLETIONS: Mapping[str, Place] = {
    "prompt": lambda t: {"prompt": t},
    "prompts": lambda t: {"prompt": ["Hello", t]},
    "stop": lambda t: {"prompt": QUESTION, "stop": [t]},
    "user": lambda t: {"prompt": QUESTION, "user": t},
    "suffix": lambda t: {"prompt": QUESTION, "suffix": t},
    "metadata": lambda t: {"prompt": QUESTION, "metadata": {"note": t}},
    "an unknown field": lambda t: {"prompt": QUESTION, "more": {t: t}},
}
RESPONSES: Mapping[str, Place] = {
    "input": lambda t: {"input": t},
    "an item": lambda t: {"input": [{"role": "user", "content": [{"type": "input_text", "text": t}]}]},
    "instructions": lambda t: {"input": QUESTION, "instructions": t},
    "an answer": lambda t: {
        "input": [
            {"role": "assistant", "content": [{"type": "output_text", "text": t}]},
            {"role": "user", "content": "?"},
        ]
    },
    "a call": lambda t: {
        "input": [
            {"type": "function_call", "call_id": "c", "name": "look", "arguments": '{"a": "' + _escaped(t) + '"}'},
            {"type": "function_call_output", "call_id": "c", "output": "done"},
        ]
    },
    "an output": lambda t: {
        "input": [
            {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": t},
        ]
    },
    "a tool": lambda t: {"input": QUESTION, "tools": [{"type": "function", "name": "look", "description": t}]},
    "a schema": lambda t: {
        "input": QUESTION,
        "text": {"format": {"type": "json_schema", "name": "o", "schema": {"type": "object", "description": t}}},
    },
    "metadata": lambda t: {"input": QUESTION, "metadata": {"note": t[:500]}},
    "user": lambda t: {"input": QUESTION, "user": t},
    "an unknown field": lambda t: {"input": QUESTION, "more": {t: t}},
}


def _claude(*before: Body, **fields: object) -> Body:
    return {"messages": [*before, {"role": "user", "content": QUESTION}], "max_tokens": 8, **fields}


def _used(text: str, result: object = "done") -> Body:
    return _claude(
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {"note": text}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": result}]},
    )


MESSAGES: Mapping[str, Place] = {
    "content": lambda t: {"messages": [{"role": "user", "content": t}], "max_tokens": 8},
    "a block": lambda t: _claude({"role": "user", "content": [{"type": "text", "text": t}]}),
    "system": lambda t: _claude(system=t),
    "system in blocks": lambda t: _claude(system=[{"type": "text", "text": t, "cache_control": {"type": "ephemeral"}}]),
    "assistant": lambda t: _claude({"role": "assistant", "content": [{"type": "text", "text": t}]}),
    "thoughts": lambda t: _claude(
        {"role": "assistant", "content": [{"type": "thinking", "thinking": t, "signature": "s"}]}
    ),
    "a call": _used,
    "a key of a call": lambda t: (
        _used("x") | {"tools": [{"name": "look", "input_schema": {"properties": {t: {"type": "string"}}}}]}
    ),
    "a result": lambda t: _used("x", t),
    "a result in blocks": lambda t: _used("x", [{"type": "text", "text": t}]),
    "a tool": lambda t: _claude(tools=[{"name": "look", "description": t, "input_schema": {"type": "object"}}]),
    "stop": lambda t: _claude(stop_sequences=[t]),
    "metadata": lambda t: _claude(metadata={"user_id": t}),
    "a document": lambda t: _claude(
        {
            "role": "user",
            "content": [
                {"type": "document", "title": "d", "source": {"type": "text", "media_type": "text/plain", "data": t}}
            ],
        }
    ),
    "a document in base64": lambda t: _claude(
        {
            "role": "user",
            "content": [
                {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": _file(t)}},
                {"type": "text", "text": "x"},
            ],
        }
    ),
    "citations": lambda t: _claude(
        {"role": "user", "content": [{"type": "text", "text": "x", "citations": [{"cited": t}]}]}
    ),
    "an unknown field": lambda t: _claude(something={"new": [t]}),
    "mcp": lambda t: _claude(mcp_servers=[{"type": "url", "name": t, "url": "https://example.org"}]),
}
EMBEDDINGS: Mapping[str, Place] = {
    "input": lambda t: {"input": t},
    "inputs": lambda t: {"input": ["x", t]},
    "user": lambda t: {"input": "x", "user": t},
}
ENDPOINTS: Mapping[str, Mapping[str, Place]] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": COMPLETIONS,
    "/v1/responses": RESPONSES,
    "/v1/messages": MESSAGES,
    "/v1/embeddings": EMBEDDINGS,
}
