"""An answer of Anthropic's Messages API as core events: event by event, or in one piece."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from tandem.backends.converse import ErrorEvent
from tandem.backends.sse import Frame
from tandem.core.chat import ChatEvent, Finished, FinishReason, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from tandem.core.errors import Unreachable

_REASONS: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class Tally(Struct):
    """Token counts. ``input_tokens`` are those that were neither read from a cache nor written to one."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class Block(Struct):
    """A content block, or its beginning."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, object] | None = None


class Change(Struct):
    """What a delta brings, to a block or to the message."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class Whole(Struct):
    """A message: in one piece, or as ``message_start`` gives it."""

    content: list[Block] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: Tally | None = None


class Event(Struct):
    """One event of a stream, whatever its type."""

    type: str = ""
    index: int = 0
    message: Whole | None = None
    content_block: Block | None = None
    delta: Change | None = None
    usage: Tally | None = None


class Answered(Whole):
    """An answer in one piece, which may be an error."""

    type: str = ""


_EVENTS = msgspec.json.Decoder(Event)
_WHOLE = msgspec.json.Decoder(Answered)


class MessageAnswer:
    """Reads one answer (a `tandem.backends.converse.Reader`)."""

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._calls: dict[int, int] = {}
        self._silent_calls: set[int] = set()
        self._tally = Tally()
        self.finished = False
        self.done = False
        self.said_characters = 0

    @property
    def usage(self) -> Usage | None:
        """What was counted; ``None`` where nothing was told."""
        tally = self._tally
        if tally.input_tokens is None or tally.output_tokens is None:
            return None
        cached = tally.cache_read_input_tokens or 0
        return Usage(
            prompt_tokens=tally.input_tokens + cached + (tally.cache_creation_input_tokens or 0),
            completion_tokens=tally.output_tokens,
            cached_tokens=cached,
        )

    def frame(self, frame: Frame) -> list[ChatEvent]:
        """The events of one server-sent event. Raises `ErrorEvent`, and `Unreachable` for nonsense."""
        try:
            event = _EVENTS.decode(frame.data)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._nonsense() from error
        match event.type:
            case "content_block_delta" if event.delta is not None:
                return self._delta(event.delta, event.index)
            case "content_block_start" if event.content_block is not None:
                return self._begin(event.content_block, event.index)
            case "content_block_stop" if event.index in self._silent_calls:
                return self._argue("{}", event.index)
            case "message_start" if event.message is not None:
                self._count(event.message.usage)
            case "message_delta" if event.delta is not None:
                self._count(event.usage)
                return self._finish(event.delta.stop_reason, event.delta.stop_sequence)
            case "message_stop":
                self.done = True
            case "error":
                raise ErrorEvent(frame.data)
            case _:
                pass
        return []

    def whole(self, payload: bytes) -> list[ChatEvent]:
        """The events of an answer in one piece. Raises as `frame` does."""
        try:
            message = _WHOLE.decode(payload)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._nonsense() from error
        if message.type == "error":
            raise ErrorEvent(payload)
        events: list[ChatEvent] = []
        for index, block in enumerate(message.content or ()):
            events.extend(self._begin(block, index))
            if block.type == "tool_use":
                events.extend(self._argue(msgspec.json.encode(block.input or {}).decode(), index))
        self._count(message.usage)
        return events + self._finish(message.stop_reason, message.stop_sequence)

    def _begin(self, block: Block, index: int) -> list[ChatEvent]:
        if block.type == "tool_use":
            at = self._calls[index] = len(self._calls)
            self._silent_calls.add(index)
            return [ToolCallDelta(call_index=at, id=block.id or f"toolu_{at}", name=block.name or "", arguments="")]
        return self._say(block.text) if block.type == "text" else self._think(block.thinking)

    def _delta(self, delta: Change, index: int) -> list[ChatEvent]:
        if delta.partial_json is not None:
            return self._argue(delta.partial_json, index) if delta.partial_json and index in self._calls else []
        return self._say(delta.text) if delta.text else self._think(delta.thinking)

    def _say(self, text: str | None) -> list[ChatEvent]:
        self.said_characters += len(text or "")
        return [TextDelta(text=text)] if text else []

    def _think(self, text: str | None) -> list[ChatEvent]:
        self.said_characters += len(text or "")
        return [ReasoningDelta(text=text)] if text else []

    def _argue(self, arguments: str, index: int) -> list[ChatEvent]:
        self._silent_calls.discard(index)
        self.said_characters += len(arguments)
        return [ToolCallDelta(call_index=self._calls[index], arguments=arguments)]

    def _finish(self, reason: str | None, stop_sequence: str | None) -> list[ChatEvent]:
        if reason is None or self.finished:
            return []
        self.finished = True
        return [Finished(reason=_REASONS.get(reason, "stop"), stop_sequence=stop_sequence)]

    def _count(self, tally: Tally | None) -> None:
        """Counts are totals so far: what a later event tells replaces what an earlier one did."""
        if tally is None:
            return
        for name in Tally.__struct_fields__:
            told = getattr(tally, name)
            if told is not None:
                setattr(self._tally, name, told)

    def _nonsense(self) -> Unreachable:
        return Unreachable(f"{self._sender} sent something that is no answer.")
