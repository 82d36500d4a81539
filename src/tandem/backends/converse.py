"""The one way in which any far side's answer becomes core events: streamed or in one piece, whatever its dialect."""

from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from tandem.backends.door import Answer, Call
from tandem.backends.provider import Exchange, Provider
from tandem.backends.sse import EventReader, Frame
from tandem.core.chat import ChatEvent, ChatRequest, Started, TextDelta, Usage
from tandem.core.errors import Unreachable

_MOST_TOKENS = 100_000_000
_WHITE = b" \t\r\n\xef\xbb\xbf"


class ErrorEvent(Exception):
    """The far side said in mid-answer that it failed: ``payload`` is its JSON."""

    def __init__(self, payload: bytes) -> None:
        super().__init__("an error event")
        self.payload = payload


class Reader(Protocol):
    """Reads one answer of a dialect. ``done``: it has said that it is over."""

    done: bool

    @property
    def finished(self) -> bool:
        """Whether every choice is complete, though the answer may not have said that it is over."""
        ...

    @property
    def usage(self) -> Usage | None:
        """What the far side counted; ``None`` where it tells nothing."""
        ...

    @property
    def said_characters(self) -> int:
        """How much was said, thoughts and arguments included."""
        ...

    def frame(self, frame: Frame) -> list[ChatEvent]:
        """The events of one server-sent event. Raises `ErrorEvent`, and `Unreachable` for nonsense."""
        ...

    def whole(self, payload: bytes) -> list[ChatEvent]:
        """The events of an answer in one piece. Raises as `frame` does."""
        ...


async def converse(
    provider: Provider,
    request: ChatRequest,
    call_of: Callable[[ChatRequest], Call],
    reader: Reader,
    started: Callable[[Answer], Started],
) -> AsyncGenerator[ChatEvent]:
    """Ask and answer. Text that arrives together is told together; what was not counted is estimated."""
    async with provider.answering(call_of(request)) as exchange:
        yield started(exchange.answer)
        feed = _Feed(provider, exchange, reader)
        while events := await feed.more():
            for event in together(events):
                yield event
        if not reader.finished:
            raise Unreachable(f"The answer of {provider.far.name} broke off before its end.")
        exchange.succeeded()
        counted = reader.usage
        yield counted if counted and _believable(counted) else estimated(request, reader.said_characters)


def together(events: list[ChatEvent]) -> list[ChatEvent]:
    """Pieces of text that follow one another, as one piece. Pieces with log-probabilities stay as they are."""
    if len(events) < 2:
        return events
    kept: list[ChatEvent] = []
    texts: list[str] = []
    for event in events:
        if type(event) is TextDelta and not event.logprobs:
            last = kept[-1] if texts else None
            if type(last) is TextDelta and last.index == event.index and last.refused == event.refused:
                texts.append(event.text)
                continue
            _join(kept, texts)
            texts = [event.text]
        else:
            _join(kept, texts)
            texts = []
        kept.append(event)
    _join(kept, texts)
    return kept


def _join(kept: list[ChatEvent], texts: list[str]) -> None:
    if len(texts) > 1 and type(first := kept[-1]) is TextDelta:
        kept[-1] = TextDelta(text="".join(texts), index=first.index, refused=first.refused)


def _believable(usage: Usage) -> bool:
    """Whether counts can be true: nonsense would use up the month's money at once."""
    return max(usage.prompt_tokens, usage.completion_tokens) <= _MOST_TOKENS


def estimated(request: ChatRequest, said_characters: int) -> Usage:
    """Counts from lengths, where none were told: three characters are a token, which is rather too many tokens."""
    prompt = request.raw_prompt
    heard = len(prompt or "") if prompt is None or isinstance(prompt, str) else 3 * len(prompt)
    heard += sum(len(message.content) + 12 for message in request.messages)
    heard += sum(len(tool.parameters_json) + len(tool.description) + len(tool.name) for tool in request.tools)
    return Usage(prompt_tokens=-(-heard // 3), completion_tokens=-(-said_characters // 3), estimated=True)


class _Feed:
    """Takes bytes from an answer and gives events, a read at a time."""

    def __init__(self, provider: Provider, exchange: Exchange, reader: Reader) -> None:
        self._provider = provider
        self._exchange = exchange
        self._reader = reader
        self._lines = EventReader(provider.door.bounds.event_bytes, provider.far.name)
        self._begun = False
        self._over = False

    async def more(self) -> list[ChatEvent]:
        """The next events; none where the answer is over."""
        while not self._over and not self._reader.done:
            piece = await self._read()
            if not self._begun:
                # Blank lines before an answer keep a connection alive; its first letter tells a stream from JSON.
                piece = piece.lstrip(_WHITE)
                self._begun = bool(piece)
                if piece[:1] in {b"{", b"["}:
                    return await self._whole(piece)
            self._over |= not piece and self._exchange.answer.at_end
            frames = self._lines.end() if self._over else self._lines.feed(piece)
            if frames and (events := self._events(frames)):
                return events
        return []

    async def _read(self) -> bytes:
        """The next bytes. What goes wrong after the last word does not spoil the answer."""
        try:
            return await self._exchange.answer.read()
        except Unreachable:
            if not self._reader.finished:
                raise
            self._over = True
            return b""

    async def _whole(self, piece: bytes) -> list[ChatEvent]:
        payload = piece + await self._exchange.answer.whole()
        self._over = True
        self._exchange.heard()
        try:
            return self._reader.whole(payload)
        except ErrorEvent as error:
            raise self._provider.broke_off(error.payload) from error

    def _events(self, frames: list[Frame]) -> list[ChatEvent]:
        self._exchange.heard()
        events: list[ChatEvent] = []
        try:
            for frame in frames:
                if not self._reader.done:
                    events.extend(self._reader.frame(frame))
        except ErrorEvent as error:
            raise self._provider.broke_off(error.payload) from error
        return events
