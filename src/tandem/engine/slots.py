"""KV slots: what was read is kept, so that the next prompt that begins the same way need not be read again.

A slot is a sequence and the tokens in it. A new prompt takes the longest common prefix that any slot holds: in place
where little else would be lost, by a copy where the model can make one (also of a slot that is busy, so a shared
system prompt is read once). Memory is bounded; idle slots go first that would cost least to read again.

What a step of one token leaves in the KV is not quite what a longer piece leaves there (see `REREAD_TOKENS`). So a slot
remembers which tokens were read alone, and a text that has to repeat itself takes only what was read its own way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tandem.engine.model import LanguageModel, Logits, TokenSequence

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
    """A sequence and the tokens that it holds; ``busy`` while a stream uses it.

    ``alone`` has a 1 for each token that was read in a step of its own and a 0 for each that was part of a piece.
    """

    sequence: TokenSequence
    tokens: list[int] = field(default_factory=list[int])
    alone: bytearray = field(default_factory=bytearray)
    busy: bool = True
    last_used: float = 0.0

    def append(self, piece: Sequence[int], rows: int) -> Logits:
        """Read tokens in one run; the logits after each of the last ``rows`` of them."""
        logits = self.sequence.append(piece, rows)
        self.tokens.extend(piece)
        self.alone.extend(bytes([len(piece) == 1]) * len(piece))
        return logits

    def keep(self, length: int) -> None:
        """Forget everything after the first ``length`` tokens."""
        if length < len(self.tokens):
            self.sequence.rewind(length)
            del self.tokens[length:], self.alone[length:]

    def shared(self, wanted: "Wanted") -> int:
        """How many tokens of a text it holds that may be taken as they are."""
        count = common_prefix(self.tokens, wanted.tokens[:-REREAD_TOKENS])
        return count if wanted.alone is None else common_prefix(self.alone[:count], wanted.alone[:count])


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text to be read. ``alone`` tells of each token how it has to have been read; ``None`` where that is all one."""

    tokens: Sequence[int]
    alone: bytes | None = None


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

    def longest_prefix(self, wanted: Wanted) -> int:
        """How many tokens of a text some slot holds now."""
        return max((slot.shared(wanted) for slot in self._slots), default=0)

    def can_ever_hold(self, tokens: int) -> bool:
        """Whether so many tokens fit when nothing else is there."""
        return self._model.bytes_for(tokens) <= self._bytes_limit

    def take(self, wanted: Wanted) -> Slot | None:
        """A busy slot that already holds a prefix of the text (never all of it: see `REREAD_TOKENS`).

        ``None`` where streams under way leave no memory for the text.
        """
        here = self._best_idle(wanted)
        if here is not None and _loses_little(here, wanted):
            return self._continue(here, wanted)
        source = self._worth_copying(wanted)
        reserve = RESERVE_TOKENS if any(slot.busy for slot in self._slots) else 1
        if not self._make_room(self._model.bytes_for(len(wanted.tokens) + reserve), spare=source):
            here = self._best_idle(wanted)
            return self._continue(here, wanted) if here is not None else None
        return self._begin(source, wanted)

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

    def _continue(self, slot: Slot, wanted: Wanted) -> Slot | None:
        """Use an idle slot in place."""
        slot.keep(slot.shared(wanted))
        slot.busy = True
        if self.hold(slot, len(wanted.tokens) + 1):
            return slot
        self.give_back(slot)
        return None

    def _best_idle(self, wanted: Wanted) -> Slot | None:
        idle = [slot for slot in self._slots if not slot.busy]
        return max(idle, key=lambda slot: _worth_continuing(slot, wanted), default=None)

    def _worth_copying(self, wanted: Wanted) -> Slot | None:
        """The slot, idle or busy, that holds the longest prefix, where that is long enough to matter."""
        best = max(self._slots, key=lambda slot: (slot.shared(wanted), not slot.busy), default=None)
        if best is None or best.shared(wanted) < COPY_TOKENS_LEAST:
            return None
        return best

    def _begin(self, source: Slot | None, wanted: Wanted) -> Slot | None:
        """A new slot: a copy of a prefix, or empty where there is none or it cannot be copied."""
        if source is None:
            return self._add(Slot(self._model.open()))
        shared = source.shared(wanted)
        sequence = self._model.fork(source.sequence, shared)
        if sequence is not None:
            return self._add(Slot(sequence, list(wanted.tokens[:shared]), source.alone[:shared]))
        if not source.busy and 2 * shared >= len(source.tokens):
            return self._continue(source, wanted)
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


def _worth_continuing(slot: Slot, wanted: Wanted) -> tuple[int, int]:
    """Longest prefix first; among equals, the slot that loses least."""
    return slot.shared(wanted), -len(slot.tokens)


def _loses_little(slot: Slot, wanted: Wanted) -> bool:
    """Whether what would be forgotten is small beside what is reused."""
    shared = slot.shared(wanted)
    return len(slot.tokens) - shared <= LOSS_SHARE_MOST * shared
