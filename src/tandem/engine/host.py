"""The parent's handle of one worker process: start it, talk to it, stop it.

Every call has a number and a queue; one task reads the worker's frames and puts them there. When the worker ends, for
whatever reason, every running call gets `WorkerDied`; starting another one is up to whoever holds the handle.
"""

import asyncio
import contextlib
import logging
import sys
from array import array
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import msgspec

import tandem
from tandem.core.chat import ChatEvent, ChatRequest, Started, Usage
from tandem.core.defaults import KV_BYTES, PREFILL_CHUNK_TOKENS, QUEUE_LIMIT, STREAMS_LIMIT
from tandem.core.embedding import EmbeddingRequest, Embeddings
from tandem.core.errors import Busy, Unavailable
from tandem.core.models import Ability, Kind
from tandem.engine.calls import Calls, Turnover
from tandem.engine.cores import usable_cores
from tandem.engine.frames import (
    LENGTH,
    Ask,
    AskStats,
    Began,
    Cancel,
    Close,
    Count,
    Counted,
    Embed,
    Embedded,
    EngineOptions,
    Failed,
    FromWorker,
    Open,
    Ready,
    Runtime,
    Said,
    Stats,
    ToWorker,
    WorkerStats,
    decode_from_worker,
    encode_frame,
    error_of,
)
from tandem.engine.seal import SealKind, SealMode

log = logging.getLogger(__name__)

LINE_BYTES_LIMIT = 2**20
BOOTSTRAP = "import sys; sys.path.insert(0, sys.argv.pop()); from tandem.engine.worker import main; main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker runs.

    ``kv_bytes`` bounds the KV memory; ``streams_limit`` requests are answered at once and ``queue_limit`` more may
    wait: the next is refused as `Busy`. ``threads`` 0 means the physical cores that this process may use.
    ``prefill_chunk_tokens`` is the largest piece of a prompt read in one go; for ``runtime`` see `EngineOptions`.
    """

    sealed: SealMode = "auto"
    kv_bytes: int = KV_BYTES
    streams_limit: int = STREAMS_LIMIT
    queue_limit: int = QUEUE_LIMIT
    threads: int = 0
    prefill_chunk_tokens: int = PREFILL_CHUNK_TOKENS
    speculation: bool = True
    runtime: Runtime = "auto"
    load_seconds_limit: float = 120.0
    close_seconds: float = 2.0

    @property
    def engine(self) -> EngineOptions:
        """What the worker itself needs to know."""
        return EngineOptions(
            kv_bytes=self.kv_bytes,
            streams_limit=self.streams_limit,
            threads=self.threads or usable_cores(),
            prefill_chunk_tokens=self.prefill_chunk_tokens,
            speculation=self.speculation,
            runtime=self.runtime,
        )


class Worker:
    """One running worker, made by `Worker.start` and ended by `close`; it belongs to the event loop that started it."""

    def __init__(self, model: str, process: Process, options: WorkerOptions) -> None:
        self.model = model
        self._process = process
        self._options = options
        self._calls = Calls(model)
        self._turnover = Turnover()
        self._tasks: list[asyncio.Task[None]] = []
        self._ready: Ready | None = None
        self._closing = False

    @classmethod
    async def start(cls, model: str, folder: Path, options: WorkerOptions) -> "Worker":
        """Start a process and load a model in it.

        Raises `Unavailable` with the reason where the process or the seal fails, and `CorruptFile` where the folder
        holds nothing that can be opened.
        """
        root = str(Path(tandem.__file__).parent.parent)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-c",
            BOOTSTRAP,
            options.sealed,
            root,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=LINE_BYTES_LIMIT,
        )
        worker = cls(model, process, options)
        try:
            await worker._load(folder)
        except BaseException:
            await worker.close()
            raise
        return worker

    @property
    def pid(self) -> int:
        """The process id of the child."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not self._calls.over

    @property
    def in_flight(self) -> int:
        """Calls that wait for an answer or are being answered."""
        return len(self._calls)

    @property
    def kind(self) -> Kind:
        """Whether the model talks or embeds."""
        return self._about.kind

    @property
    def seal(self) -> SealKind:
        """What keeps it off the network."""
        return self._about.seal

    @property
    def context_tokens(self) -> int:
        """The most tokens that prompt and answer may have together (of an embedder: one input)."""
        return self._about.context_tokens

    @property
    def abilities(self) -> frozenset[Ability]:
        """What the model can do."""
        return self._about.abilities

    @property
    def dimensions(self) -> int | None:
        """The width of an embedder's vectors."""
        return self._about.dimensions

    @property
    def load_seconds(self) -> float:
        """How long the model took to load, the start of the process not counted."""
        return self._about.load_seconds

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Answer as a stream of events: `Started` first, `Usage` last.

        Raises `Busy` when the queue is full, what the model refuses, and `WorkerDied`. Closing the generator stops the
        model within one token.
        """
        self._refuse_if_full()
        call, over = self._calls.open(), False
        try:
            await self._send(Ask(call, request))
            while not over:
                match await self._calls.next(call):
                    case Began(note=note, prompt_tokens=read):
                        yield Started(
                            model=self.model, place="device", because=("Requested",), note=note, prompt_tokens=read
                        )
                    case Said(sayings=sayings):
                        for saying in sayings:
                            over = isinstance(saying.event, Usage)
                            yield saying.event
                    case frame:
                        raise _out_of_turn(frame)
            self._turnover.completed()
        finally:
            self._calls.close(call)
            if not over:
                self._write(Cancel(call))

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Embed all inputs. Raises `Busy`, `ContextLengthExceeded` and `WorkerDied`."""
        self._refuse_if_full()
        if not request.inputs:
            return Embeddings(model=self.model, vectors=(), prompt_tokens=0)
        async with self._call() as call:
            match await self._ask(call, Embed(call, request.inputs, request.dimensions)):
                case Embedded(rows=rows, dimensions=width, prompt_tokens=tokens):
                    self._turnover.completed()
                    return Embeddings(model=self.model, vectors=_vectors(rows, width), prompt_tokens=tokens)
                case frame:
                    raise _out_of_turn(frame)

    async def count_tokens(self, request: ChatRequest) -> int:
        """How many tokens a prompt has, template included. Raises `BadRequest` for what cannot be a prompt."""
        async with self._call() as call:
            match await self._ask(call, Count(call, request)):
                case Counted(tokens=tokens):
                    return tokens
                case frame:
                    raise _out_of_turn(frame)

    async def stats(self) -> WorkerStats:
        """How it is doing."""
        async with self._call() as call:
            match await self._ask(call, AskStats(call)):
                case Stats(stats=stats):
                    return stats
                case frame:
                    raise _out_of_turn(frame)

    async def close(self) -> None:
        """End the process: by asking, then by terminating, then by killing it."""
        self._closing = True
        self._write(Close())
        for more in (None, self._process.terminate, self._process.kill):
            if more is not None:
                with contextlib.suppress(ProcessLookupError):
                    more()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), self._options.close_seconds)
                break
        self._calls.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def _about(self) -> Ready:
        if self._ready is None:
            raise Unavailable(f"{self.model} is still being loaded.")
        return self._ready

    async def _load(self, folder: Path) -> None:
        self._tasks.append(asyncio.create_task(self._log_errors(), name=f"stderr of {self.model}"))
        await self._send(Open(self.model, str(folder), self._options.engine))
        try:
            async with asyncio.timeout(self._options.load_seconds_limit):
                frame = await self._receive()
        except TimeoutError as error:
            raise Unavailable(
                f"{self.model} did not load within {self._options.load_seconds_limit:.0f} s. "
                "Close other programs, or choose a smaller model."
            ) from error
        match frame:
            case Ready():
                self._ready = frame
                self._tasks.append(asyncio.create_task(self._dispatch(), name=f"frames of {self.model}"))
            case Failed(fault=fault):
                raise error_of(fault)
            case None:
                raise Unavailable(
                    f"The process for {self.model} ended while it loaded (status {await self._process.wait()}). "
                    "The log has its last words; `tandem doctor` checks the engine."
                )
            case _:
                raise _out_of_turn(frame)

    async def _dispatch(self) -> None:
        while (frame := await self._receive()) is not None:
            self._calls.deliver(frame)
        self._calls.end()
        if not self._closing:
            status = await self._process.wait()
            log.warning("the worker of %s (pid %d) ended by itself with status %d", self.model, self.pid, status)

    async def _receive(self) -> FromWorker | None:
        """The next frame; ``None`` when the worker is gone."""
        pipe = self._process.stdout
        assert pipe is not None
        try:
            (size,) = LENGTH.unpack(await pipe.readexactly(LENGTH.size))
            return decode_from_worker(await pipe.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        except msgspec.DecodeError as error:
            log.error("the worker of %s (pid %d) does not speak in frames: %s", self.model, self.pid, error)  # noqa: TRY400 - its text is enough
            return None

    async def _log_errors(self) -> None:
        pipe = self._process.stderr
        assert pipe is not None
        while True:
            try:
                line = await pipe.readline()
            except ValueError:
                continue  # a line longer than any log wants is dropped; nobody reading would stop the worker's writing
            if not line:
                return
            log.warning("%s says: %s", self.model, line.decode("utf-8", "replace").rstrip())

    def _refuse_if_full(self) -> None:
        if self.in_flight >= self._options.streams_limit + self._options.queue_limit:
            seconds = self._turnover.retry_after_seconds
            raise Busy(
                f"{self.model} has {self.in_flight} requests in hand, as many as it takes. Try again in {seconds} s.",
                retry_after_seconds=seconds,
            )
        self._turnover.began(self.in_flight)

    @contextlib.asynccontextmanager
    async def _call(self) -> AsyncGenerator[int]:
        call, over = self._calls.open(), False
        try:
            yield call
            over = True
        finally:
            self._calls.close(call)
            if not over:
                self._write(Cancel(call))

    async def _ask(self, call: int, message: ToWorker) -> FromWorker:
        await self._send(message)
        return await self._calls.next(call)

    async def _send(self, message: ToWorker) -> None:
        """Send a frame, waiting while the pipe is full. A broken pipe shows as the end of the worker's frames."""
        self._write(message)
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(ConnectionError):
            await pipe.drain()

    def _write(self, message: ToWorker) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        if not pipe.is_closing():
            pipe.write(encode_frame(message))


def _out_of_turn(frame: FromWorker) -> Unavailable:
    return Unavailable(f"A worker said {type(frame).__name__} out of turn. Are two versions of Tandem installed here?")


def _vectors(rows: bytes, dimensions: int) -> "tuple[array[float], ...]":
    numbers = array("f")
    numbers.frombytes(rows)
    if sys.byteorder == "big":
        numbers.byteswap()
    return tuple(numbers[at : at + dimensions] for at in range(0, len(numbers), dimensions))
