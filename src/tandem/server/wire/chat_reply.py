"""What POST /v1/chat/completions answers: whole, or in chunks."""

from collections.abc import Iterable
from typing import Literal, assert_never

from msgspec import UNSET, Struct, UnsetType

from tandem.core.chat import (
    ChatEvent,
    ChatReply,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from tandem.core.chat import Choice as Gathered
from tandem.server.wire.tallies import ChatLogprobs, Counts, chat_logprobs, counts_of


class Function(Struct, kw_only=True):
    """A called function; ``arguments`` is JSON text as the model wrote it."""

    name: str
    arguments: str


class Call(Struct, kw_only=True):
    """One tool call."""

    id: str
    type: Literal["function"] = "function"
    function: Function


class Said(Struct, kw_only=True):
    """The assistant's message. ``reasoning_content`` is there where the model thought."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: str | None = None
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[Call] | UnsetType = UNSET


class Choice(Struct, kw_only=True):
    """One answer."""

    index: int
    message: Said
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason


class Completion(Struct, kw_only=True):
    """A whole reply."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Counts
    system_fingerprint: str
    service_tier: Literal["default"] = "default"


class FunctionDelta(Struct, kw_only=True):
    """The next piece of a called function."""

    name: str | UnsetType = UNSET
    arguments: str | UnsetType = UNSET


class CallDelta(Struct, kw_only=True):
    """The next piece of a tool call; ``id`` and ``type`` come with the first."""

    index: int
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET
    function: FunctionDelta


class Delta(Struct, kw_only=True):
    """The next piece of an answer: only what is new."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    refusal: str | UnsetType | None = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[CallDelta] | UnsetType = UNSET


class ChunkChoice(Struct, kw_only=True):
    """A piece of one choice."""

    index: int
    delta: Delta
    logprobs: ChatLogprobs | None = None
    finish_reason: FinishReason | None = None


class Chunk(Struct, kw_only=True):
    """One event of a stream. ``usage`` is left out unless it is asked for; then it is null in all but the last."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    system_fingerprint: str
    service_tier: Literal["default"] = "default"
    usage: Counts | UnsetType | None = UNSET


class Head(Struct, frozen=True, kw_only=True):
    """What every chunk of one reply repeats. ``created`` is in Unix seconds."""

    id: str
    created: int
    model: str
    system_fingerprint: str


def completion(head: Head, reply: ChatReply) -> Completion:
    """A whole reply on the wire."""
    return Completion(
        id=head.id,
        created=head.created,
        model=head.model,
        system_fingerprint=head.system_fingerprint,
        choices=[_choice(choice) for choice in reply.choices],
        usage=counts_of(reply.usage),
    )


class Chunks:
    """Turns the events of one reply into chunks: the role first, then the pieces, the end, and the counts if wanted."""

    def __init__(self, head: Head, *, include_usage: bool) -> None:
        self._head = head
        self._include_usage = include_usage
        self._begun: set[int] = set()

    def of(self, event: ChatEvent) -> Iterable[Chunk]:
        """The chunks of one event."""
        match event:
            case Started():
                return ()
            case Usage():
                return (self._chunk([], counts_of(event)),) if self._include_usage else ()
            case _:
                return self._pieces(event)

    def _pieces(self, event: TextDelta | ReasoningDelta | ToolCallDelta | Finished) -> list[Chunk]:
        chunks: list[Chunk] = []
        if event.index not in self._begun:
            self._begun.add(event.index)
            words = None if isinstance(event, ToolCallDelta) else ""
            first = Delta(role="assistant", content=words, refusal=None)
            chunks.append(self._chunk([ChunkChoice(index=event.index, delta=first)]))
        if piece := _piece(event):
            chunks.append(self._chunk([piece]))
        return chunks

    def _chunk(self, choices: list[ChunkChoice], counts: Counts | None = None) -> Chunk:
        head = self._head
        return Chunk(
            id=head.id,
            created=head.created,
            model=head.model,
            choices=choices,
            system_fingerprint=head.system_fingerprint,
            usage=counts if self._include_usage else UNSET,
        )


def _piece(event: TextDelta | ReasoningDelta | ToolCallDelta | Finished) -> ChunkChoice | None:
    match event:
        case TextDelta(text=text, refused=True):
            return ChunkChoice(index=event.index, delta=Delta(refusal=text)) if text else None
        case TextDelta(text=text, logprobs=logprobs):
            if not text and not logprobs:
                return None
            return ChunkChoice(index=event.index, delta=Delta(content=text), logprobs=chat_logprobs(logprobs))
        case ReasoningDelta(text=text):
            return ChunkChoice(index=event.index, delta=Delta(reasoning_content=text)) if text else None
        case ToolCallDelta():
            return ChunkChoice(index=event.index, delta=Delta(tool_calls=[_call_delta(event)]))
        case Finished(reason=reason):
            return ChunkChoice(index=event.index, delta=Delta(), finish_reason=reason)
        case _:
            assert_never(event)


def _call_delta(event: ToolCallDelta) -> CallDelta:
    return CallDelta(
        index=event.call_index,
        id=event.id if event.id is not None else UNSET,
        type="function" if event.id is not None else UNSET,
        function=FunctionDelta(name=event.name if event.name is not None else UNSET, arguments=event.arguments),
    )


def _choice(choice: Gathered) -> Choice:
    said = Said(
        content=None if choice.refused or (choice.tool_calls and not choice.text) else choice.text,
        refusal=choice.text if choice.refused else None,
        reasoning_content=choice.reasoning or UNSET,
        tool_calls=[_call(call) for call in choice.tool_calls] or UNSET,
    )
    return Choice(
        index=choice.index, message=said, logprobs=chat_logprobs(choice.logprobs), finish_reason=choice.finish_reason
    )


def _call(call: ToolCall) -> Call:
    return Call(id=call.id, function=Function(name=call.name, arguments=call.arguments))
