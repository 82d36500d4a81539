"""The events of one message, as Anthropic streams them, and the message that they add up to.

Pure bookkeeping: chat events in, wire events out. Every block that is started is stopped before the message is, and
the deltas of a block add up to its content.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from tandem.core.chat import ChatEvent, Finished, ReasoningDelta, Started, TextDelta, ToolCallDelta, Usage
from tandem.server.wire.json_text import JsonObject

BlockKind = Literal["text", "thinking", "tool_use"]
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_DELTAS: dict[BlockKind, tuple[str, str]] = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}


@dataclass(slots=True, kw_only=True)
class _Block:
    """A content block. ``call`` is its number among the tool calls, where it is one."""

    at: int
    kind: BlockKind
    call: int | None = None
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def empty(self) -> JsonObject:
        match self.kind:
            case "text":
                return {"type": "text", "text": ""}
            case "thinking":
                return {"type": "thinking", "thinking": "", "signature": ""}
            case "tool_use":
                return {"type": "tool_use", "id": self.id, "name": self.name, "input": {}}

    def whole(self) -> JsonObject:
        match self.kind:
            case "text":
                return {**self.empty(), "text": self.text}
            case "thinking":
                return {**self.empty(), "thinking": self.text}
            case "tool_use":
                return {**self.empty(), "input": _input(self.text)}


class MessageWriter:
    """Writes one message. Call `begin` once, `add` for every chat event, then `end`; `message` is the whole.

    ``shows_thoughts`` false leaves thinking blocks empty. ``bounded`` says that the caller's ``max_tokens`` bounds the
    answer; where it does not, an answer that grew too long met the end of the model's context.
    """

    def __init__(
        self, *, message_id: str, model: str, new_id: Callable[[], str], shows_thoughts: bool, bounded: bool
    ) -> None:
        self._id = message_id
        self._model = model
        self._new_id = new_id
        self._shows_thoughts = shows_thoughts
        self._bounded = bounded
        self._blocks: list[_Block] = []
        self._open: list[_Block] = []
        self._finished: Finished | None = None
        self._usage: Usage | None = None

    def begin(self, prompt_tokens: int | None = None) -> list[JsonObject]:
        """The message is there. How much of its prompt was cached is told at its end, when it is known."""
        message = self.message()
        if prompt_tokens is not None:
            message["usage"] = {**_usage(Usage(prompt_tokens=prompt_tokens, completion_tokens=0)), **_TIER}
        return [{"type": "message_start", "message": message}, {"type": "ping"}]

    def add(self, event: ChatEvent) -> list[JsonObject]:
        """What one chat event means on the wire."""
        match event:
            case Started():
                return []
            case TextDelta(text=text):
                return self._write("text", text) if text else []
            case ReasoningDelta(text=text):
                return self._write("thinking", text) if text else []
            case ToolCallDelta():
                return self._call(event)
            case Finished():
                self._finished = event
                return self._close()
            case Usage():
                self._usage = event
                return []

    def end(self) -> list[JsonObject]:
        """The message is whole. Raises `ValueError` where the chat events were not."""
        if self._finished is None or self._usage is None:
            raise ValueError("a stream of chat events ends with Finished and Usage")
        return [
            {"type": "message_delta", "delta": self._stop(), "usage": _usage(self._usage)},
            {"type": "message_stop"},
        ]

    def message(self) -> JsonObject:
        """The message as far as it came."""
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [block.whole() for block in self._blocks],
            **self._stop(),
            "usage": {**_usage(self._usage or Usage(prompt_tokens=0, completion_tokens=0)), **_TIER},
        }

    def _stop(self) -> JsonObject:
        finished = self._finished
        if finished is None:
            return {"stop_reason": None, "stop_sequence": None}
        reason = _STOP_REASONS[finished.reason]
        if reason == "max_tokens" and not self._bounded:
            reason = "model_context_window_exceeded"
        if reason == "end_turn" and finished.stop_sequence is not None:
            reason = "stop_sequence"
        return {"stop_reason": reason, "stop_sequence": finished.stop_sequence}

    def _write(self, kind: BlockKind, text: str) -> list[JsonObject]:
        block = self._open[-1] if self._open else None
        events: list[JsonObject] = []
        if block is None or block.kind != kind:
            block = _Block(at=len(self._blocks), kind=kind)
            events += [*self._close(), self._start(block)]
        if kind == "thinking" and not self._shows_thoughts:
            return events
        return [*events, _delta(block, text)]

    def _call(self, delta: ToolCallDelta) -> list[JsonObject]:
        block = next((one for one in self._open if one.call == delta.call_index), None)
        events: list[JsonObject] = []
        if block is None:
            block = _Block(
                at=len(self._blocks),
                kind="tool_use",
                call=delta.call_index,
                id=delta.id or f"toolu_{self._new_id()}",
                name=delta.name or "",
            )
            events += [*self._close(keeping_unfinished_calls=True), self._start(block)]
        return [*events, _delta(block, delta.arguments)] if delta.arguments else events

    def _start(self, block: _Block) -> JsonObject:
        self._open.append(block)
        self._blocks.append(block)
        return {"type": "content_block_start", "index": block.at, "content_block": block.empty()}

    def _close(self, *, keeping_unfinished_calls: bool = False) -> list[JsonObject]:
        closing = [
            block
            for block in self._open
            if not (keeping_unfinished_calls and block.kind == "tool_use" and _decoded(block.text) is None)
        ]
        self._open = [block for block in self._open if block not in closing]
        return [{"type": "content_block_stop", "index": block.at} for block in closing]


def _delta(block: _Block, text: str) -> JsonObject:
    block.pieces.append(text)
    kind, name = _DELTAS[block.kind]
    return {"type": "content_block_delta", "index": block.at, "delta": {"type": kind, name: text}}


def _input(text: str) -> JsonObject:
    """The arguments of a call; words that are no JSON object get the name under which Anthropic passes them on."""
    value = _decoded(text) if text else {}
    return {"INVALID_JSON": text} if value is None else value


def _decoded(text: str) -> JsonObject | None:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return None


_TIER = {"service_tier": "standard"}


def _usage(usage: Usage) -> JsonObject:
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }
