"""KV slots: what was read is kept, so that the next prompt that begins the same way need not be read again.

A slot is a sequence and the tokens in it. A new prompt takes the longest common prefix that any slot holds: in place
where little else would be lost, by a copy where the model can make one (also of a slot that is busy, so a shared
system prompt is read once). Memory is bounded; idle slots go first that would cost least to read again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tandem.engine.model import LanguageModel, TokenSequence

RECENCY_HALF_SECONDS = 120.0
COPY_TOKENS_LEAST = 16
LOSS_SHARE_MOST = 0.25
RESERVE_TOKENS = 128
REREAD_TOKENS = 2
"""Prompt tokens that are read again however much is held. A step of one token takes another kernel than a longer piece
and may say something else (int4: log-probabilities off by up to 0.4); pieces of two and more agree to the last bit."""


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two lists share from the start. Halving compares slices, which costs one pass in C."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


@dataclass(slots=True, eq=False)
class Slot:
    """A sequence and the tokens that it holds; ``busy`` while a stream uses it."""

    sequence: TokenSequence
    tokens: list[int] = field(default_factory=list[int])
    busy: bool = True
    last_used: float = 0.0

    def keep(self, length: int) -> None:
        """Forget everything after the first ``length`` tokens."""
        if length < len(self.tokens):
            self.sequence.rewind(length)
            del self.tokens[length:]


class Slots:
    """All slots of one model. ``bytes_limit`` bounds their KV, ``slots_limit`` their number, idle ones included."""

    def __init__(self, model: LanguageModel, *, bytes_limit: int, slots_limit: int, clock: Callable[[], float]) -> None:
        self._model = model
        self._bytes_limit = bytes_limit
        self._slots_limit = slots_limit
        self._clock = clock
        self._slots: list[Slot] = []

    @property
    def byte_count(self) -> int:
        """KV memory of all slots."""
        return sum(slot.sequence.byte_count for slot in self._slots)

    @property
    def token_counts(self) -> tuple[int, ...]:
        """Tokens held by each slot."""
        return tuple(len(slot.tokens) for slot in self._slots)

    def longest_prefix(self, prompt: Sequence[int]) -> int:
        """How many tokens of a prompt some slot holds now."""
        return max((common_prefix(slot.tokens, prompt[:-REREAD_TOKENS]) for slot in self._slots), default=0)

    def can_ever_hold(self, tokens: int) -> bool:
        """Whether so many tokens fit when nothing else is there."""
        return self._model.bytes_for(tokens) <= self._bytes_limit

    def take(self, prompt: Sequence[int]) -> Slot | None:
        """A busy slot that already holds a prefix of ``prompt`` (never all of it: see `REREAD_TOKENS`).

        ``None`` where streams under way leave no memory for the prompt.
        """
        wanted = prompt[:-REREAD_TOKENS]
        here = self._best_idle(wanted)
        if here is not None and _loses_little(here, wanted):
            return self._continue(here, prompt)
        source = self._worth_copying(wanted)
        reserve = RESERVE_TOKENS if any(slot.busy for slot in self._slots) else 1
        if not self._make_room(self._model.bytes_for(len(prompt) + reserve), spare=source):
            here = self._best_idle(wanted)
            return self._continue(here, prompt) if here is not None else None
        return self._begin(source, prompt)

    def hold(self, slot: Slot, tokens: int) -> bool:
        """Make sure that a busy slot can hold so many tokens; ``False`` where busy slots leave no memory."""
        return self._make_room(self._model.bytes_for(tokens) - slot.sequence.byte_count, spare=slot, opening=False)

    def give_back(self, slot: Slot) -> None:
        """The stream is over; what it read stays."""
        slot.busy = False
        slot.last_used = self._clock()
        if not slot.tokens:
            self.drop(slot)

    def drop(self, slot: Slot) -> None:
        """Free a slot and its memory."""
        self._slots.remove(slot)
        slot.sequence.close()

    def _continue(self, slot: Slot, prompt: Sequence[int]) -> Slot | None:
        """Use an idle slot in place."""
        slot.keep(common_prefix(slot.tokens, prompt[:-REREAD_TOKENS]))
        slot.busy = True
        if self.hold(slot, len(prompt) + 1):
            return slot
        self.give_back(slot)
        return None

    def _best_idle(self, wanted: Sequence[int]) -> Slot | None:
        idle = [slot for slot in self._slots if not slot.busy]
        return max(idle, key=lambda slot: _worth_continuing(slot, wanted), default=None)

    def _worth_copying(self, wanted: Sequence[int]) -> Slot | None:
        """The slot, idle or busy, that holds the longest prefix, where that is long enough to matter."""
        best = max(self._slots, key=lambda slot: (common_prefix(slot.tokens, wanted), not slot.busy), default=None)
        if best is None or common_prefix(best.tokens, wanted) < COPY_TOKENS_LEAST:
            return None
        return best

    def _begin(self, source: Slot | None, prompt: Sequence[int]) -> Slot | None:
        """A new slot: a copy of a prefix, or empty where there is none or it cannot be copied."""
        if source is None:
            return self._add(Slot(self._model.open()))
        shared = common_prefix(source.tokens, prompt[:-REREAD_TOKENS])
        sequence = self._model.fork(source.sequence, shared)
        if sequence is not None:
            return self._add(Slot(sequence, list(prompt[:shared])))
        if not source.busy and 2 * shared >= len(source.tokens):
            return self._continue(source, prompt)
        return self._add(Slot(self._model.open()))

    def _add(self, slot: Slot) -> Slot:
        self._slots.append(slot)
        return slot

    def _make_room(self, more_bytes: int, *, spare: Slot | None, opening: bool = True) -> bool:
        """Free idle slots, cheapest first, until so many more bytes fit (and one more slot, when ``opening``)."""
        while True:
            crowded = opening and len(self._slots) >= self._slots_limit
            if not crowded and self.byte_count + max(more_bytes, 0) <= self._bytes_limit:
                return True
            idle = [slot for slot in self._slots if not slot.busy and slot is not spare]
            if not idle:
                return False
            self.drop(min(idle, key=self._refill_cost))

    def _refill_cost(self, slot: Slot) -> float:
        """Tokens that only this slot holds, halved for each `RECENCY_HALF_SECONDS` without use."""
        shared = max(
            (common_prefix(slot.tokens, other.tokens) for other in self._slots if other is not slot), default=0
        )
        age = self._clock() - slot.last_used
        return float(len(slot.tokens) - shared) * 0.5 ** (age / RECENCY_HALF_SECONDS)


def _worth_continuing(slot: Slot, wanted: Sequence[int]) -> tuple[int, int]:
    """Longest prefix first; among equals, the slot that loses least."""
    return common_prefix(slot.tokens, wanted), -len(slot.tokens)


def _loses_little(slot: Slot, wanted: Sequence[int]) -> bool:
    """Whether what would be forgotten is small beside what is reused."""
    shared = common_prefix(slot.tokens, wanted)
    return len(slot.tokens) - shared <= LOSS_SHARE_MOST * shared
