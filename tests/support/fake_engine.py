"""A language model without matrices: its next token follows from all that it has read, so a wrong KV shows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tandem.core.chat import ChatEvent, Finished, TextDelta, Usage
from tandem.core.errors import TandemError
from tandem.engine.model import Logits, TokenSequence

VOCABULARY = 23
BYTES_PER_TOKEN = 10


class FakeClock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def next_token(text: Sequence[int]) -> int:
    """What the fake model says: mostly what came three tokens ago (so drafts can hold), else a mix of all."""
    mix = sum((at + 1) * token for at, token in enumerate(text)) * 2654435761 % 2**32
    if len(text) > 8 and mix % 4:
        return text[-3]
    return mix // 7 % VOCABULARY


def oracle(prompt: Sequence[int], count: int) -> list[int]:
    """The answer of the fake model, without any engine."""
    text = list(prompt)
    for _ in range(count):
        text.append(next_token(text))
    return text[len(prompt) :]


class FakeModel:
    """Counts what it reads; a run takes one unit of time and ``token_cost`` of it for each further token.

    With ``minds_steps`` a token read alone leaves another KV than one read in a piece, as real kernels have it.
    """

    def __init__(
        self, clock: FakeClock, *, forks: bool = True, token_cost: float = 0.3, minds_steps: bool = False
    ) -> None:
        self.clock = clock
        self.forks = forks
        self.minds_steps = minds_steps
        self.token_cost = token_cost
        self.tokens_read = 0
        self.runs: list[int] = []
        self.fail_at_run: int | None = None
        self.failure_text = "a native failure"
        self.open_fails = False
        self.open_sequences = 0
        self.context_tokens = 4096

    def open(self) -> "FakeSequence":
        if self.open_fails:
            raise MemoryError
        self.open_sequences += 1
        return FakeSequence(self, [])

    def fork(self, source: TokenSequence, length: int) -> "FakeSequence | None":
        assert isinstance(source, FakeSequence)
        if not self.forks:
            return None
        self.open_sequences += 1
        return FakeSequence(self, source.tokens[:length])

    def bytes_for(self, tokens: int) -> int:
        return tokens * BYTES_PER_TOKEN


class FakeSequence:
    """The tokens themselves stand for their KV."""

    def __init__(self, model: FakeModel, tokens: list[int]) -> None:
        self.model = model
        self.tokens = tokens
        self.closed = False

    @property
    def length(self) -> int:
        return len(self.tokens)

    @property
    def byte_count(self) -> int:
        return len(self.tokens) * BYTES_PER_TOKEN

    def append(self, tokens: Sequence[int], rows: int) -> Logits:
        assert tokens
        assert not self.closed
        model = self.model
        model.runs.append(len(tokens))
        if model.fail_at_run == len(model.runs):
            raise RuntimeError(model.failure_text)
        model.tokens_read += len(tokens)
        model.clock.now += 0.001 * (1 + model.token_cost * (len(tokens) - 1))
        stepped = model.minds_steps and len(tokens) == 1
        self.tokens.extend([token + VOCABULARY for token in tokens] if stepped else tokens)
        logits = np.zeros((rows, VOCABULARY), dtype=np.float32)
        for row in range(rows):
            end = len(self.tokens) - rows + row + 1
            logits[row, next_token(self.tokens[:end]) % VOCABULARY] = 1.0
        return logits

    def rewind(self, length: int) -> None:
        assert length <= len(self.tokens)
        del self.tokens[length:]

    def close(self) -> None:
        self.closed = True
        self.model.open_sequences -= 1


class FakeUtterance:
    """Says the likeliest token, as text of its own number, until it has said enough."""

    def __init__(self, index: int, limit: int) -> None:
        self.index = index
        self.limit = limit
        self.tokens: list[int] = []
        self.reasoning_tokens = 0
        self._events: list[ChatEvent] = []

    @property
    def finished(self) -> bool:
        return len(self.tokens) >= self.limit

    @property
    def completion_tokens(self) -> int:
        return len(self.tokens)

    def next_token(self, logits: Logits) -> int:
        assert not self.finished, "asked for a token after the end"
        token = int(logits.argmax())
        self.tokens.append(token)
        self._events.append(TextDelta(text=f"{token} ", index=self.index))
        if self.finished:
            self._events.append(Finished(reason="length", index=self.index))
        return token

    def take_events(self) -> Sequence[ChatEvent]:
        events, self._events = self._events, []
        return events


@dataclass
class Heard:
    """What came of one call."""

    tokens: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    first_at: float | None = None
    usage: Usage | None = None
    error: TandemError | None = None


class Listener:
    """Collects what a scheduler says."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.heard: dict[int, Heard] = {}
        self.order: list[int] = []
        self.sent_at = 0.0

    def say(self, call: int, events: Sequence[ChatEvent]) -> None:
        heard = self.heard.setdefault(call, Heard())
        self.order.append(call)
        for event in events:
            assert heard.usage is None, "nothing comes after Usage"
            match event:
                case TextDelta(text=text, index=index):
                    heard.first_at = self.clock() if heard.first_at is None else heard.first_at
                    heard.tokens.setdefault(index, []).append(int(text))
                case Usage():
                    heard.usage = event
                case _:
                    pass

    def hurry(self) -> None:
        self.sent_at = self.clock()

    def fail(self, call: int, error: TandemError) -> None:
        self.heard.setdefault(call, Heard()).error = error
