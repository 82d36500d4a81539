"""What a worker does with its frames, whatever kind of model it holds: the port between the process and the work."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tandem.core.models import Ability, Kind
from tandem.engine.frames import Ask, Count, Embed, FromWorker, WorkerStats

Act = Callable[[], None]
"""Something that the main thread is to do between two steps."""


class Outbox(Protocol):
    """Where frames for the parent go. Any thread may put."""

    def put(self, message: FromWorker) -> None:
        """Add one frame; the main thread sends it after its step."""
        ...

    def flush(self) -> None:
        """Send what is there now: for threads other than the main one, and before a step that takes long."""
        ...

    def flush_if_due(self) -> None:
        """Send what is there, unless it is only words that may wait a few milliseconds for the next ones."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a desk can do."""

    kind: Kind
    context_tokens: int
    abilities: frozenset[Ability] = frozenset()
    dimensions: int | None = None


class Desk(Protocol):
    """Calls in, frames out. All methods run in the worker's main thread."""

    @property
    def about(self) -> About:
        """What it can do."""
        ...

    def accept(self, message: Ask | Count | Embed) -> None:
        """A new call."""
        ...

    def cancel(self, call: int) -> None:
        """Nobody waits for a call any more."""
        ...

    def step(self) -> bool:
        """Do a little work; ``False`` when there is none."""
        ...

    def stats(self) -> WorkerStats:
        """How it is doing."""
        ...
