"""The models of this device: each has a seat, gets a worker process when it is first asked, and loses it when idle.

The one thing worth knowing: everything here runs on one event loop, and a seat counts its users before anything is
awaited, so a worker that somebody uses or waits for is never unloaded.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tandem.backends.seats import (
    Idle,
    LoadedModel,
    Patience,
    Seat,
    WorkerHandle,
    leaving_for,
    report_of,
    room_beside,
)
from tandem.core.chat import ChatEvent, ChatRequest
from tandem.core.defaults import KEEP_ALIVE_SECONDS, KV_BYTES
from tandem.core.embedding import EmbeddingRequest, Embeddings
from tandem.core.errors import NotEnoughMemory, NotFound, TandemError, Unavailable, Unsupported, WorkerDied
from tandem.core.models import ModelCard
from tandem.core.ports import Health
from tandem.engine.host import Worker, WorkerOptions
from tandem.engine.memory import MemoryNeed, MemoryRoom, check_fit, missing_bytes, model_need

StartWorker = Callable[[str, Path], Awaitable[WorkerHandle]]
"""``start(model, folder)``: a loaded worker. Raises a `TandemError` where it cannot be."""

log = logging.getLogger(__name__)


def worker_starter(options: WorkerOptions) -> StartWorker:
    """Starts real worker processes, all with the same options."""

    async def start(model: str, folder: Path) -> WorkerHandle:
        return await Worker.start(model, folder, options)

    return start


class Machine(Protocol):
    """The memory that workers share (see `tandem.engine.memory.ThisMachine`)."""

    def room(self) -> MemoryRoom:
        """What can be used now."""
        ...

    def resident(self, pid: int) -> int:
        """Bytes that a process holds; 0 where it is gone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions:
    """How models come and go. ``keep_alive_seconds`` 0 unloads at once, ``None`` never.

    ``max_ram_bytes`` bounds what all models together may need; ``kv_bytes`` is the bound of one model's KV.
    """

    keep_alive_seconds: float | None = KEEP_ALIVE_SECONDS
    max_ram_bytes: int | None = None
    kv_bytes: int = KV_BYTES
    patience: Patience = field(default_factory=Patience)


class DeviceModels:
    """The roster of this device. ``async with`` owns it: leaving ends every worker."""

    def __init__(
        self,
        card_of: Callable[[str], ModelCard],
        *,
        folder_of: Callable[[str], Path],
        start: StartWorker,
        machine: Machine,
        options: DeviceOptions,
    ) -> None:
        self._card_of = card_of
        self._seats: dict[str, Seat] = {}
        self._folder_of = folder_of
        self._start = start
        self._machine = machine
        self._options = options
        self._tasks = asyncio.TaskGroup()
        self._loads: set[asyncio.Task[None]] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self._guard = asyncio.Lock()
        self._closed = False

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.close()
        finally:
            await self._tasks.__aexit__(None, None, None)

    def backend(self, model: str) -> "DeviceBackend":
        """The model as a `Backend`. Raises `NotFound`."""
        self._seat(model)
        return DeviceBackend(self, model)

    def card(self, model: str) -> ModelCard:
        """What is known about a model, and whether it is loaded now. Raises `NotFound`."""
        seat = self._seat(model)
        return replace(seat.card, loaded=seat.worker is not None and seat.worker.alive)

    def in_flight(self, model: str) -> int:
        """How many requests the model is answering or keeping in its queue now."""
        seat = self._seats.get(model)
        return seat.worker.in_flight if seat is not None and seat.worker is not None else 0

    def seal_of(self, model: str) -> str:
        """The seal of a model's worker; empty where none runs."""
        seat = self._seats.get(model)
        return seat.worker.seal if seat is not None and seat.worker is not None else ""

    def is_loaded(self, model: str) -> bool:
        """Whether a model has a worker now."""
        seat = self._seats.get(model)
        return seat is not None and seat.worker is not None and seat.worker.alive

    def obstacle(self, model: str) -> str:
        """Why a model could not be loaded now, in a sentence; empty where it is loaded or nothing stands in its way."""
        seat = self._seats.get(model) or Seat(card=self._card_of(model))
        if seat.worker is not None or seat.loading is not None:
            return ""
        try:
            seat.check_rested(asyncio.get_running_loop().time(), self._options.patience)
            need, room = model_need(self._folder_of(model), self._options.kv_bytes), self._room()
            if leaving_for(missing_bytes(need, room), self._idle()) is None:
                check_fit(model, need, room)
        except (TandemError, OSError) as error:
            return str(error)
        return ""

    async def preload(self, model: str) -> None:
        """Load a model before anyone asks; from then on its idle time counts. Raises as `worker` does."""
        async with self.worker(model):
            return

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Embed all inputs. Raises `NotFound`, `Unsupported` for a model that chats, and what the worker raises."""
        if self._seat(request.model).card.kind != "embedding":
            raise Unsupported(f"{request.model} is a chat model: embed with an embedding model.", param="model")
        async with self.worker(request.model) as worker:
            embeddings = await worker.embed(request)
        self.note_answer(request.model)
        return embeddings

    async def count_tokens(self, request: ChatRequest) -> int:
        """Prompt tokens of a chat request, template included."""
        async with self.worker(request.model) as worker:
            return await worker.count_tokens(request)

    def note_answer(self, model: str) -> None:
        """A whole answer was given: whatever ended workers of this model before, the model itself works."""
        self._seat(model).failures.clear()

    async def report(self) -> tuple[LoadedModel, ...]:
        """Every worker that runs now, for the doctor and the metrics."""
        reports = await asyncio.gather(*(report_of(seat) for seat in self._seats.values()))
        return tuple(one for one in reports if one is not None)

    async def close(self) -> None:
        """End every worker and wait until all are gone. Nothing is loaded after this."""
        self._closed = True
        for load in self._loads:
            load.cancel()
        if self._loads:
            await asyncio.wait(self._loads)
        for seat in self._seats.values():
            self._dismiss(seat)
        if self._leaving:
            await asyncio.wait(self._leaving)

    @asynccontextmanager
    async def worker(self, model: str) -> AsyncGenerator[WorkerHandle]:
        """The model's worker, loaded if need be, held in memory until the block ends.

        Raises `NotFound`, `NotEnoughMemory`, `Unavailable` where it failed too often lately, and what its start raises.
        """
        seat = self._seat(model)
        seat.users += 1
        seat.cancel_alarm()
        try:
            yield await self._loaded(seat)
        finally:
            seat.users -= 1
            seat.last_used = asyncio.get_running_loop().time()
            self._settle(seat)

    def _seat(self, model: str) -> Seat:
        seat = self._seats.get(model)
        if seat is not None and (seat.worker or seat.loading):
            return seat
        # Asked anew until it is loaded, so that a model pulled, replaced or removed meanwhile is known as it is now.
        card = self._card_of(model)
        if not card.installed:
            raise NotFound(f"{model} is not installed: run `tandem models pull {model}`.", param="model")
        if seat is None:
            seat = self._seats[model] = Seat(card=card)
        seat.card = card
        return seat

    async def _loaded(self, seat: Seat) -> WorkerHandle:
        while True:
            if seat.worker is not None:
                if seat.worker.alive:
                    return seat.worker
                self._bury(seat)
            if seat.loading is None:
                seat.loading = self._begin_load(seat)
            await asyncio.shield(seat.loading)

    def _begin_load(self, seat: Seat) -> "asyncio.Future[None]":
        if self._closed:
            raise _closing(seat.card.id)
        loop = asyncio.get_running_loop()
        seat.check_rested(loop.time(), self._options.patience)
        outcome: asyncio.Future[None] = loop.create_future()
        task = self._tasks.create_task(self._load(seat, outcome), name=f"load {seat.card.id}")
        self._loads.add(task)
        task.add_done_callback(self._loads.discard)
        return outcome

    async def _load(self, seat: Seat, outcome: "asyncio.Future[None]") -> None:
        """Load once for all who wait, even when the first of them goes away."""
        error: TandemError = _closing(seat.card.id)
        try:
            seat.worker = await self._open(seat)
            seat.loaded_at, seat.starts = time.time(), seat.starts + 1
            outcome.set_result(None)
        except TandemError as failure:
            error = failure
            if isinstance(failure, Unavailable) and not isinstance(failure, NotEnoughMemory):
                seat.note_failure(asyncio.get_running_loop().time(), failure.message)
        finally:
            seat.loading = None
            if not outcome.done():
                seat.need = None
                outcome.set_exception(error)
                outcome.exception()  # those who waited may all be gone: nobody else has to look at it
            self._settle(seat)

    async def _open(self, seat: Seat) -> WorkerHandle:
        model = seat.card.id
        folder = self._folder_of(model)
        try:
            await self._set_memory_aside(seat, model_need(folder, self._options.kv_bytes))
            worker = await self._start(model, folder)
        except OSError as error:
            raise Unavailable(
                f"{model} could not be started from {folder}: {error.strerror}. Run `tandem doctor`, or pull it again."
            ) from error
        log.info("loaded %s: pid %d, seal %s", model, worker.pid, worker.seal)
        return worker

    async def _set_memory_aside(self, seat: Seat, need: MemoryNeed) -> None:
        """Wait for room, unloading idle models if that helps. Raises `NotEnoughMemory`."""
        async with self._guard:
            while True:
                room = self._room()
                going = leaving_for(missing_bytes(need, room), self._idle())
                if going:
                    self._dismiss(self._seats[going[0]])
                elif not (missing_bytes(need, room) and self._leaving):
                    break
                await asyncio.wait(self._leaving)
            check_fit(seat.card.id, need, room)
            seat.need = need

    def _room(self) -> MemoryRoom:
        seated = [
            (seat.need, self._machine.resident(seat.worker.pid) if seat.worker else 0)
            for seat in self._seats.values()
            if seat.need is not None
        ]
        return room_beside(self._machine.room(), self._options.max_ram_bytes, seated)

    def _idle(self) -> list[Idle]:
        """Idle models and what each frees, least recently used first."""
        seats = sorted((seat for seat in self._seats.values() if seat.idle), key=lambda seat: seat.last_used)
        return [Idle(model=seat.card.id, frees=seat.need.total) for seat in seats if seat.need is not None]

    def _settle(self, seat: Seat) -> None:
        """Nobody uses it now: let the clock run, or let it go at once."""
        keep = self._options.keep_alive_seconds
        if seat.worker is not None and not seat.worker.alive and not self._closed:
            self._bury(seat)
        if not seat.idle or keep is None or self._closed:
            return
        seat.cancel_alarm()
        if keep <= 0:
            self._dismiss(seat)
        else:
            seat.alarm = asyncio.get_running_loop().call_later(keep, self._dismiss, seat)

    def _bury(self, seat: Seat) -> None:
        seat.note_failure(asyncio.get_running_loop().time(), "its process ended.")
        log.warning("the worker of %s ended by itself", seat.card.id)
        self._dismiss(seat)

    def _dismiss(self, seat: Seat) -> None:
        """Free the seat now; its process ends in the background."""
        seat.cancel_alarm()
        worker, seat.worker = seat.worker, None
        if worker is None:
            return
        seat.need = None
        task = self._tasks.create_task(_end(worker), name=f"close {seat.card.id}")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


class DeviceBackend:
    """One model of this device as a `Backend`."""

    def __init__(self, models: DeviceModels, model: str) -> None:
        self._models = models
        self._model = model

    @property
    def card(self) -> ModelCard:
        """What is known about the model, and whether it is loaded now."""
        return self._models.card(self._model)

    def health(self) -> Health:
        """How it is now: a worker that is not there yet is started by the first who asks."""
        return Health(queued=self._models.in_flight(self._model))

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Answer, loading the model if need be.

        A worker that proves dead before its first event is replaced once, unseen; later its death is `WorkerDied`.
        """
        if self.card.kind != "chat":
            raise Unsupported(f"{self._model} embeds text and does not write any. Ask a chat model.", param="model")
        silent = True
        for chances_left in (1, 0):
            try:
                async with self._models.worker(self._model) as worker, aclosing(worker.respond(request)) as events:
                    async for event in events:
                        silent = False
                        yield event
                    self._models.note_answer(self._model)
            except WorkerDied:
                if not (silent and chances_left):
                    raise
            else:
                return


async def _end(worker: WorkerHandle) -> None:
    try:
        await worker.close()
    except OSError as error:
        log.warning("the worker of %s (pid %d) could not be ended: %s", worker.model, worker.pid, error.strerror)


def _closing(model: str) -> Unavailable:
    return Unavailable(f"{model} cannot be loaded: Tandem is shutting down.")
