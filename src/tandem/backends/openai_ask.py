"""A request in OpenAI's words. What cannot be said in them is refused, never left out."""

from typing import cast

import msgspec

from tandem.backends.quirks import Quirks
from tandem.core.chat import ChatRequest, Message, ResponseFormat, Sampling, Tool, ToolChoice
from tandem.core.errors import Unsupported

JsonObject = dict[str, object]
_DIALECT = "openai.chat"
_NOTHING_SPECIAL: JsonObject = {"n": 1, "logprobs": False, "top_logprobs": 0, "logit_bias": {}, "tool_choice": "auto"}


def chat_body(request: ChatRequest, upstream_id: str, quirks: Quirks) -> bytes:
    """The JSON of ``POST /chat/completions``. Raises `Unsupported` for what this far side cannot be told."""
    original = request.original
    if original is not None and original.dialect == _DIALECT:
        body = dict(original.body)
    else:
        body = _translated(request, quirks)
    return _finished(body, request, upstream_id, quirks)


def completion_body(request: ChatRequest, upstream_id: str, quirks: Quirks) -> bytes:
    """The JSON of ``POST /completions``, which continues a text. Raises `Unsupported` where there is no such thing."""
    if not quirks.completions:
        raise Unsupported(
            "This provider continues no plain text. Ask by chat messages, or choose another model.", param="prompt"
        )
    refuse_demands(request)
    body: JsonObject = {"prompt": request.raw_prompt, "max_tokens": request.sampling.max_tokens}
    body.update(_sampling(request, quirks))
    if request.sampling.logprobs:
        body["logprobs"] = request.sampling.top_logprobs
        body.pop("top_logprobs", None)
    if request.response_format.kind != "text":
        body["response_format"] = _format(request.response_format)
    return _finished(_set_ones(body), request, upstream_id, quirks)


def refuse_demands(request: ChatRequest) -> None:
    """Raise `Unsupported` for what only a far side that reads the caller's own words could honour."""
    for demand in request.demands:
        raise Unsupported(demand.why, param=demand.param)
    if request.unreadable or any(message.image_count for message in request.messages):
        raise Unsupported(
            "Attachments cannot be passed on to this model from this dialect. Send text alone, or choose another "
            "model.",
            param="messages",
        )


def _translated(request: ChatRequest, quirks: Quirks) -> JsonObject:
    refuse_demands(request)
    body: JsonObject = {"messages": [_message(message, quirks) for message in request.messages]}
    body["max_completion_tokens"] = request.sampling.max_tokens
    body.update(_sampling(request, quirks))
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        body["tool_choice"] = None if request.tool_choice.mode == "auto" else _tool_choice(request.tool_choice)
        if not request.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    if request.response_format.kind != "text":
        body["response_format"] = _format(request.response_format)
    return _set_ones(body)


def _finished(body: JsonObject, request: ChatRequest, upstream_id: str, quirks: Quirks) -> bytes:
    """The body as this provider wants it: its model, its names, and whether it streams."""
    body["model"] = upstream_id
    options = body.pop("stream_options", None)
    if request.streamed:
        body["stream"] = True
        if quirks.stream_usage:
            asked = cast("JsonObject", options) if isinstance(options, dict) else {}
            body["stream_options"] = {**asked, "include_usage": True}
    else:
        body.pop("stream", None)
    for name in quirks.drops & body.keys():
        del body[name]
    for name, theirs in quirks.renames.items():
        if name in body and theirs not in body:
            body[theirs] = body.pop(name)
    _refuse_unknown(body, quirks)
    return msgspec.json.encode(body)


def _refuse_unknown(body: JsonObject, quirks: Quirks) -> None:
    """Raise `Unsupported` for what is not known there; what asks for nothing special is left out instead."""
    modalities = body.get("modalities")
    if body.get("audio") is not None or (isinstance(modalities, list) and "audio" in modalities):
        raise Unsupported("Spoken answers cannot be passed on. Ask for text.", param="modalities")
    shape = body.get("response_format")
    kind = cast("JsonObject", shape).get("type") if isinstance(shape, dict) else ""
    for name in sorted(quirks.refuses & {*body, f"response_format.{kind}"}):
        field = name.partition(".")[0]
        if name == field and (body[field] is None or body[field] == _NOTHING_SPECIAL.get(field)):
            del body[field]
            continue
        raise Unsupported(
            f"The provider of this model does not know '{name}'. Leave it out, or choose another model.", param=field
        )


def _sampling(request: ChatRequest, quirks: Quirks) -> JsonObject:
    sampling = request.sampling
    _refuse_foreign(sampling, request, quirks)
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "n": request.n if request.n > 1 else None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "presence_penalty": sampling.presence_penalty or None,
        "logit_bias": {str(token): bias for token, bias in sampling.logit_bias.items()} or None,
        "logprobs": True if sampling.logprobs else None,
        "top_logprobs": sampling.top_logprobs if sampling.logprobs and sampling.top_logprobs else None,
        "ignore_eos": True if request.ignore_eos else None,
    }


def _refuse_foreign(sampling: Sampling, request: ChatRequest, quirks: Quirks) -> None:
    asked = {"top_k": sampling.top_k is not None, "ignore_eos": request.ignore_eos}
    for name, wanted in asked.items():
        if wanted and name not in quirks.knows:
            raise Unsupported(
                f"The provider of this model does not know '{name}'. Leave it out, or choose another model.", param=name
            )


def _message(message: Message, quirks: Quirks) -> JsonObject:
    role = "system" if message.role == "developer" and not quirks.developer else message.role
    wire: JsonObject = {"role": role, "content": message.content}
    if message.name:
        wire["name"] = message.name
    if message.tool_call_id:
        wire["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        wire["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
        wire["content"] = message.content or None
    return wire


def _tool(tool: Tool) -> JsonObject:
    function: JsonObject = {"name": tool.name, "parameters": msgspec.Raw(tool.parameters_json.encode())}
    if tool.description:
        function["description"] = tool.description
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice) -> object:
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def _format(wanted: ResponseFormat) -> JsonObject:
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    text = wanted.schema_json or "{}"
    schema: object = msgspec.json.decode(text)
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": msgspec.Raw(text.encode()), "strict": is_strict(schema)},
    }


def is_strict(schema: object) -> bool:
    """Whether a schema can be enforced by OpenAI: every object names all its properties as required, and no others."""
    if isinstance(schema, list):
        return all(is_strict(one) for one in cast("list[object]", schema))
    if not isinstance(schema, dict):
        return True
    node = cast("JsonObject", schema)
    properties = node.get("properties")
    if node.get("type") == "object" or isinstance(properties, dict):
        names = set(cast("JsonObject", properties)) if isinstance(properties, dict) else set[str]()
        required = node.get("required")
        listed = set(cast("list[str]", required)) if isinstance(required, list) else set[str]()
        if node.get("additionalProperties") is not False or names != listed:
            return False
    return all(is_strict(value) for value in node.values())


def _set_ones(body: JsonObject) -> JsonObject:
    return {name: value for name, value in body.items() if value is not None}
