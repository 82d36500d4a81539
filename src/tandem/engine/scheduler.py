"""Who gets the model next. One step is one run of the graph: a piece of one prompt, or the next token of one stream.

Steps go round: each stream that speaks gets a token, then the prompt with the least left to read (less what it has
already waited) gets one piece, short enough that nobody's next word is late. Interactive requests go before
background ones, which still move a little. The model, the slots and the texts know nothing of one another.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tandem.core.chat import ChatEvent
from tandem.core.defaults import PREFILL_CHUNK_TOKENS
from tandem.core.errors import NotEnoughMemory, TandemError
from tandem.engine.frames import WorkerStats
from tandem.engine.last_door import unforeseen
from tandem.engine.model import DRAFT_TOKENS_LIMIT
from tandem.engine.slots import Slots
from tandem.engine.stream import Order, Stream

PIECE_SECONDS_ALONE = 0.25
PIECE_SECONDS_SHARED = 0.1
PIECE_TOKENS_LEAST = 16
BACKGROUND_GAP_SECONDS = 0.5
PATIENCE = 0.5
"""A second without a piece weighs as much as so many seconds of reading. Below 1, of two equal prompts the one begun is
read to its end, and the other then takes over what they share."""
SECONDS_PER_TOKEN_GUESS = 0.003
SMOOTHING = 0.2


class Outlet(Protocol):
    """Where events and errors of streams go."""

    def say(self, call: int, events: Sequence[ChatEvent]) -> None:
        """The next events of a stream; `Usage` is the last."""
        ...

    def fail(self, call: int, error: TandemError) -> None:
        """A stream ended with an error."""
        ...

    def hurry(self) -> None:
        """A long step begins: what was said should be on its way."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one worker: streams under way at once, the largest piece of a prompt, and whether to speculate."""

    context_tokens: int
    streams_limit: int
    speculation: bool
    prefill_chunk_tokens: int = PREFILL_CHUNK_TOKENS


@dataclass(slots=True)
class Tally:
    """Counters since the start."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    preempted: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0


class Scheduler:
    """Streams of one model, and the order in which they are served."""

    def __init__(self, slots: Slots, outlet: Outlet, limits: Limits, clock: Callable[[], float]) -> None:
        self._slots = slots
        self._outlet = outlet
        self._limits = limits
        self._clock = clock
        self._streams: dict[int, Stream] = {}
        self._round: deque[Stream] = deque()
        self._seconds_per_token = SECONDS_PER_TOKEN_GUESS
        self._tally = Tally()

    def add(self, order: Order) -> None:
        """Take a request into the queue; fails it at once where its prompt can never fit into the KV memory."""
        if not self._slots.can_ever_hold(len(order.prompt) + 1):
            self._outlet.fail(order.call, _too_large(len(order.prompt)))
            return
        stream = Stream(order, arrived=self._clock(), speculates=self._limits.speculation)
        stream.cached_guess = self._slots.longest_prefix(stream.wanted)
        self._streams[order.call] = stream

    def cancel(self, call: int) -> None:
        """Nobody listens any more; what was read stays in its slot."""
        if stream := self._streams.pop(call, None):
            self._release(stream)

    def step(self) -> bool:
        """Serve one stream once; ``False`` when there is nothing to do."""
        stream = self._next()
        if stream is None:
            return False
        try:
            self._serve(stream)
        except TandemError as error:
            self._abandon(stream, error)
        except Exception as error:  # noqa: BLE001 - the worker's last door: one request fails, the others go on
            self._abandon(stream, unforeseen(error))
        return True

    def stats(self) -> WorkerStats:
        """Counters and the state of the slots."""
        running = sum(stream.slot is not None for stream in self._streams.values())
        tally = self._tally
        return WorkerStats(
            running=running,
            waiting=len(self._streams) - running,
            slot_tokens=self._slots.token_counts,
            kv_bytes=self._slots.byte_count,
            prompt_tokens=tally.prompt_tokens,
            cached_tokens=tally.cached_tokens,
            completion_tokens=tally.completion_tokens,
            drafted_tokens=tally.drafted_tokens,
            accepted_tokens=tally.accepted_tokens,
            preempted=tally.preempted,
            prefill_seconds=tally.prefill_seconds,
            decode_seconds=tally.decode_seconds,
        )

    def _next(self) -> Stream | None:
        """Whose turn it is. Where nobody can move and nobody holds a slot, the first in line can never be served."""
        while self._streams:
            while self._round:
                stream = self._round.popleft()
                if stream.order.call in self._streams and stream.slot is not None:
                    return stream
            self._round.extend(self._new_round())
            if not self._round and self._streams:
                stuck = min(self._streams.values(), key=self._urgency)
                self._abandon(stuck, _too_large(len(stuck.text)))
        self._round.clear()
        return None

    def _new_round(self) -> list[Stream]:
        """Everyone who speaks and one who reads; all of them background where no interactive stream can move."""
        streams = list(self._streams.values())
        return self._turns([stream for stream in streams if self._may_move(stream)]) or self._turns(streams)

    def _turns(self, streams: list[Stream]) -> list[Stream]:
        speaking = [stream for stream in streams if stream.speaking]
        reading = sorted((stream for stream in streams if not stream.speaking), key=self._urgency)
        reader = next((stream for stream in reading if stream.slot is not None or self._admit(stream)), None)
        return speaking if reader is None else [*speaking, reader]

    def _may_move(self, stream: Stream) -> bool:
        """Background streams move only now and then while interactive ones are there."""
        if not stream.background or self._clock() - stream.last_step >= BACKGROUND_GAP_SECONDS:
            return True
        return all(other.background for other in self._streams.values())

    def _urgency(self, stream: Stream) -> tuple[bool, float]:
        """Interactive first; then the fewest seconds left to read, less those waited, so that nobody waits for ever.

        Waiting counts from the last piece: a long prompt that is being read lets a short one pass
        at once, and still gets a piece now and then where short ones never end.
        """
        left = stream.unread - (stream.cached_guess if stream.slot is None else 0)
        waited = self._clock() - max(stream.arrived, stream.last_step)
        return stream.background, left * self._seconds_per_token - PATIENCE * waited

    def _admit(self, stream: Stream) -> bool:
        """Give a waiting stream a slot; an interactive one may take that of a background stream."""
        try:
            while not self._place(stream):
                behind = [other for other in self._streams.values() if other.slot is not None and other.background]
                if stream.background or not behind:
                    return False
                self._preempt(behind)
        except Exception as error:  # noqa: BLE001 - the worker's last door, for memory that cannot be had
            self._abandon(stream, unforeseen(error))
        return stream.slot is not None

    def _place(self, stream: Stream) -> bool:
        """Background streams leave half of the places free."""
        running = [other for other in self._streams.values() if other.slot is not None]
        if len(running) >= self._limits.streams_limit:
            return False
        if stream.background and sum(other.background for other in running) >= max(1, self._limits.streams_limit // 2):
            return False
        slot = self._slots.take(stream.wanted)
        if slot is not None:
            stream.settle(slot)
        return slot is not None

    def _preempt(self, streams: list[Stream]) -> None:
        """Take the slot of the latest of them; it reads its text again when its turn comes."""
        self._tally.preempted += 1
        self._release(max(streams, key=lambda other: (other.background, other.arrived)))

    def _serve(self, stream: Stream) -> None:
        started = self._clock()
        if stream.speaking:
            self._speak(stream)
            self._tally.decode_seconds += self._clock() - started
        else:
            self._read(stream)
            self._tally.prefill_seconds += self._clock() - started
        stream.last_step = self._clock()
        going_on = stream.turn()
        events = stream.take_events()
        if not going_on:
            events.append(stream.usage)
        if events:
            self._outlet.say(stream.order.call, events)
        if not going_on:
            self._finish(stream)

    def _read(self, stream: Stream) -> None:
        """Read one piece of a prompt."""
        others = sum(1 for other in self._streams.values() if other is not stream)
        seconds = PIECE_SECONDS_SHARED if others else PIECE_SECONDS_ALONE
        most = self._limits.prefill_chunk_tokens
        if stream.background and others:
            most = PIECE_TOKENS_LEAST
        count = max(PIECE_TOKENS_LEAST, min(most, int(seconds / self._seconds_per_token)))
        if stream.unread - count < PIECE_TOKENS_LEAST:
            count = stream.unread
        if not self._hold(stream, count):
            return
        self._outlet.hurry()
        started = self._clock()
        count = stream.read(count)
        if count >= PIECE_TOKENS_LEAST:
            measured = (self._clock() - started) / count
            self._seconds_per_token += SMOOTHING * (measured - self._seconds_per_token)

    def _speak(self, stream: Stream) -> None:
        """Say one token, or as many as a draft that holds."""
        limit = min(DRAFT_TOKENS_LIMIT - 1, self._limits.context_tokens - len(stream.text))
        guess = stream.draft(max(limit, 0))
        draft = guess[: stream.wager.plan(len(guess))]
        if not self._hold(stream, 1 + len(draft)):
            return
        accepted = stream.check(draft)
        if draft:
            stream.wager.observe(len(draft), accepted)
            self._tally.drafted_tokens += len(draft)
            self._tally.accepted_tokens += accepted
        elif guess:
            stream.wager.observe(1, int(stream.text[-1] == guess[0]))

    def _hold(self, stream: Stream, count: int) -> bool:
        """Make room for so many more tokens, taking the slot of the latest stream where there is none."""
        while stream.slot is not None:
            if self._slots.hold(stream.slot, len(stream.slot.tokens) + count):
                return True
            running = [other for other in self._streams.values() if other.slot is not None]
            if len(running) == 1:
                raise _too_large(len(stream.text))
            self._preempt(running)
        return False

    def _finish(self, stream: Stream) -> None:
        usage = stream.usage
        self._tally.prompt_tokens += usage.prompt_tokens
        self._tally.cached_tokens += usage.cached_tokens
        self._tally.completion_tokens += usage.completion_tokens
        del self._streams[stream.order.call]
        self._release(stream)

    def _release(self, stream: Stream) -> None:
        """Take the slot away; the stream can go on in another after reading its text again."""
        if slot := stream.leave():
            self._slots.give_back(slot)

    def _abandon(self, stream: Stream, error: TandemError) -> None:
        """End a stream with an error; its KV is not trusted any more."""
        self._streams.pop(stream.order.call, None)
        if slot := stream.leave():
            self._slots.drop(slot)
        self._outlet.fail(stream.order.call, error)


def _too_large(tokens: int) -> NotEnoughMemory:
    return NotEnoughMemory(
        f"The KV memory of this model cannot hold {tokens} tokens. "
        "Shorten the conversation, or raise kv_cache in the [device] table of tandem.toml."
    )
