"""Our server before a backend that costs nothing, so that what is left is the server's own time."""

import asyncio
import os
import threading
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from bench.asking import Answer, Ask
from bench.contenders.sse import SSEClient
from tandem.backends.echo import ECHO_CARD, EchoBackend
from tandem.core.chat import ChatRequest
from tandem.core.embedding import EmbeddingRequest, Embeddings
from tandem.core.models import ModelCard
from tandem.server.routes import build
from tandem.server.running import listen, new_event_loop, serve, url_of
from tandem.server.service import Readiness, Service


class _OneModel:
    """A directory of one model, which neither embeds nor counts."""

    def cards(self) -> Sequence[ModelCard]:
        """The echo."""
        return (ECHO_CARD,)

    def card(self, model: str) -> ModelCard:
        """The echo, whatever it is called."""
        del model
        return ECHO_CARD

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """No vectors."""
        return Embeddings(model=request.model, vectors=(), prompt_tokens=0)

    async def count_tokens(self, request: ChatRequest) -> int:
        """One for each message."""
        return len(request.messages)


async def _ready() -> Readiness:
    return Readiness(ready=True, model=ECHO_CARD.id, seal="none")


class EchoServer:
    """Serves in a thread of its own process; the client that measures lives elsewhere, at ``facts()["url"]``."""

    def __init__(self, options: Mapping[str, str]) -> None:
        del options
        self._loop = new_event_loop()

    def open(self) -> None:
        """Begin to serve."""
        one = _OneModel()
        service = Service(
            responder=EchoBackend(),
            embedder=one,
            directory=one,
            counter=one,
            readiness=_ready,
            default_model=ECHO_CARD.id,
        )
        listening = listen("127.0.0.1", 0)
        self._url = url_of(listening)
        ready = threading.Event()
        asyncio.set_event_loop(self._loop)
        self._serving = self._loop.create_task(serve(build(service), listening, ready=ready.set))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        if not ready.wait(20):
            raise TimeoutError("the server did not start")

    def answer_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """One after another, by the lean client."""
        client = SSEClient(urlsplit(self._url).netloc, ECHO_CARD.id)
        answers = [client.answer(ask, time.perf_counter()) for ask in asks]
        client.close()
        return answers

    def processes(self) -> Mapping[str, int]:
        """The whole of it is one process."""
        return {"server": os.getpid()}

    def facts(self) -> Mapping[str, str]:
        """Where it listens."""
        return {"url": self._url}

    def close(self) -> None:
        """Stop serving."""
        self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join(15)

    def _serve(self) -> None:
        try:
            self._loop.run_until_complete(self._serving)
        except asyncio.CancelledError:
            return
