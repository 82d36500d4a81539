"""Models that Foundry Local runs itself: variants for an execution provider that our own engine does not have.

The SDK blocks and lives in this process; this file is the one bridge to it. A fresh session serves each choice, so
nothing of one conversation reaches another. What its sessions cannot honour is refused before the first word.
"""

import asyncio
import contextlib
import importlib.util
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tandem.backends.foundry_wire import items, options, refuse_what_it_cannot_do
from tandem.core.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from tandem.core.errors import BadRequest, ContextLengthExceeded, TandemError, Unavailable, Unsupported
from tandem.core.models import ModelCard
from tandem.core.ports import WELL, Health
from tandem.core.telemetry import telemetry_refused
from tandem.engine.stops import StopStrings

if TYPE_CHECKING:
    from foundry_local_sdk import ChatSession, FoundryLocalManager, IModel, Item, Request

_INVALID_ARGUMENT, _INVALID_USAGE = 3, 4
"""FOUNDRY_LOCAL_ERROR_* of foundry_local_c.h."""

_WIND_DOWN_SECONDS = 0.5
_REASONS: dict[str, FinishReason] = {"STOP": "stop", "LENGTH": "length", "TOOL_CALLS": "tool_calls"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """The end of one choice. ``completion_tokens`` is the SDK's own count, or the pieces seen where we stopped it."""

    reason: FinishReason
    completion_tokens: int
    stop_sequence: str | None = None


_Step = TextDelta | ReasoningDelta | ToolCallDelta | _Done | TandemError | None
"""What the generating thread tells; ``None`` comes last, whatever happened."""


class FoundryRuntime:
    """The SDK's manager, one in a process, started when the first model needs it. ``home`` is its data folder.

    Telemetry is off, and the log handler that the SDK puts on standard output is taken away.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._manager: FoundryLocalManager | None = None

    def load(self, model: str, folder: Path, provider: str) -> "IModel":
        """Load the model in ``folder`` under the id ``model``; blocks for seconds. Raises `Unavailable`."""
        _require_sdk()
        with self._lock, _translated(model):
            registered = self._registered(model, folder, provider)
            if not registered.is_loaded:
                self._make_ready(provider)
                registered.load()
            return registered

    def close(self) -> None:
        """Unload everything and end the SDK's own threads; blocks for about a second."""
        with self._lock:
            if self._manager is not None:
                self._manager.close()
                self._manager = None

    def _registered(self, model: str, folder: Path, provider: str) -> "IModel":
        """The SDK's handle of our folder: local registration needs no network and copies nothing."""
        from foundry_local_sdk import CatalogType, ModelInfoBuilder

        catalog = self._opened().get_catalog(CatalogType.LOCAL)
        known = catalog.get_model_variant(f"{model}:1")
        if known is not None:
            runtime = known.info.runtime
            same_provider = (runtime.execution_provider if runtime else "") == provider
            if Path(known.get_path()) == folder and same_provider:
                return known
            if known.is_loaded:
                known.unload()
            catalog.unregister_model(f"{model}:1")
        with ModelInfoBuilder() as facts:
            facts.set_string_property("task", "chat-completion")
            if provider:
                facts.set_string_property("execution_provider", provider)
            return catalog.register_model(folder, f"{model}:1", facts)

    def _make_ready(self, provider: str) -> None:
        """Register the execution provider in this process, where the SDK knows it and has not done so yet."""
        manager = self._opened()
        if any(found.name == provider and not found.is_registered for found in manager.discover_eps()):
            manager.download_and_register_eps([provider])

    def _opened(self) -> "FoundryLocalManager":
        if self._manager is None:
            from foundry_local_sdk import Configuration, FoundryLocalManager, LogLevel

            settings = Configuration(
                app_name="tandem",
                app_data_dir=str(self._home),
                log_level=LogLevel.FATAL,
                disable_nonessential_telemetry=True,
            )
            with telemetry_refused():
                self._manager = FoundryLocalManager(settings)
        return self._manager


class FoundryBackend:
    """One model that Foundry Local's chat session answers for. It is loaded at the first request."""

    def __init__(self, card: ModelCard, runtime: FoundryRuntime, *, provider: str = "") -> None:
        self._card = card
        self._runtime = runtime
        self._provider = provider

    @property
    def card(self) -> ModelCard:
        """What is known about the model."""
        return self._card

    def health(self) -> Health:
        """How it is now."""
        return WELL

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Answer as a stream. Raises `Unsupported`, `BadRequest`, `ContextLengthExceeded` or `Unavailable`."""
        note = refuse_what_it_cannot_do(request, self._card)
        if self._card.path is None:
            raise Unavailable(f"{self._card.id} is not installed. Get it with `tandem models pull {self._card.id}`.")
        model = await asyncio.to_thread(self._runtime.load, self._card.id, Path(self._card.path), self._provider)
        turn = _Turn(request, model, self._card)
        prompt_tokens = await asyncio.to_thread(turn.measure)
        yield Started(model=self._card.id, place=self._card.place, because=("Requested",), note=note)
        completion_tokens = 0
        for index in range(request.n):
            async with contextlib.aclosing(_steps(turn, index)) as steps:
                async for step in steps:
                    if isinstance(step, _Done):
                        completion_tokens += step.completion_tokens
                        yield Finished(index=index, reason=step.reason, stop_sequence=step.stop_sequence)
                    else:
                        yield step
        yield Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)


class _Turn:
    """One request as the SDK takes it. Its methods block and run in threads; `stop` may be called from anywhere."""

    def __init__(self, request: ChatRequest, model: "IModel", card: ModelCard) -> None:
        self._request = request
        self._model = model
        self._card = card
        self._room: int | None = request.sampling.max_tokens
        self._running: Request | None = None
        self._stopped = threading.Event()

    def measure(self) -> int:
        """The prompt's tokens. Raises `ContextLengthExceeded`; where no limit was asked, all room left is the limit."""
        with _translated(self._card.id), _closing(self._session()) as session, self._native(0) as native:
            found = session.preflight_request(native)
        left = found.context_limit_tokens - found.prompt_tokens
        if left <= 0 or (self._room or 0) > left:
            raise ContextLengthExceeded(
                f"{self._card.id} reads and writes {found.context_limit_tokens} tokens in all; this prompt has "
                f"{found.prompt_tokens} and asks for {self._room or 'at least 1'} more. Shorten it, or ask for less.",
                param="messages",
            )
        self._room = self._room or left
        return found.prompt_tokens

    def start(self, index: int, tell: Callable[[_Step], None]) -> threading.Thread:
        """Generate choice ``index`` in a thread of its own (see `run`)."""
        self._stopped.clear()
        thread = threading.Thread(target=self.run, args=(index, tell), daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End the generation within one token; harmless where nothing runs.

        The SDK ends a prefill only at its first token; the thread sees to that, and nobody needs to wait for it.
        """
        self._stopped.set()
        if self._running is not None:
            from foundry_local_sdk import FoundryLocalException

            with contextlib.suppress(FoundryLocalException):  # it ended by itself in this very moment
                self._running.cancel()

    def run(self, index: int, tell: Callable[[_Step], None]) -> None:
        """Generate choice ``index``, telling each step; before the final ``None`` comes `_Done` or an error."""
        try:
            with _translated(self._card.id), _closing(self._session()) as session, self._native(index) as native:
                self._running = native
                session.set_streaming(enabled=True)
                if not self._stopped.is_set():
                    self._stream(session, native, index, tell)
        except TandemError as error:
            tell(error)
        finally:
            self._running = None
            tell(None)

    def _stream(self, session: "ChatSession", native: "Request", index: int, tell: Callable[[_Step], None]) -> None:
        stops, seen, calls = StopStrings(self._request.sampling.stop), 0, 0
        with session.process_streaming_request(native) as stream:
            for item in stream:
                if self._stopped.is_set():
                    return
                seen += 1
                step = _step_of(item, index, calls)
                calls += isinstance(step, ToolCallDelta)
                if not isinstance(step, TextDelta):
                    tell(step)
                    continue
                release = stops.feed(step.text)
                if release.text:
                    tell(TextDelta(text=release.text, index=index))
                if release.stop is not None:
                    tell(_Done(reason="stop", completion_tokens=seen, stop_sequence=release.stop))
                    return
            if rest := stops.flush():
                tell(TextDelta(text=rest, index=index))
            with stream.final_response as final:
                reason = "tool_calls" if calls else _REASONS.get(final.finish_reason.name, "stop")
                tell(_Done(reason=reason, completion_tokens=final.get_usage().completion_tokens))

    def _session(self) -> "ChatSession":
        from foundry_local_sdk import ChatSession

        session = ChatSession(self._model)
        choice = self._request.tool_choice
        if "tools" in self._card.abilities and choice.mode != "none":
            for tool in self._request.tools:
                if choice.mode != "named" or tool.name == choice.name:
                    session.add_tool_definition(tool.name, tool.description, tool.parameters_json)
        return session

    def _native(self, index: int) -> "Request":
        from foundry_local_sdk import Request

        native = Request()
        for item in items(self._request):
            native.add_item(item)
        return native.set_options(options(self._request, self._room, index))


async def _steps(turn: _Turn, index: int) -> AsyncGenerator[TextDelta | ReasoningDelta | ToolCallDelta | _Done]:
    """Run the blocking generation in a thread and hand its steps over; closing this stops it."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[_Step] = asyncio.Queue()

    def tell(step: _Step) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(queue.put_nowait, step)

    thread = turn.start(index, tell)
    try:
        while True:
            step = await queue.get()
            if step is None:
                raise Unavailable("Foundry Local ended the answer without a word. Ask again.")
            if isinstance(step, TandemError):
                raise step
            yield step
            if isinstance(step, _Done):
                return
    finally:
        turn.stop()
        await asyncio.to_thread(thread.join, _WIND_DOWN_SECONDS)


@contextlib.contextmanager
def _closing(session: "ChatSession") -> Generator["ChatSession"]:
    """The session for a `with` block, with its own type, which the SDK's own block loses."""
    with session:
        yield session


def _step_of(item: "Item", index: int, call_index: int) -> TextDelta | ReasoningDelta | ToolCallDelta:
    from foundry_local_sdk import TextItem, TextItemType, ToolCallItem

    if isinstance(item, ToolCallItem):
        return ToolCallDelta(
            index=index, call_index=call_index, id=item.call_id, name=item.name, arguments=item.arguments or "{}"
        )
    text = item.text if isinstance(item, TextItem) else ""
    if isinstance(item, TextItem) and item.type == TextItemType.REASONING:
        return ReasoningDelta(index=index, text=text)
    return TextDelta(index=index, text=text)


@contextlib.contextmanager
def _translated(model: str) -> Generator[None]:
    """The SDK's errors as ours, by their codes."""
    from foundry_local_sdk import FoundryLocalException

    try:
        yield
    except FoundryLocalException as error:
        if error.error_code == _INVALID_ARGUMENT:
            raise BadRequest(f"Foundry Local refused the request to {model}: {error}") from error
        if error.error_code == _INVALID_USAGE:
            raise Unsupported(f"Foundry Local cannot do this with {model}: {error}") from error
        raise Unavailable(f"Foundry Local cannot run {model} now: {error}") from error


def _require_sdk() -> None:
    """Import the SDK and take away the handler that this puts on standard output; its records go with all others."""
    if importlib.util.find_spec("foundry_local_sdk") is None:
        raise Unavailable(
            'Foundry Local is not installed. Install it with `pip install "tandem-edge[foundry]"`, '
            "or choose another model."
        )
    importlib.import_module("foundry_local_sdk")
    logger = logging.getLogger("foundry_local_sdk")
    logger.handlers.clear()
    logger.propagate = True
