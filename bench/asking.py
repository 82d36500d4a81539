"""What a contender is asked and what it answers, as plain values that cross a pipe as JSON. Standard library only.

All moments are readings of ``time.perf_counter``, which every process of one machine shares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast, runtime_checkable

Json = dict[str, object]


class Turn(NamedTuple):
    """One message of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A question: the whole conversation so far, greedy decoding, at most ``max_tokens`` tokens.

    It is sent ``after_seconds`` after the others of its group. ``conversation`` names what it continues, for
    contenders that hold conversations themselves.
    """

    conversation: str
    turns: tuple[Turn, ...]
    max_tokens: int
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back and when. ``chunks`` are the moments at which text arrived; ``cached_tokens`` -1 is not told."""

    sent: float
    chunks: tuple[float, ...]
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    text: str

    @property
    def ttft_seconds(self) -> float:
        """From sending the question to the first chunk with content."""
        return self.chunks[0] - self.sent

    @property
    def e2e_seconds(self) -> float:
        """From sending the question to the last chunk with content."""
        return self.chunks[-1] - self.sent

    @property
    def tokens_per_second(self) -> float:
        """1 / TPOT, where TPOT = (E2EL - TTFT) / (n - 1)."""
        return (self.completion_tokens - 1) / (self.e2e_seconds - self.ttft_seconds)


class Contender(Protocol):
    """Something measured, alone in a process of its own."""

    def open(self) -> float | None:
        """Get ready. Returns the moment at which the measured process began, where it is not this one."""
        ...

    def processes(self) -> Mapping[str, int]:
        """The processes whose memory counts, by what they are."""
        ...

    def facts(self) -> Mapping[str, str]:
        """What a reader wants to know about it: versions, addresses."""
        ...

    def close(self) -> None:
        """Free everything."""
        ...


@runtime_checkable
class Talker(Contender, Protocol):
    """A contender that runs the language model."""

    def answer_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """Answer questions that are asked together, in their order."""
        ...


@runtime_checkable
class TextEmbedder(Contender, Protocol):
    """A contender that runs the embedder."""

    def embed(self, texts: Sequence[str]) -> float:
        """Embed texts in one request; the seconds that it took."""
        ...


def ask_from_json(row: Json) -> Ask:
    """From ``dataclasses.asdict`` and a pipe."""
    return Ask(
        conversation=cast("str", row["conversation"]),
        turns=tuple(Turn(*pair) for pair in cast("list[tuple[str, str]]", row["turns"])),
        max_tokens=cast("int", row["max_tokens"]),
        after_seconds=cast("float", row["after_seconds"]),
    )


def answer_from_json(row: Json) -> Answer:
    """From ``dataclasses.asdict`` and a pipe."""
    return Answer(
        sent=cast("float", row["sent"]),
        chunks=tuple(cast("list[float]", row["chunks"])),
        prompt_tokens=cast("int", row["prompt_tokens"]),
        completion_tokens=cast("int", row["completion_tokens"]),
        cached_tokens=cast("int", row["cached_tokens"]),
        text=cast("str", row["text"]),
    )
