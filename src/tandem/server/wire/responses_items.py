"""Items of the Responses API and turns of a conversation, each told in terms of the other.

A model's turn is one message in our vocabulary, and up to several items here: what it thought, what it said, what it
called. Items are kept as they are listed later: normalized, each with an id.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from tandem.core.chat import Message, Role, ToolCall
from tandem.core.errors import BadRequest, Unsupported
from tandem.server.wire.fields import needed
from tandem.server.wire.json_text import JsonObject
from tandem.server.wire.labels import label_of
from tandem.server.wire.responses_ask import Item, Part

_ROLES: dict[str, Role] = {"user": "user", "system": "system", "developer": "developer", "assistant": "assistant"}


def normalized(sent: str | Sequence[Item] | None, new_id: Callable[[], str]) -> tuple[JsonObject, ...]:
    """The items that a caller sent, in the shape in which they are listed; references stay references.

    Raises `BadRequest` that names the field, and `Unsupported` for an item that no model here can be told of.
    """
    if sent is None:
        return ()
    if isinstance(sent, str):
        return (_message_item(Item(role="user", content=sent), "input", new_id),)
    return tuple(
        _labelled(_normalized_item(item, f"input[{at}]", new_id), item, f"input[{at}]") for at, item in enumerate(sent)
    )


def _labelled(listed: JsonObject, item: Item, param: str) -> JsonObject:
    for part in (*_parts(item.content), *_parts(item.output)):
        if part.metadata is not None:
            raise BadRequest(
                f"Invalid value for '{param}': labels belong to items. Move 'metadata' from the part to its item.",
                param=f"{param}.metadata",
            )
    label = label_of(item.metadata, f"{param}.metadata")
    return listed if label is None else {**listed, "metadata": {"label": label}}


def turns_of(items: Iterable[JsonObject]) -> tuple[Message, ...]:
    """The conversation that listed items tell. Raises `BadRequest` for the output of a call that nobody made."""
    fold = _Fold()
    for item in msgspec.convert(list(items), list[Item]):
        fold.add(item)
    fold.close_turn()
    return tuple(fold.messages)


@dataclass(slots=True)
class _Fold:
    """Gathers the items of one model's turn into one message."""

    messages: list[Message] = field(default_factory=list[Message])
    thought: str | None = None
    spoken: str | None = None
    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    label: str | None = None
    names: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, item: Item) -> None:
        label = label_of(item.metadata, "metadata")
        if label != self.label:
            self.close_turn()
            self.label = label
        match item.type:
            case "reasoning":
                self._think(item)
            case "function_call":
                self._call(item)
            case "function_call_output":
                self._hear(item)
            case _ if item.role == "assistant":
                self._speak(item)
            case _:
                self.close_turn()
                images = sum(part.type == "input_image" for part in _parts(item.content))
                role = _ROLES[item.role or "user"]
                self.messages.append(
                    Message(role=role, content=_text(item.content), image_count=images, label=self.label)
                )

    def close_turn(self) -> None:
        if self.thought is None and self.spoken is None and not self.calls:
            return
        self.messages.append(
            Message(
                role="assistant",
                content=self.spoken or "",
                reasoning=self.thought,
                tool_calls=tuple(self.calls),
                label=self.label,
            )
        )
        self.thought, self.spoken, self.calls = None, None, []

    def _think(self, item: Item) -> None:
        if self.spoken is not None or self.calls:
            self.close_turn()
        thought = _text(item.content) or _text(item.summary)
        self.thought = thought if self.thought is None else f"{self.thought}\n{thought}"

    def _speak(self, item: Item) -> None:
        if self.spoken is not None or self.calls:
            self.close_turn()
        self.spoken = _text(item.content)

    def _call(self, item: Item) -> None:
        call = ToolCall(id=item.call_id or "", name=item.name or "", arguments=item.arguments or "")
        self.names[call.id] = call.name
        self.calls.append(call)

    def _hear(self, item: Item) -> None:
        self.close_turn()
        call_id = item.call_id or ""
        if call_id not in self.names:
            raise BadRequest(f"No tool call found for function call output with call_id {call_id}.", param="input")
        images = sum(part.type == "input_image" for part in _parts(item.output))
        self.messages.append(
            Message(
                role="tool",
                content=_text(item.output),
                tool_call_id=call_id,
                name=self.names[call_id],
                image_count=images,
                label=self.label,
            )
        )


def _parts(content: str | Sequence[Part] | None) -> Sequence[Part]:
    return () if content is None or isinstance(content, str) else content


def _text(content: str | Sequence[Part] | None) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.text for part in content or () if part.text is not None)


def _normalized_item(item: Item, param: str, new_id: Callable[[], str]) -> JsonObject:
    match item.type:
        case "message":
            return _message_item(item, param, new_id)
        case "function_call":
            return {
                "id": item.id or f"fc_{new_id()}",
                "type": "function_call",
                "status": "completed",
                "call_id": needed(item.call_id, f"{param}.call_id"),
                "name": needed(item.name, f"{param}.name"),
                "arguments": needed(item.arguments, f"{param}.arguments"),
            }
        case "function_call_output":
            return {
                "id": item.id or f"fco_{new_id()}",
                "type": "function_call_output",
                "status": "completed",
                "call_id": needed(item.call_id, f"{param}.call_id"),
                "output": _output(item.output, f"{param}.output"),
            }
        case "reasoning":
            return _reasoning_item(item, param, new_id)
        case "item_reference":
            return {"type": "item_reference", "id": needed(item.id, f"{param}.id")}
        case _:
            raise Unsupported(
                f"'{param}.type' names an item that models here cannot be told of. Known are message, function_call, "
                "function_call_output, reasoning and item_reference.",
                param=f"{param}.type",
            )


def _message_item(item: Item, param: str, new_id: Callable[[], str]) -> JsonObject:
    role = _ROLES.get(item.role or "")
    if role is None:
        raise BadRequest(f"'{param}.role' must be one of user, assistant, system and developer.", param=f"{param}.role")
    content = needed(item.content, f"{param}.content")
    parts = [Part(type="input_text", text=content)] if isinstance(content, str) else content
    listed = [_part(part, f"{param}.content[{at}]") for at, part in enumerate(parts)]
    if role == "assistant":
        listed = [_spoken(part) for part in listed]
    own_id = item.id or f"msg_{new_id()}"
    return {"id": own_id, "type": "message", "status": "completed", "role": role, "content": listed}


def _reasoning_item(item: Item, param: str, new_id: Callable[[], str]) -> JsonObject:
    content = item.content if isinstance(item.content, list) else []
    return {
        "id": item.id or f"rs_{new_id()}",
        "type": "reasoning",
        "summary": [
            {"type": "summary_text", "text": needed(part.text, f"{param}.summary[{at}].text")}
            for at, part in enumerate(item.summary or ())
        ],
        "content": [
            {"type": "reasoning_text", "text": needed(part.text, f"{param}.content[{at}].text")}
            for at, part in enumerate(content)
        ],
    }


def _part(part: Part, param: str) -> JsonObject:
    match part.type:
        case "input_text" | "output_text" | "text":
            return {"type": "input_text", "text": needed(part.text, f"{param}.text")}
        case "refusal":
            return {"type": "input_text", "text": needed(part.refusal, f"{param}.refusal")}
        case "input_image":
            return {"type": "input_image", "detail": "auto", "image_url": None}
        case _:
            raise Unsupported(
                f"'{param}.type' names content that models here cannot read. Known are input_text, output_text, "
                "refusal and input_image.",
                param=f"{param}.type",
            )


def _spoken(part: JsonObject) -> JsonObject:
    spoken: JsonObject = {"type": "output_text", "annotations": [], "logprobs": []}
    return {**part, **spoken} if part["type"] == "input_text" else part


def _output(output: str | Sequence[Part] | None, param: str) -> str | list[JsonObject]:
    given = needed(output, param)
    return given if isinstance(given, str) else [_part(part, f"{param}[{at}]") for at, part in enumerate(given)]
