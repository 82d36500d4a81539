"""What the device roster is made of: a model's seat, its rest after failures, and who leaves for whom."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tandem.core.chat import ChatEvent, ChatRequest
from tandem.core.embedding import EmbeddingRequest, Embeddings
from tandem.core.errors import TandemError, Unavailable
from tandem.core.models import Kind, ModelCard
from tandem.engine.frames import SealKind, WorkerStats
from tandem.engine.memory import MemoryNeed, MemoryRoom

log = logging.getLogger(__name__)
_STATS_SECONDS = 1.0


class WorkerHandle(Protocol):
    """As much of a running worker process as the roster needs (see `tandem.engine.host`)."""

    @property
    def model(self) -> str:
        """The model that it runs."""
        ...

    @property
    def pid(self) -> int:
        """The process id."""
        ...

    @property
    def seal(self) -> SealKind:
        """What keeps it off the network."""
        ...

    @property
    def kind(self) -> Kind:
        """Whether the model talks or embeds."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        ...

    @property
    def in_flight(self) -> int:
        """Calls that wait for an answer or are being answered."""
        ...

    def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Answer as a stream of events. Raises `tandem.core.errors.WorkerDied` where the process ends before them."""
        ...

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Embed all inputs."""
        ...

    async def count_tokens(self, request: ChatRequest) -> int:
        """Count the prompt's tokens, template included."""
        ...

    async def stats(self) -> WorkerStats:
        """How it is doing."""
        ...

    async def close(self) -> None:
        """End the process and wait until it is gone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many failures within how many seconds make a model rest until the oldest of them is that long ago."""

    failures: int = 3
    within_seconds: float = 60.0


@dataclass(slots=True, kw_only=True)
class Seat:
    """One model's place on this device: its worker where it has one, who uses it, and how it failed lately.

    ``need`` is set from the moment that memory is set aside until the worker is told to leave. Times are of the loop's
    clock, but ``loaded_at`` is in Unix seconds.
    """

    card: ModelCard
    worker: WorkerHandle | None = None
    loading: "asyncio.Future[None] | None" = None
    need: MemoryNeed | None = None
    users: int = 0
    starts: int = 0
    last_used: float = 0.0
    loaded_at: float = 0.0
    alarm: asyncio.TimerHandle | None = None
    failures: deque[float] = field(default_factory=deque[float])
    last_failure: str = ""

    @property
    def idle(self) -> bool:
        """Loaded, and nobody uses it or waits for it."""
        return self.worker is not None and self.users == 0

    def cancel_alarm(self) -> None:
        """It is used again, or gone: no unloading by the clock."""
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None

    def note_failure(self, now: float, why: str) -> None:
        """Remember that its worker died, or could not start, and why."""
        self.failures.append(now)
        self.last_failure = why

    def check_rested(self, now: float, patience: Patience) -> None:
        """Raises `Unavailable`, with the time of the next try, while it failed too often lately."""
        while self.failures and now - self.failures[0] >= patience.within_seconds:
            self.failures.popleft()
        if len(self.failures) < patience.failures:
            return
        wait = math.ceil(self.failures[-patience.failures] + patience.within_seconds - now)
        raise Unavailable(
            f"{self.card.id} failed {len(self.failures)} times within {patience.within_seconds:.0f} s and is tried "
            f"again in {wait} s. The last time: {self.last_failure} If this goes on, run `tandem doctor`, "
            "pull the model again, or choose another."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """A model that could leave, and the bytes that this would free."""

    model: str
    frees: int


def leaving_for(missing: int, idle: Sequence[Idle]) -> list[str] | None:
    """Which idle models (given least recently used first) must leave to free ``missing`` bytes; ``None`` if all cannot.

    Models leave in order until it is enough, so what was used last stays longest; none leaves in vain.
    """
    leaving: list[str] = []
    for one in idle:
        if missing <= 0:
            break
        leaving.append(one.model)
        missing -= one.frees
    return leaving if missing <= 0 else None


def room_beside(room: MemoryRoom, max_ram: int | None, seated: Sequence[tuple[MemoryNeed, int]]) -> MemoryRoom:
    """What is left of ``room`` when all seated models, ``(need, resident bytes)``, have grown to what they need."""
    promised = sum(max(0, need.total - resident) for need, resident in seated)
    taken = sum(max(need.total, resident) for need, resident in seated)
    return MemoryRoom(
        available=room.available - promised,
        group=None if room.group is None else room.group - promised,
        allowance=None if max_ram is None else max_ram - taken,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A worker that runs now. ``loaded_at`` is in Unix seconds; ``stats`` is ``None`` where it was too busy to say."""

    model: str
    kind: Kind
    pid: int
    seal: SealKind
    loaded_at: float
    starts: int
    in_flight: int
    need: MemoryNeed
    stats: WorkerStats | None


async def report_of(seat: Seat) -> LoadedModel | None:
    """What a seat's worker says of itself; ``None`` where none runs."""
    worker, need = seat.worker, seat.need
    if worker is None or need is None or not worker.alive:
        return None
    stats: WorkerStats | None = None
    try:
        async with asyncio.timeout(_STATS_SECONDS):
            stats = await worker.stats()
    except (TimeoutError, TandemError) as error:
        log.debug("%s did not say how it is doing: %s", seat.card.id, type(error).__name__)
    return LoadedModel(
        model=seat.card.id,
        kind=worker.kind,
        pid=worker.pid,
        seal=worker.seal,
        loaded_at=seat.loaded_at,
        starts=seat.starts,
        in_flight=worker.in_flight,
        need=need,
        stats=stats,
    )
