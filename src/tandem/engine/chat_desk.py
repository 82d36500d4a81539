"""The desk of a model that talks: a thread turns requests into tokens, the scheduler serves the streams."""

from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import perf_counter

import psutil
from msgspec.structs import replace

from tandem.core.chat import ChatEvent
from tandem.core.errors import TandemError, Unsupported
from tandem.engine.desk import About, Act, Outbox
from tandem.engine.frames import (
    Ask,
    Began,
    Count,
    Counted,
    Embed,
    EngineOptions,
    Failed,
    Said,
    WorkerStats,
    fault_of,
    say,
)
from tandem.engine.language import Language, Prompt, Utterance
from tandem.engine.last_door import unforeseen
from tandem.engine.runtime import open_model
from tandem.engine.scheduler import Limits, Scheduler
from tandem.engine.slots import Slots
from tandem.engine.speculation import drafts_pay
from tandem.engine.stream import Order

SPARE_SLOTS = 8


class ChatDesk:
    """Ties a language, a model and a scheduler to the frames of a worker."""

    def __init__(self, language: Language, scheduler: Scheduler, outbox: Outbox, later: Callable[[Act], None]) -> None:
        self._language = language
        self._scheduler = scheduler
        self._outbox = outbox
        self._later = later
        self._unprepared: SimpleQueue[Ask | Count] = SimpleQueue()
        self._awaited: set[int] = set()
        Thread(target=self._prepare_all, name="prepare", daemon=True).start()

    @classmethod
    def open(cls, folder: Path, options: EngineOptions, outbox: Outbox, later: Callable[[Act], None]) -> "ChatDesk":
        """Load a GenAI folder and try it. Raises `CorruptFile`."""
        language = Language.open(folder)
        model = open_model(folder, threads=options.threads, runtime=options.runtime)
        speculates = options.speculation and drafts_pay(model, perf_counter)
        slots = Slots(
            model,
            bytes_limit=options.kv_bytes,
            slots_limit=options.streams_limit + SPARE_SLOTS,
            clock=perf_counter,
        )
        limits = Limits(
            context_tokens=language.context_tokens,
            streams_limit=options.streams_limit,
            prefill_chunk_tokens=options.prefill_chunk_tokens,
            speculation=speculates,
        )
        return cls(language, Scheduler(slots, _Voice(outbox), limits, perf_counter), outbox, later)

    @property
    def about(self) -> About:
        """What it can do."""
        language = self._language
        return About(kind="chat", context_tokens=language.context_tokens, abilities=language.abilities)

    def accept(self, message: Ask | Count | Embed) -> None:
        """Pass a request to the thread that prepares; refuse what only an embedder can do."""
        if isinstance(message, Embed):
            refusal = Unsupported(
                "This model writes text and has no embeddings. Ask an embedding model.", param="model"
            )
            self._outbox.put(Failed(message.call, fault_of(refusal)))
            return
        self._awaited.add(message.call)
        self._unprepared.put(message)

    def cancel(self, call: int) -> None:
        """Drop a call, prepared or not."""
        self._awaited.discard(call)
        self._scheduler.cancel(call)

    def step(self) -> bool:
        """One step of the scheduler."""
        return self._scheduler.step()

    def stats(self) -> WorkerStats:
        """The scheduler's counters and this process's memory."""
        stats = self._scheduler.stats()
        return replace(stats, waiting=stats.waiting + len(self._awaited), rss_bytes=psutil.Process().memory_info().rss)

    def _prepare_all(self) -> None:
        while True:
            message = self._unprepared.get()
            try:
                self._prepare(message)
            except TandemError as error:
                self._refuse(message.call, error)
            except Exception as error:  # noqa: BLE001 - the worker's last door: one request fails, the others go on
                self._refuse(message.call, unforeseen(error))

    def _prepare(self, message: Ask | Count) -> None:
        prompt = self._language.prepare(message.request)
        if isinstance(message, Count):
            self._outbox.put(Counted(message.call, len(prompt.tokens)))
            self._later(lambda: self._awaited.discard(message.call))
        else:
            self._outbox.put(Began(message.call, prompt.note, len(prompt.tokens)))
            self._later(lambda: self._enqueue(message, prompt))
        self._outbox.flush()

    def _refuse(self, call: int, error: TandemError) -> None:
        self._outbox.put(Failed(call, fault_of(error)))
        self._outbox.flush()
        self._later(lambda: self._awaited.discard(call))

    def _enqueue(self, message: Ask, prompt: Prompt) -> None:
        if message.call not in self._awaited:
            return
        self._awaited.discard(message.call)

        def speak(index: int) -> Utterance:
            return self._language.speak(message.request, prompt, index)

        request = message.request
        self._scheduler.add(
            Order(
                call=message.call,
                prompt=list(prompt.tokens),
                speak=speak,
                choices=request.n,
                priority=request.priority,
                repeats=request.sampling.seed is not None,
            )
        )


class _Voice:
    """The scheduler's outlet: events become frames."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def say(self, call: int, events: Sequence[ChatEvent]) -> None:
        """Send events."""
        self._outbox.put(Said(call, [say(event) for event in events]))

    def fail(self, call: int, error: TandemError) -> None:
        """Send an error."""
        self._outbox.put(Failed(call, fault_of(error)))

    def hurry(self) -> None:
        """Send what is there."""
        self._outbox.flush()
