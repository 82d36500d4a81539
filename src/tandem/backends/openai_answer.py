"""An OpenAI-compatible answer as core events: chunk by chunk, or in one piece."""

import secrets
from collections.abc import Mapping

import msgspec

from tandem.backends.converse import ErrorEvent
from tandem.backends.openai_wire import Call, Choice, Chunk, Delta, Function, Logprobs, Part, Rank, Tally
from tandem.backends.sse import Frame
from tandem.core.chat import (
    ChatEvent,
    Finished,
    FinishReason,
    RankedToken,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from tandem.core.errors import Unreachable

_DECODER = msgspec.json.Decoder(Chunk)
_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "model_length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
_BREAKS = frozenset({"error", "abort", "insufficient_system_resource"})


class _PendingCall:
    """A tool call whose pieces come in."""

    __slots__ = ("at", "held", "id", "name")

    def __init__(self, at: int) -> None:
        self.at = at
        self.id = ""
        self.name = ""
        self.held = ""


class _Speech:
    """What one choice has said so far."""

    __slots__ = ("by_index", "calls", "finished")

    def __init__(self) -> None:
        self.calls: list[_PendingCall] = []
        self.by_index: dict[int, _PendingCall] = {}
        self.finished = False


class ChatAnswer:
    """Reads one answer. `frame` and `whole` give its events.

    ``usage`` is what the far side counted (``None`` where it tells nothing), ``said_characters`` how much it said.
    """

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._speeches: dict[int, _Speech] = {}
        self.done = False
        self.usage: Usage | None = None
        self.said_characters = 0

    def frame(self, frame: Frame) -> list[ChatEvent]:
        """The events of one server-sent event. Raises `ErrorEvent`, and `Unreachable` for nonsense."""
        if frame.data == b"[DONE]":
            self.done = True
            return []
        if frame.event == b"error":
            raise ErrorEvent(frame.data)
        return self.whole(frame.data)

    def whole(self, payload: bytes) -> list[ChatEvent]:
        """The events of a chunk, or of an answer in one piece."""
        try:
            return self._events(_DECODER.decode(payload), payload)
        except (ValueError, OverflowError, RecursionError) as error:
            raise Unreachable(f"{self._sender} sent something that is no answer.") from error

    def _events(self, chunk: Chunk, payload: bytes) -> list[ChatEvent]:
        if chunk.error or (chunk.x_groq and chunk.x_groq.error):
            raise ErrorEvent(payload)
        events: list[ChatEvent] = []
        for choice in chunk.choices or ():
            self._choice(choice, events)
        tally = chunk.usage or (chunk.x_groq.usage if chunk.x_groq else None)
        if tally is not None and tally.prompt_tokens is not None:
            self.usage = usage_of(tally)
        return events

    @property
    def finished(self) -> bool:
        """Whether every choice that has begun is complete, and one has."""
        return bool(self._speeches) and all(speech.finished for speech in self._speeches.values())

    def _choice(self, choice: Choice, events: list[ChatEvent]) -> None:
        index = choice.index or 0
        speech = self._speeches.get(index)
        if speech is None:
            speech = self._speeches[index] = _Speech()
        if speech.finished:
            return
        delta = choice.delta or choice.message
        ranked = _ranked(choice.logprobs) if choice.logprobs is not None else ()
        if delta is not None:
            self._delta(delta, index, speech, events, ranked)
        elif choice.text or ranked:
            self._say(choice.text or "", index, events, ranked)
        if choice.finish_reason:
            self._finish(choice.finish_reason, index, speech, events)

    def _delta(
        self, delta: Delta, index: int, speech: _Speech, events: list[ChatEvent], ranked: tuple[TokenLogprob, ...]
    ) -> None:
        content = delta.content
        if thought := delta.reasoning_content or delta.reasoning:
            self._think(thought, index, events)
        if isinstance(content, list):
            for part in content:
                self._think(_thought(part), index, events)
            content = "".join(part.text or "" for part in content if part.type in {"", "text"})
        if content or (ranked and not delta.refusal):
            self._say(content or "", index, events, ranked)
        if delta.refusal:
            self._say(delta.refusal, index, events, ranked, refused=True)
        for call in delta.tool_calls or ():
            self._call(call, index, speech, events)
        if delta.function_call is not None:
            self._call(Call(index=0, function=delta.function_call), index, speech, events)

    def _say(
        self,
        text: str,
        index: int,
        events: list[ChatEvent],
        ranked: tuple[TokenLogprob, ...],
        *,
        refused: bool = False,
    ) -> None:
        self.said_characters += len(text)
        events.append(TextDelta(text=text, index=index, logprobs=ranked, refused=refused))

    def _think(self, text: str, index: int, events: list[ChatEvent]) -> None:
        if text:
            self.said_characters += len(text)
            events.append(ReasoningDelta(text=text, index=index))

    def _call(self, call: Call, index: int, speech: _Speech, events: list[ChatEvent]) -> None:
        function = call.function or Function()
        pending = _pending(call, function, speech)
        arguments = function.arguments
        if not isinstance(arguments, str):
            arguments = "" if arguments is None else msgspec.json.encode(arguments).decode()
        self.said_characters += len(arguments)
        if pending.name:
            if arguments:
                events.append(ToolCallDelta(call_index=pending.at, arguments=arguments, index=index))
            return
        pending.held += arguments
        if function.name:
            pending.name = function.name
            pending.id = pending.id or f"call_{secrets.token_hex(12)}"
            events.append(
                ToolCallDelta(
                    call_index=pending.at, id=pending.id, name=pending.name, arguments=pending.held, index=index
                )
            )

    def _finish(self, reason: str, index: int, speech: _Speech, events: list[ChatEvent]) -> None:
        if reason in _BREAKS:
            raise Unreachable(f"The answer of {self._sender} broke off before its end ({reason}).")
        if any(not call.name for call in speech.calls):
            raise Unreachable(f"{self._sender} sent a tool call that has no name.")
        speech.finished = True
        events.append(Finished(reason=_REASONS.get(reason, "stop"), index=index))


def usage_of(tally: Tally) -> Usage:
    """Counts in our words, whoever counted."""
    cached = tally.prompt_tokens_details.cached_tokens if tally.prompt_tokens_details else None
    reasoning = tally.completion_tokens_details.reasoning_tokens if tally.completion_tokens_details else None
    return Usage(
        prompt_tokens=_count(tally.prompt_tokens),
        completion_tokens=_count(tally.completion_tokens),
        cached_tokens=_count(cached if cached is not None else tally.prompt_cache_hit_tokens),
        reasoning_tokens=_count(reasoning),
    )


def _count(number: float | None) -> int:
    return max(int(number), 0) if number is not None else 0


def _pending(call: Call, function: Function, speech: _Speech) -> _PendingCall:
    """The call that a piece belongs to. A new id begins another one, and so does a name where no index tells."""
    found = speech.by_index.get(call.index) if call.index is not None else (speech.calls or [None])[-1]
    other_id = found is not None and bool(call.id and found.id and call.id != found.id)
    other_name = found is not None and call.index is None and not call.id and bool(function.name and found.name)
    if found is None or other_id or other_name:
        found = _PendingCall(len(speech.calls))
        speech.calls.append(found)
        if call.index is not None:
            speech.by_index[call.index] = found
    if call.id and not found.id:
        found.id = call.id
    return found


def _thought(part: Part) -> str:
    if isinstance(part.thinking, list):
        return "".join(one.text or "" for one in part.thinking)
    return part.thinking or ""


def _ranked(logprobs: Logprobs) -> tuple[TokenLogprob, ...]:
    if rows := logprobs.content or logprobs.refusal:
        return tuple(
            TokenLogprob(chosen=_token(row), top=tuple(_token(rival) for rival in row.top_logprobs or ()))
            for row in rows
        )
    if not logprobs.tokens:
        return ()
    scores = logprobs.token_logprobs or []
    tops = logprobs.top_logprobs or []
    return tuple(
        TokenLogprob(
            chosen=_plain(token, (scores[at] if at < len(scores) else None) or 0.0),
            top=tuple(_plain(rival, score) for rival, score in ((tops[at] if at < len(tops) else None) or {}).items()),
        )
        for at, token in enumerate(logprobs.tokens)
    )


def _token(rank: Rank) -> RankedToken:
    raw = bytes(rank.bytes) if rank.bytes is not None else rank.token.encode()
    return RankedToken(text=rank.token, raw=raw, logprob=rank.logprob)


def _plain(token: str, logprob: float) -> RankedToken:
    return RankedToken(text=token, raw=token.encode(), logprob=logprob)
