"""Workers without processes: they echo, and die, hang or take their time when a test says so."""

import asyncio
from array import array
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tandem.backends.echo import EchoBackend
from tandem.core.chat import ChatEvent, ChatRequest
from tandem.core.embedding import EmbeddingRequest, Embeddings
from tandem.core.errors import TandemError, WorkerDied
from tandem.core.models import Kind, ModelCard
from tandem.engine.frames import SealKind, WorkerStats
from tandem.engine.memory import MIB, MemoryRoom


class FakeWorker:
    """Echoes. ``alive`` may be set; ``die_after`` events a stream ends as it does when the process ends."""

    seal: SealKind = "namespace"

    def __init__(self, model: str, pid: int, kind: Kind = "chat") -> None:
        self.model = model
        self.pid = pid
        self.kind: Kind = kind
        self.alive = True
        self.closed = False
        self.in_flight = 0
        self.streams_closed = 0
        self.die_after: int | None = None
        self.deaf = False
        self.step = asyncio.Event()
        self.step.set()

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        card = ModelCard(id=self.model, kind="chat", place="device", context_tokens=4096, source="fake")
        said = 0
        self.in_flight += 1
        try:
            async with aclosing(EchoBackend(card).respond(request)) as events:
                async for event in events:
                    await self.step.wait()
                    if said == self.die_after:
                        self.alive = False
                    if not self.alive:
                        raise WorkerDied(f"The process that ran {self.model} ended.")
                    yield event
                    said += 1
        finally:
            self.in_flight -= 1
            self.streams_closed += 1

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        vectors = tuple(array("f", [1.0, 0.0]) for _ in request.inputs)
        return Embeddings(model=self.model, vectors=vectors, prompt_tokens=len(vectors))

    async def count_tokens(self, request: ChatRequest) -> int:
        return sum(len(message.content.split()) for message in request.messages)

    async def stats(self) -> WorkerStats:
        if self.deaf:
            await asyncio.Event().wait()
        return WorkerStats(running=self.in_flight)

    async def close(self) -> None:
        self.alive = False
        await asyncio.sleep(0)
        self.closed = True


@dataclass
class FakeFactory:
    """Starts fake workers. ``gates`` hold a model back, ``failures`` are raised next, ``deadly`` ones die at once."""

    started: list[FakeWorker] = field(default_factory=list[FakeWorker])
    gates: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    failures: list[TandemError | OSError] = field(default_factory=list[TandemError | OSError])
    embedders: frozenset[str] = frozenset({"embedder"})
    deadly: bool = False
    start_seconds: float = 0
    cancelled: int = 0
    pids: "count[int]" = field(default_factory=lambda: count(1000))

    async def start(self, model: str, _folder: Path) -> FakeWorker:
        try:
            await (self.gates[model].wait() if model in self.gates else asyncio.sleep(self.start_seconds))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failures:
            raise self.failures.pop(0)
        worker = FakeWorker(model, next(self.pids), "embedding" if model in self.embedders else "chat")
        worker.die_after = 0 if self.deadly else None
        self.started.append(worker)
        return worker

    def running(self) -> list[str]:
        return [worker.model for worker in self.started if not worker.closed]


@dataclass
class FakeMachine:
    """A machine with so much memory; each running worker holds ``holds`` bytes of it."""

    factory: FakeFactory
    memory: int = 10_000 * MIB
    holds: int = 0

    def room(self) -> MemoryRoom:
        return MemoryRoom(available=self.memory - self.holds * len(self.factory.running()))

    def resident(self, pid: int) -> int:
        return self.holds if any(one.pid == pid and not one.closed for one in self.factory.started) else 0
