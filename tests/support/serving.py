"""Our server on a real socket of this machine, in the test's own event loop or in a thread."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from starlette.types import ASGIApp

from support.fakes import FakeDirectory, FakeEmbedder, ScriptedResponder, WordCounter
from tandem.core.ports import Directory, Embedder, Responder
from tandem.server.routes import build
from tandem.server.running import listen, serve, url_of
from tandem.server.service import Access, Limits, Readiness, Service


async def always_ready() -> Readiness:
    """A model that can answer."""
    return Readiness(ready=True, model="scripted", seal="namespace")


def a_service(
    responder: Responder | None = None,
    *,
    embedder: Embedder | None = None,
    directory: Directory | None = None,
    access: Access | None = None,
    limits: Limits | None = None,
) -> Service:
    """A service made of fakes."""
    return Service(
        responder=responder or ScriptedResponder(),
        embedder=embedder or FakeEmbedder(),
        directory=directory or FakeDirectory(),
        counter=WordCounter(),
        readiness=always_ready,
        default_model="scripted",
        access=access or Access(),
        limits=limits or Limits(),
    )


@asynccontextmanager
async def served(app: Service | ASGIApp) -> AsyncGenerator[str]:
    """Serve on a free port for as long as the block runs; gives the address, without ``/v1``."""
    listening = listen("127.0.0.1", 0)
    address = url_of(listening)
    ready = asyncio.Event()
    application = build(app) if isinstance(app, Service) else app
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve(application, listening, ready=ready.set))
        await ready.wait()
        try:
            yield address
        finally:
            serving.cancel()


@contextmanager
def served_in_thread(service: Service) -> Generator[str]:
    """As `served`, for clients that block."""
    addresses: list[str] = []
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    stop = asyncio.Event()

    async def main() -> None:
        async with served(service) as address:
            addresses.append(address)
            loops.append(asyncio.get_running_loop())
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    if not ready.wait(10):
        raise TimeoutError("the server did not start")
    try:
        yield addresses[0]
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(15)
