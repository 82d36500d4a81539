"""Messages and tools in the shapes that chat templates expect."""

import json
from collections.abc import Callable, Sequence
from typing import cast

from tandem.core.chat import Message, Tool, ToolCall
from tandem.engine.language.grammar import read_schema

Clean = Callable[[str], str]
Turn = dict[str, object]


def turns(messages: Sequence[Message], clean: Clean, *, arguments_as_text: bool = False) -> list[Turn]:
    """Messages for a template that knows tools. ``clean`` goes over every text that a caller wrote.

    ``arguments_as_text`` leaves the arguments of earlier calls as JSON text, which some templates concatenate.
    """
    return [_turn(message, clean, arguments_as_text=arguments_as_text) for message in messages]


def plain_turns(messages: Sequence[Message], clean: Clean) -> list[Turn]:
    """Messages for a template that does not know tools: calls and their results become readable text."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    plain: list[Turn] = []
    result_before = False
    for message in messages:
        turn: Turn = _turn(message, clean, arguments_as_text=True)
        turn.pop("tool_calls", None)
        is_result = message.role == "tool"
        if message.tool_calls:
            calls = "\n".join(
                f"[Called {clean(call.name)} with {clean(call.arguments)}]" for call in message.tool_calls
            )
            turn["content"] = f"{turn['content']}\n{calls}".strip("\n")
        if is_result:
            name = message.name or names.get(message.tool_call_id or "", "the tool")
            turn = {"role": "user", "content": f"[Result of {clean(name)}]\n{turn['content']}"}
        if is_result and result_before:
            plain[-1]["content"] = f"{plain[-1]['content']}\n\n{turn['content']}"
        else:
            plain.append(turn)
        result_before = is_result
    return plain


def tool_descriptions(tools: Sequence[Tool], clean: Clean) -> list[Turn]:
    """Tools as Hugging Face's templates expect them: OpenAI's wrapped form."""
    return [
        {
            "type": "function",
            "function": {
                "name": clean(tool.name),
                "description": clean(tool.description),
                "parameters": _cleaned(read_schema(tool.parameters_json, f"tools[{at}].function.parameters"), clean),
            },
        }
        for at, tool in enumerate(tools)
    ]


def put_tools_in_system(turns: list[Turn], tools_json: str) -> None:
    """Give the system message (made where there is none) the tools as text, for templates that read them there."""
    if not turns or turns[0]["role"] != "system":
        turns.insert(0, {"role": "system", "content": ""})
    turns[0]["tools"] = tools_json


def texts(messages: Sequence[Message], tools: Sequence[Tool]) -> list[str]:
    """Every text that a caller wrote."""
    found: list[str] = []
    for message in messages:
        found += [message.content, message.name or "", message.reasoning or "", message.tool_call_id or ""]
        for call in message.tool_calls:
            found += [call.id, call.name, call.arguments]
    for tool in tools:
        found += [tool.name, tool.description, tool.parameters_json]
    return found


def _turn(message: Message, clean: Clean, *, arguments_as_text: bool) -> Turn:
    content, reasoning = _without_thoughts(message)
    turn: Turn = {"role": "system" if message.role == "developer" else message.role, "content": clean(content)}
    if reasoning:
        turn["reasoning_content"] = clean(reasoning)
    if message.name:
        turn["name"] = clean(message.name)
    if message.tool_call_id:
        turn["tool_call_id"] = clean(message.tool_call_id)
    if message.tool_calls:
        turn["tool_calls"] = [_call(call, clean, arguments_as_text=arguments_as_text) for call in message.tool_calls]
    return turn


def _without_thoughts(message: Message) -> tuple[str, str]:
    """Clients that show thoughts as text send them back as text; here they become reasoning again."""
    content, reasoning = message.content, message.reasoning or ""
    if message.role == "assistant" and content.lstrip().startswith("<think>") and "</think>" in content:
        thoughts, _, content = content.lstrip().removeprefix("<think>").partition("</think>")
        return content.lstrip("\n"), reasoning or thoughts.strip("\n")
    return content, reasoning


def _call(call: ToolCall, clean: Clean, *, arguments_as_text: bool) -> Turn:
    arguments: object = clean(call.arguments)
    if not arguments_as_text:
        try:
            arguments = _cleaned(json.loads(call.arguments or "{}"), clean)
        except (ValueError, RecursionError):
            arguments = clean(call.arguments)
    return {"id": clean(call.id), "type": "function", "function": {"name": clean(call.name), "arguments": arguments}}


def _cleaned(value: object, clean: Clean) -> object:
    """A JSON value with ``clean`` gone over every text in it."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(one, clean) for one in cast("list[object]", value)]
    if isinstance(value, dict):
        return {clean(key): _cleaned(one, clean) for key, one in cast("dict[str, object]", value).items()}
    return value
