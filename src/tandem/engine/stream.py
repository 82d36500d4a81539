"""One request on its way through the model: what is to be read, what has been said, and the slot that holds its KV.

Reading a prompt, speaking, and reading again after the slot was lost are the same act: read the text up to its end,
then choose one more token. Several choices are said one after another in one slot, so the prompt is read once.

A stream that names a seed says the same whatever was cached or going on around it: it takes no KV that was read
otherwise than it would have read it, and after a lost slot it reads in the old steps. This costs a follow-up question
the answer before it, which is read again in pieces; without a seed nobody pays that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tandem.core.chat import ChatEvent, Priority, Usage
from tandem.engine.model import Logits
from tandem.engine.slots import Slot, Wanted
from tandem.engine.speculation import Lookup, Wager


class Utterance(Protocol):
    """One choice being said: it chooses tokens from logits and turns them into events."""

    @property
    def finished(self) -> bool:
        """Whether it is complete."""
        ...

    @property
    def completion_tokens(self) -> int:
        """Tokens chosen so far."""
        ...

    @property
    def reasoning_tokens(self) -> int:
        """Those of them that were reasoning."""
        ...

    def next_token(self, logits: Logits) -> int:
        """Choose the next token from logits of shape [vocabulary]."""
        ...

    def take_events(self) -> Sequence[ChatEvent]:
        """What became known since the last call."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request as the scheduler sees it. ``speak`` begins the choice of that index; ``choices`` is their number.

    ``repeats`` where the same request has to get the same words again, as with a seed.
    """

    call: int
    prompt: Sequence[int]
    speak: Callable[[int], Utterance]
    choices: int = 1
    priority: Priority = "interactive"
    repeats: bool = False


@dataclass(slots=True, eq=False)
class Stream:
    """The state of one request. ``cached_guess`` is how much of the prompt some slot held when it came."""

    order: Order
    arrived: float
    speculates: bool = True
    cached_guess: int = 0
    last_step: float = float("-inf")
    slot: Slot | None = None
    wager: Wager = field(default_factory=Wager)
    text: list[int] = field(init=False)
    _events: list[ChatEvent] = field(default_factory=list[ChatEvent])
    _spoken: list[Utterance] = field(default_factory=list[Utterance])
    _first_logits: Logits | None = None
    _lookup: Lookup | None = None
    _cached_tokens: int | None = None
    _alone: bytes = b""

    def __post_init__(self) -> None:
        self.text = list(self.order.prompt)

    @property
    def unread(self) -> int:
        """Tokens of the text that are not in a slot yet; 1 while it speaks."""
        return len(self.text) - (len(self.slot.tokens) if self.slot else 0)

    @property
    def speaking(self) -> bool:
        """Whether the next step says a token of a choice that has begun."""
        return self.slot is not None and self.unread == 1 and bool(self._spoken)

    @property
    def wanted(self) -> Wanted:
        """The text, and how a slot has to have read it."""
        return Wanted(self.text, self._alone.ljust(len(self.text), b"\0") if self.order.repeats else None)

    @property
    def background(self) -> bool:
        """Whether it gives way to interactive streams."""
        return self.order.priority == "background"

    @property
    def usage(self) -> Usage:
        """Token counts up to now, over all choices."""
        return Usage(
            prompt_tokens=len(self.order.prompt),
            completion_tokens=sum(utterance.completion_tokens for utterance in self._spoken),
            cached_tokens=self._cached_tokens or 0,
            reasoning_tokens=sum(utterance.reasoning_tokens for utterance in self._spoken),
        )

    def settle(self, slot: Slot) -> None:
        """Take a slot that holds a prefix of the text. What it holds the first time was cached."""
        self.slot = slot
        if self._cached_tokens is None:
            self._cached_tokens = len(slot.tokens)

    def leave(self) -> Slot | None:
        """Give up the slot, if there is one, and remember how it was read."""
        slot, self.slot = self.slot, None
        if slot is not None and len(slot.alone) > len(self._alone):
            self._alone = bytes(slot.alone)
        return slot

    def take_events(self) -> list[ChatEvent]:
        """What was said since the last call."""
        events, self._events = self._events, []
        return events

    def draft(self, limit: int) -> list[int]:
        """The guess that the text itself suggests, at most ``limit`` tokens.

        The text is looked through when the first word is on its way, which a long prompt would delay.
        """
        if self._lookup is None and self.speculates:
            self._lookup = Lookup(self.text)
        return self._lookup.draft(limit) if self._lookup else []

    def read(self, count: int) -> int:
        """Read up to ``count`` tokens of the text; at the end of the prompt, begin to speak. Returns how many."""
        slot = self._taken()
        held = len(slot.tokens)
        if self._spoken:
            return self._read_again(slot, min(count, len(self.text) - 1 - held))
        piece = self.text[held : held + count]
        at_end = held + len(piece) == len(self.text)
        logits = slot.append(piece, 1 if at_end else 0)
        if at_end:
            self._first_logits = logits[0].copy() if self.order.choices > 1 else None
            self._begin(logits[0])
        return len(piece)

    def _read_again(self, slot: Slot, count: int) -> int:
        """Read text of before, all but its last token, which is spoken on from; in the old steps where it repeats."""
        held = len(slot.tokens)
        alone = self._alone[held : held + count] if self.order.repeats else b""
        if alone.startswith(b"\1"):
            count = 1
        elif b"\1" in alone:
            count = alone.index(b"\1")
        piece = self.text[held : held + count]
        pad = piece[-1:] if count == 1 and not alone.startswith(b"\1") else []
        slot.append([*piece, *pad], 0)
        slot.keep(held + count)
        return count

    def check(self, draft: Sequence[int]) -> int:
        """Read the last token and a draft in one run, and say as much as holds; returns how many guesses came true."""
        slot = self._taken()
        piece = [self.text[-1], *draft]
        rows = slot.append(piece, len(piece))
        accepted = 0
        for row, guess in zip(rows, [*draft, None], strict=True):
            if self._choose(row) != guess:
                break
            accepted += 1
            if self._spoken[-1].finished:
                break
        slot.keep(len(self.text) - 1)
        return accepted

    def turn(self) -> bool:
        """Where a choice is complete, begin the next; ``False`` when the last is complete."""
        while self._spoken and self._spoken[-1].finished:
            if len(self._spoken) == self.order.choices or self._first_logits is None:
                return False
            self.text, self._alone = list(self.order.prompt), b""
            self._taken().keep(len(self.text))
            self._begin(self._first_logits.copy())
        return True

    def _begin(self, logits: Logits) -> None:
        self._spoken.append(self.order.speak(len(self._spoken)))
        self._lookup = None
        self._choose(logits)

    def _choose(self, logits: Logits) -> int:
        utterance = self._spoken[-1]
        token = utterance.next_token(logits)
        self.text.append(token)
        if self._lookup is not None:
            self._lookup.extend((token,))
        self._events.extend(utterance.take_events())
        return token

    def _taken(self) -> Slot:
        if self.slot is None:
            raise RuntimeError("a stream without a slot has no step")
        return self.slot
