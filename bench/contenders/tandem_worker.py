"""One Tandem worker without the server: what the engine does alone, with speculation on or off."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.asking import Answer, Ask
from tandem.core.chat import ChatRequest, Message, Role, Sampling, TextDelta, Usage
from tandem.engine.host import Worker, WorkerOptions

ROLES: Mapping[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}


class TandemWorker:
    """Options: ``folder``, ``threads``, ``speculation`` (``on`` or ``off``)."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._folder = Path(options["folder"])
        self._options = WorkerOptions(threads=int(options["threads"]), speculation=options["speculation"] == "on")
        self._runner = asyncio.Runner()

    def open(self) -> None:
        """Start the worker process and load the model in it."""
        self._worker = self._runner.run(Worker.start(self._folder.name, self._folder, self._options))

    def answer_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """All at once, each after its delay."""
        return self._runner.run(self._answer_all(asks))

    def processes(self) -> Mapping[str, int]:
        """The worker."""
        return {"worker": self._worker.pid}

    def facts(self) -> Mapping[str, str]:
        """Which seal holds."""
        return {"seal": self._worker.seal}

    def close(self) -> None:
        """End the worker."""
        self._runner.run(self._worker.close())
        self._runner.close()

    async def _answer_all(self, asks: Sequence[Ask]) -> list[Answer]:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            going = [tasks.create_task(self._answer(ask, began + ask.after_seconds)) for ask in asks]
        return [task.result() for task in going]

    async def _answer(self, ask: Ask, sent: float) -> Answer:
        await asyncio.sleep(max(0.0, sent - time.perf_counter()))
        request = ChatRequest(
            id=ask.conversation,
            model=self._folder.name,
            messages=tuple(Message(role=ROLES[turn.role], content=turn.content) for turn in ask.turns),
            sampling=Sampling(temperature=0.0, max_tokens=ask.max_tokens),
        )
        chunks: list[float] = []
        text, usage = "", Usage(prompt_tokens=0, completion_tokens=0)
        async for event in self._worker.respond(request):
            match event:
                case TextDelta(text=piece) if piece:
                    chunks.append(time.perf_counter())
                    text += piece
                case Usage():
                    usage = event
                case _:
                    continue
        return Answer(
            sent=sent,
            chunks=tuple(chunks),
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            text=text,
        )
