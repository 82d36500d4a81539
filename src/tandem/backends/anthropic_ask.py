"""A request in the words of Anthropic's Messages API. What cannot be said in them is refused, never left out."""

from collections.abc import Sequence

import msgspec

from tandem.backends.openai_ask import JsonObject, refuse_demands
from tandem.core.chat import ChatRequest, Message, ResponseFormat, Sampling, Tool
from tandem.core.errors import BadRequest, Unsupported

_DIALECT = "anthropic.messages"
USUAL_MAX_TOKENS = 16_384
"""Anthropic wants a limit in every request; this one is sent where the caller set none."""


def message_body(request: ChatRequest, upstream_id: str) -> bytes:
    """The JSON of ``POST /messages``. Raises `Unsupported` for what Anthropic cannot be told."""
    original = request.original
    body = dict(original.body) if original and original.dialect == _DIALECT else _translated(request)
    body["model"] = upstream_id
    if request.streamed:
        body["stream"] = True
    else:
        body.pop("stream", None)
    return msgspec.json.encode(body)


def _translated(request: ChatRequest) -> JsonObject:
    refuse_demands(request)
    _refuse_foreign(request)
    sampling = request.sampling
    body: JsonObject = {
        "max_tokens": sampling.max_tokens or USUAL_MAX_TOKENS,
        "messages": _turns(request.messages),
        "system": "\n\n".join(m.content for m in request.messages if m.role in {"system", "developer"}) or None,
        "stop_sequences": list(sampling.stop) or None,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k or None,
        "tools": [_tool(tool) for tool in request.tools] or None,
        "tool_choice": _tool_choice(request) if request.tools else None,
        "output_config": _output(request.response_format),
    }
    return {name: value for name, value in body.items() if value is not None}


def _refuse_foreign(request: ChatRequest) -> None:
    sampling: Sampling = request.sampling
    asked = {
        "prompt": request.raw_prompt is not None and not request.messages,
        "n": request.n > 1,
        "seed": sampling.seed is not None,
        "frequency_penalty": bool(sampling.frequency_penalty),
        "presence_penalty": bool(sampling.presence_penalty),
        "logit_bias": bool(sampling.logit_bias),
        "logprobs": sampling.logprobs,
        "ignore_eos": request.ignore_eos,
        "temperature": sampling.temperature is not None and sampling.temperature > 1,
        "response_format": request.response_format.kind == "json_object",
    }
    for name, wanted in asked.items():
        if wanted:
            raise Unsupported(
                f"Anthropic's models cannot be asked with this '{name}'. Leave it out, or choose another model.",
                param=name,
            )


def _turns(messages: Sequence[Message]) -> list[JsonObject]:
    """User and assistant turns; results of tools that follow one another are one turn."""
    turns: list[JsonObject] = []
    results: list[JsonObject] | None = None
    for at, message in enumerate(messages):
        if message.role == "tool":
            if results is None:
                results = []
                turns.append({"role": "user", "content": results})
            results.append(
                {"type": "tool_result", "tool_use_id": message.tool_call_id or "", "content": message.content}
            )
            continue
        if message.role in {"system", "developer"}:
            continue
        results = None
        content = _content(message, at)
        if content:
            turns.append({"role": message.role, "content": content})
    return turns


def _content(message: Message, at: int) -> str | list[JsonObject]:
    if not message.tool_calls:
        return message.content
    blocks: list[JsonObject] = [{"type": "text", "text": message.content}] if message.content else []
    blocks.extend(
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call.arguments, at)}
        for call in message.tool_calls
    )
    return blocks


def _input(arguments: str, at: int) -> JsonObject:
    try:
        return msgspec.json.decode(arguments or "{}", type=dict[str, object])
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(
            "The arguments of a tool call are no JSON object, and this model takes no others.",
            param=f"messages[{at}].tool_calls",
        ) from error


def _tool(tool: Tool) -> JsonObject:
    offer: JsonObject = {"name": tool.name, "input_schema": msgspec.Raw(tool.parameters_json.encode())}
    if tool.description:
        offer["description"] = tool.description
    if tool.strict:
        offer["strict"] = True
    return offer


def _tool_choice(request: ChatRequest) -> JsonObject | None:
    choice = request.tool_choice
    kinds = {"auto": "auto", "none": "none", "required": "any", "named": "tool"}
    asked: JsonObject = {"type": kinds[choice.mode]}
    if choice.mode == "named":
        asked["name"] = choice.name
    if not request.parallel_tool_calls and choice.mode != "none":
        asked["disable_parallel_tool_use"] = True
    return None if asked == {"type": "auto"} else asked


def _output(wanted: ResponseFormat) -> JsonObject | None:
    if wanted.kind != "json_schema":
        return None
    schema = msgspec.Raw((wanted.schema_json or "{}").encode())
    return {"format": {"type": "json_schema", "schema": schema}}
