"""What the endpoint and a worker say to each other: length-prefixed msgpack frames over two pipes.

A frame is four bytes of length (big endian), then one tagged msgpack object. The endpoint gives every call a number;
the worker's answers carry it. Errors travel as a kind from a fixed table, not as a pickle nor as a message to parse.
"""

import struct
from collections.abc import Mapping
from typing import BinaryIO, Literal, cast

import msgspec
from msgspec import Struct

from tandem.core.chat import ChatEvent, ChatRequest, Finished, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from tandem.core.defaults import KV_BYTES, PREFILL_CHUNK_TOKENS, STREAMS_LIMIT
from tandem.core.errors import (
    BadRequest,
    Busy,
    ContextLengthExceeded,
    CorruptFile,
    NotEnoughMemory,
    NotFound,
    TandemError,
    Unavailable,
    Unsupported,
    WorkerDied,
)
from tandem.core.models import Ability, Kind
from tandem.engine.seal import SealKind

Runtime = Literal["auto", "genai"]
LENGTH = struct.Struct(">I")


class EngineOptions(Struct, frozen=True, kw_only=True):
    """What a worker is told when it starts.

    ``kv_bytes`` bounds the KV of all slots together. ``streams_limit`` requests are answered at once, the others wait.
    ``threads`` 0 leaves the choice to ONNX Runtime. ``prefill_chunk_tokens`` is the largest piece of a prompt read in
    one go. ``runtime`` ``genai`` uses ``og.Generator`` also where the engine's own KV memory would do.
    """

    kv_bytes: int = KV_BYTES
    streams_limit: int = STREAMS_LIMIT
    threads: int = 0
    prefill_chunk_tokens: int = PREFILL_CHUNK_TOKENS
    speculation: bool = True
    runtime: Runtime = "auto"


class Open(Struct, frozen=True, tag="open"):
    """The first frame: load this folder."""

    model: str
    folder: str
    options: EngineOptions


class Ask(Struct, frozen=True, tag="ask"):
    """Answer a chat request as a stream."""

    call: int
    request: ChatRequest


class Count(Struct, frozen=True, tag="count"):
    """Count the prompt tokens of a chat request."""

    call: int
    request: ChatRequest


class Embed(Struct, frozen=True, tag="embed"):
    """Embed texts or token sequences."""

    call: int
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None


class Cancel(Struct, frozen=True, tag="cancel"):
    """Nobody listens to this call any more."""

    call: int


class AskStats(Struct, frozen=True, tag="ask_stats"):
    """Say how the worker is doing."""

    call: int


class Close(Struct, frozen=True, tag="close"):
    """End at once."""


class WorkerStats(Struct, frozen=True, kw_only=True):
    """How a worker is doing. Counters begin at its start.

    ``slot_tokens`` has the number of tokens held by each KV slot. Seconds are of the model at work, by kind of work.
    """

    running: int = 0
    waiting: int = 0
    slot_tokens: tuple[int, ...] = ()
    kv_bytes: int = 0
    rss_bytes: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    preempted: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    embedded_inputs: int = 0


class Ready(Struct, frozen=True, kw_only=True, tag="ready"):
    """The model is loaded."""

    kind: Kind
    seal: SealKind
    context_tokens: int
    abilities: frozenset[Ability] = frozenset()
    dimensions: int | None = None
    load_seconds: float = 0.0


class Fault(Struct, frozen=True, kw_only=True):
    """A `TandemError` on its way through the pipe."""

    kind: str
    message: str
    code: str
    param: str | None = None
    retry_after_seconds: int = 1


class Failed(Struct, frozen=True, tag="failed"):
    """A call ended with an error; call 0 is the loading of the model."""

    call: int
    fault: Fault


class Began(Struct, frozen=True, tag="began"):
    """The request is valid and in the queue."""

    call: int
    note: str | None = None
    prompt_tokens: int | None = None


class SaidText(Struct, frozen=True, tag="text", array_like=True):
    """Wraps a `TextDelta`."""

    event: TextDelta


class SaidReasoning(Struct, frozen=True, tag="reasoning", array_like=True):
    """Wraps a `ReasoningDelta`."""

    event: ReasoningDelta


class SaidToolCall(Struct, frozen=True, tag="tool_call", array_like=True):
    """Wraps a `ToolCallDelta`."""

    event: ToolCallDelta


class SaidFinished(Struct, frozen=True, tag="finished", array_like=True):
    """Wraps a `Finished`."""

    event: Finished


class SaidUsage(Struct, frozen=True, tag="usage", array_like=True):
    """Wraps a `Usage`."""

    event: Usage


Saying = SaidText | SaidReasoning | SaidToolCall | SaidFinished | SaidUsage


class Said(Struct, frozen=True, tag="said"):
    """The next events of a stream. A stream is over after its `Usage`."""

    call: int
    sayings: list[Saying]


class Counted(Struct, frozen=True, tag="counted"):
    """The answer to `Count`."""

    call: int
    tokens: int


class Embedded(Struct, frozen=True, tag="embedded"):
    """The answer to `Embed`: little-endian float32 rows, one after another."""

    call: int
    rows: bytes
    dimensions: int
    prompt_tokens: int


class Stats(Struct, frozen=True, tag="stats"):
    """The answer to `AskStats`."""

    call: int
    stats: WorkerStats


ToWorker = Open | Ask | Count | Embed | Cancel | AskStats | Close
FromWorker = Ready | Failed | Began | Said | Counted | Embedded | Stats

KINDS: Mapping[str, type[TandemError]] = {
    "bad_request": BadRequest,
    "unsupported": Unsupported,
    "context_length_exceeded": ContextLengthExceeded,
    "not_found": NotFound,
    "busy": Busy,
    "unavailable": Unavailable,
    "not_enough_memory": NotEnoughMemory,
    "worker_died": WorkerDied,
    "corrupt_file": CorruptFile,
    "internal": TandemError,
}
KIND_OF: Mapping[type[TandemError], str] = {error: kind for kind, error in KINDS.items()}


def say(event: ChatEvent) -> Saying:
    """Wrap an event for the pipe. Raises ``ValueError`` for `Started`, which the endpoint itself says."""
    match event:
        case TextDelta():
            return SaidText(event)
        case ReasoningDelta():
            return SaidReasoning(event)
        case ToolCallDelta():
            return SaidToolCall(event)
        case Finished():
            return SaidFinished(event)
        case Usage():
            return SaidUsage(event)
        case _:
            raise ValueError("a worker does not say who started")


def fault_of(error: TandemError) -> Fault:
    """Pack an error: its nearest class in `KINDS`, its sentence, its code, and the field it names."""
    kind = next(KIND_OF[cls] for cls in type(error).__mro__ if cls in KIND_OF)
    param = error.param if isinstance(error, BadRequest | NotFound) else None
    seconds = error.retry_after_seconds if isinstance(error, Busy) else 1
    return Fault(kind=kind, message=error.message, code=error.code, param=param, retry_after_seconds=seconds)


def error_of(fault: Fault) -> TandemError:
    """Unpack an error; a kind that is not known becomes the root of the tree."""
    error_class = KINDS.get(fault.kind, TandemError)
    if issubclass(error_class, BadRequest | NotFound):
        return error_class(fault.message, param=fault.param, code=fault.code)
    if issubclass(error_class, Busy):
        return error_class(fault.message, retry_after_seconds=fault.retry_after_seconds)
    return error_class(fault.message)


def encode_frame(message: ToWorker | FromWorker) -> bytes:
    """The bytes of one frame, length first."""
    body = _ENCODER.encode(message)
    return LENGTH.pack(len(body)) + body


def decode_to_worker(body: bytes) -> ToWorker:
    """Read what the endpoint said. Raises ``msgspec.DecodeError`` for anything else."""
    return _TO_WORKER.decode(body)


def decode_from_worker(body: bytes) -> FromWorker:
    """Read what a worker said. Raises ``msgspec.DecodeError`` for anything else."""
    return _FROM_WORKER.decode(body)


def read_body(pipe: BinaryIO) -> bytes | None:
    """Wait for the body of the next frame; ``None`` when the other side is gone."""
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    body = pipe.read(size)
    return body if len(body) == size else None


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    raise NotImplementedError(f"{type(value).__name__} does not travel")


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain)
_TO_WORKER = msgspec.msgpack.Decoder(ToWorker)
_FROM_WORKER = msgspec.msgpack.Decoder(FromWorker)
