"""The turns of Anthropic's Messages API, read into the core's messages.

A tool's result is a block of the person's turn there and a message of its own here; two turns of one role in a row
are one turn, as Anthropic says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tandem.core.chat import Demand, Message, Role, ToolCall
from tandem.core.demands import demanded
from tandem.core.errors import BadRequest, Unsupported
from tandem.server.wire.conversation import no_pictures
from tandem.server.wire.fields import needed
from tandem.server.wire.json_text import json_text
from tandem.server.wire.labels import label_of
from tandem.server.wire.messages_ask import Block, TextBlock, Turn


def messages_of(
    system: str | Sequence[TextBlock] | None, turns: Sequence[Turn], demands: list[Demand]
) -> tuple[Message, ...]:
    """Read a conversation, and add to ``demands`` what no model here can be told, and a prefill.

    Raises `BadRequest` that names the block at fault.
    """
    if turns[-1].role == "assistant":
        prefill = "No model here continues an assistant's turn: the conversation must end with a user message."
        demands.append(demanded(Unsupported(prefill, param="messages")))
    fold = _Fold(demands)
    prompt = system if isinstance(system, str) else "\n".join(block.text for block in system or ())
    if prompt:
        fold.messages.append(Message(role="system", content=prompt))
    for at, turn in enumerate(turns):
        fold.add(turn, f"messages[{at}]")
    return tuple(fold.messages)


@dataclass(slots=True)
class _Fold:
    """The messages so far, and which tools their calls named. ``label`` is that of the turn which is read now."""

    demands: list[Demand]
    label: str | None = None
    messages: list[Message] = field(default_factory=list[Message])
    names: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, turn: Turn, param: str) -> None:
        blocks = [Block(type="text", text=turn.content)] if isinstance(turn.content, str) else turn.content
        self.label = label_of(turn.metadata, f"{param}.metadata")
        if any(block.type == "image" for block in _with_results(blocks)) and turn.role != "assistant":
            self.demands.append(demanded(no_pictures(param)))
        match turn.role:
            case "assistant":
                self._say(self._assistant(blocks, f"{param}.content"))
            case "user" | "system":
                self._hear(turn.role, blocks, f"{param}.content")

    def _hear(self, role: Role, blocks: Sequence[Block], param: str) -> None:
        waiting: list[Block] = []
        for at, block in enumerate(blocks):
            where = f"{param}[{at}]"
            if block.type == "tool_result" and role == "user":
                self._told(role, waiting, param)
                waiting = []
                self.messages.append(self._result(block, where))
            else:
                self._check_readable(block, where)
                waiting.append(block)
        if waiting or not blocks:
            self._told(role, waiting, param)

    def _told(self, role: Role, blocks: Sequence[Block], param: str) -> None:
        if blocks:
            text, images = _text(blocks, param), _images(blocks)
            self._say(Message(role=role, content=text, image_count=images, label=self.label))

    def _say(self, message: Message) -> None:
        for call in message.tool_calls:
            self.names[call.id] = call.name
        last = self.messages[-1] if self.messages else None
        if last is None or (last.role, last.label) != (message.role, message.label) or last.role == "system":
            self.messages.append(message)
            return
        self.messages[-1] = replace(
            last,
            content="\n".join(text for text in (last.content, message.content) if text),
            reasoning="\n".join(text for text in (last.reasoning, message.reasoning) if text) or None,
            tool_calls=(*last.tool_calls, *message.tool_calls),
            image_count=last.image_count + message.image_count,
        )

    def _result(self, block: Block, param: str) -> Message:
        call_id = block.tool_use_id or ""
        if call_id not in self.names:
            raise BadRequest(
                f"'{param}.tool_use_id' is not the id of a 'tool_use' block in an earlier message.",
                param=f"{param}.tool_use_id",
            )
        content = block.content
        if isinstance(content, dict):
            raise BadRequest(f"'{param}.content' must be a string or a list of blocks.", param=f"{param}.content")
        blocks = [Block(type="text", text=content)] if isinstance(content, str) else content or []
        for at, inner in enumerate(blocks):
            self._check_readable(inner, f"{param}.content[{at}]")
        text = _text(blocks, f"{param}.content")
        return Message(
            role="tool",
            content=f"Error: {text}" if block.is_error else text,
            tool_call_id=call_id,
            name=self.names[call_id],
            image_count=_images(blocks),
            label=self.label,
        )

    def _assistant(self, blocks: Sequence[Block], param: str) -> Message:
        texts: list[str] = []
        thoughts: list[str] = []
        calls: list[ToolCall] = []
        for at, block in enumerate(blocks):
            where = f"{param}[{at}]"
            match block.type:
                case "text":
                    texts.append(needed(block.text, f"{where}.text"))
                case "thinking":
                    thoughts.append(needed(block.thinking, f"{where}.thinking"))
                case "redacted_thinking":
                    pass  # thoughts of another provider's model, sealed by it: nobody here can read them
                case "tool_use":
                    calls.append(_call(block, where))
                case _:
                    self._demand(where, "text, thinking, redacted_thinking and tool_use")
        return Message(
            role="assistant",
            content="\n".join(texts),
            reasoning="\n".join(thoughts) or None,
            tool_calls=tuple(calls),
            label=self.label,
        )

    def _check_readable(self, block: Block, param: str) -> None:
        if block.type not in {"text", "image"}:
            self._demand(param, "text, image and tool_result")

    def _demand(self, param: str, known: str) -> None:
        why = f"'{param}.type' names content that models here cannot read. Known are {known}."
        self.demands.append(demanded(Unsupported(why, param=f"{param}.type")))


def _call(block: Block, param: str) -> ToolCall:
    return ToolCall(
        id=needed(block.id, f"{param}.id"),
        name=needed(block.name, f"{param}.name"),
        arguments=json_text(block.input or {}, f"{param}.input"),
    )


def _text(blocks: Sequence[Block], param: str) -> str:
    return "\n".join(
        needed(block.text, f"{param}[{at}].text") for at, block in enumerate(blocks) if block.type == "text"
    )


def _images(blocks: Sequence[Block]) -> int:
    return sum(block.type == "image" for block in blocks)


def _with_results(blocks: Sequence[Block]) -> Iterator[Block]:
    """Blocks, and those within tools' results."""
    for block in blocks:
        yield block
        if block.type == "tool_result" and isinstance(block.content, list):
            yield from block.content
