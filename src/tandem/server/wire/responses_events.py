"""The events of one response, as the Responses API streams them, and the response object that they add up to.

Pure bookkeeping: chat events in, wire events out. Every item that is added is done before the response is, every
content part likewise, and the deltas of a part add up to its final text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from tandem.core.chat import (
    ChatEvent,
    Finished,
    RankedToken,
    ReasoningDelta,
    Started,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from tandem.server.failures import Failure
from tandem.server.wire.json_text import JsonObject

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_ERROR_CODES = {400: "invalid_prompt", 429: "rate_limit_exceeded"}


@dataclass(slots=True, kw_only=True)
class _Words:
    """An item of text that is being written: a message, or the reasoning before it."""

    at: int
    id: str
    thinking: bool = False
    pieces: list[str] = field(default_factory=list[str])
    logprobs: list[JsonObject] = field(default_factory=list[JsonObject])

    @property
    def family(self) -> str:
        return "response.reasoning_text" if self.thinking else "response.output_text"

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def part(self) -> JsonObject:
        if self.thinking:
            return {"type": "reasoning_text", "text": self.text}
        return {"type": "output_text", "text": self.text, "annotations": [], "logprobs": list(self.logprobs)}

    def item(self, status: str) -> JsonObject:
        content = [] if status == "in_progress" else [self.part()]
        if self.thinking:
            return {"id": self.id, "type": "reasoning", "status": status, "summary": [], "content": content}
        return {"id": self.id, "type": "message", "status": status, "role": "assistant", "content": content}


@dataclass(slots=True, kw_only=True)
class _Call:
    """A function call that is being written. ``index`` is its number among the calls."""

    at: int
    id: str
    index: int
    call_id: str
    name: str
    pieces: list[str] = field(default_factory=list[str])

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)

    def item(self, status: str) -> JsonObject:
        return {
            "id": self.id,
            "type": "function_call",
            "status": status,
            "call_id": self.call_id,
            "name": self.name,
            "arguments": "" if status == "in_progress" else self.arguments,
        }


class ResponseWriter:
    """Writes one response. ``shell`` is the response object without its status, output and usage.

    Call `begin` once, `add` for every chat event, then `end`, or `fail` where an error broke the answer off.
    """

    def __init__(self, shell: JsonObject, *, new_id: Callable[[], str], now: Callable[[], float]) -> None:
        self._shell = shell
        self._new_id = new_id
        self._now = now
        self._sequence = 0
        self._output: list[JsonObject] = []
        self._open: list[_Words | _Call] = []
        self._finished: Finished | None = None
        self._usage: Usage | None = None

    def begin(self) -> list[JsonObject]:
        """The response is there, and being worked on."""
        return [self._state("response.created", "in_progress"), self._state("response.in_progress", "in_progress")]

    def add(self, event: ChatEvent) -> list[JsonObject]:
        """What one chat event means on the wire."""
        match event:
            case Started():
                return []
            case TextDelta(text=text, logprobs=logprobs):
                return self._write(text, logprobs, thinking=False) if text or logprobs else []
            case ReasoningDelta(text=text):
                return self._write(text, (), thinking=True) if text else []
            case ToolCallDelta():
                return self._call(event)
            case Finished():
                return self._finish(event)
            case Usage():
                self._usage = event
                return []

    def end(self) -> list[JsonObject]:
        """The response is whole. Raises `ValueError` where the chat events were not."""
        if self._finished is None or self._usage is None:
            raise ValueError("a stream of chat events ends with Finished and Usage")
        reason = _INCOMPLETE.get(self._finished.reason)
        status = "completed" if reason is None else "incomplete"
        return [self._state(f"response.{status}", status)]

    def fail(self, failure: Failure) -> list[JsonObject]:
        """The response is broken off: an error, and the response as far as it came."""
        for part in self._open:
            self._output[part.at] = part.item("incomplete")
        error = self._event("error", code=failure.code, message=failure.message, param=failure.param)
        failed: JsonObject = {"code": _ERROR_CODES.get(failure.status, "server_error"), "message": failure.message}
        return [error, self._state("response.failed", "failed", error=failed)]

    def _state(self, kind: str, status: str, error: JsonObject | None = None) -> JsonObject:
        reason = _INCOMPLETE.get(self._finished.reason) if self._finished else None
        response: JsonObject = {
            **self._shell,
            "status": status,
            "error": error,
            "incomplete_details": {"reason": reason} if reason else None,
            "completed_at": int(self._now()) if status == "completed" else None,
            "output": list(self._output),
            **({"usage": _usage(self._usage)} if self._usage else {}),
        }
        return self._event(kind, response=response)

    def _event(self, kind: str, **fields: object) -> JsonObject:
        self._sequence += 1
        return {"type": kind, "sequence_number": self._sequence - 1, **fields}

    def _write(self, text: str, logprobs: Sequence[TokenLogprob], *, thinking: bool) -> list[JsonObject]:
        events: list[JsonObject] = []
        words = self._open[-1] if self._open else None
        if not isinstance(words, _Words) or words.thinking != thinking:
            events += self._close()
            prefix = "rs" if thinking else "msg"
            words = _Words(at=len(self._output), id=f"{prefix}_{self._new_id()}", thinking=thinking)
            events += self._add(words)
            events.append(self._event("response.content_part.added", **_place(words), part=words.part()))
        ranked = [_logprob(one) for one in logprobs]
        words.pieces.append(text)
        words.logprobs += ranked
        told: JsonObject = {} if thinking else {"logprobs": ranked}
        return [*events, self._event(f"{words.family}.delta", **_place(words), delta=text, **told)]

    def _call(self, delta: ToolCallDelta) -> list[JsonObject]:
        call = next((one for one in self._open if isinstance(one, _Call) and one.index == delta.call_index), None)
        events: list[JsonObject] = []
        if call is None:
            events += self._close(keeping_unfinished_calls=True)
            call = _Call(
                at=len(self._output),
                id=f"fc_{self._new_id()}",
                index=delta.call_index,
                call_id=delta.id or f"call_{self._new_id()}",
                name=delta.name or "",
            )
            events += self._add(call)
        if delta.arguments:
            events.append(self._argue(call, delta.arguments))
        return events

    def _argue(self, call: _Call, piece: str) -> JsonObject:
        call.pieces.append(piece)
        where = {"item_id": call.id, "output_index": call.at}
        return self._event("response.function_call_arguments.delta", **where, delta=piece)

    def _add(self, part: _Words | _Call) -> list[JsonObject]:
        self._open.append(part)
        self._output.append(part.item("in_progress"))
        return [self._event("response.output_item.added", output_index=part.at, item=part.item("in_progress"))]

    def _finish(self, event: Finished) -> list[JsonObject]:
        self._finished = event
        status = "incomplete" if event.reason in _INCOMPLETE else "completed"
        said_nothing = not self._output and status == "completed"
        empty = self._write("", (), thinking=False) if said_nothing else []
        return [*empty, *self._close(status)]

    def _close(self, status: str = "completed", *, keeping_unfinished_calls: bool = False) -> list[JsonObject]:
        closing = [
            part
            for part in self._open
            if not (keeping_unfinished_calls and isinstance(part, _Call) and not _is_json(part.arguments))
        ]
        self._open = [part for part in self._open if part not in closing]
        return [event for part in closing for event in self._done(part, status)]

    def _done(self, part: _Words | _Call, status: str) -> list[JsonObject]:
        events = self._done_words(part) if isinstance(part, _Words) else self._done_call(part, status)
        item = part.item(status)
        self._output[part.at] = item
        return [*events, self._event("response.output_item.done", output_index=part.at, item=item)]

    def _done_words(self, words: _Words) -> list[JsonObject]:
        told: JsonObject = {} if words.thinking else {"logprobs": list(words.logprobs)}
        return [
            self._event(f"{words.family}.done", **_place(words), text=words.text, **told),
            self._event("response.content_part.done", **_place(words), part=words.part()),
        ]

    def _done_call(self, call: _Call, status: str) -> list[JsonObject]:
        nothing = [self._argue(call, "{}")] if status == "completed" and not call.arguments else []
        where = {"item_id": call.id, "output_index": call.at, "name": call.name}
        done = self._event("response.function_call_arguments.done", **where, arguments=call.arguments)
        return [*nothing, done]


def _place(words: _Words) -> JsonObject:
    return {"item_id": words.id, "output_index": words.at, "content_index": 0}


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _logprob(one: TokenLogprob) -> JsonObject:
    return {**_ranked(one.chosen), "top_logprobs": [_ranked(rival) for rival in one.top]}


def _ranked(token: RankedToken) -> JsonObject:
    return {"token": token.text, "bytes": list(token.raw), "logprob": token.logprob}


def _usage(usage: Usage) -> JsonObject:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
