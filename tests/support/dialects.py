"""The dialects that keep state or speak Anthropic's tongue, on a real socket."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from starlette.routing import Route

from support.fakes import CHAT_CARD, FakeDirectory, ScriptedResponder, Step
from support.serving import a_service, served
from tandem.core.models import ModelCard
from tandem.server.routes import build
from tandem.server.stored import ResponseStore
from tandem.server.wire import messages, responses

THINKER = ModelCard(
    id="thinker",
    kind="chat",
    place="device",
    context_tokens=4096,
    source="test",
    installed=True,
    abilities=frozenset({"reasoning", "tools"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running server, its clients, and what stands behind it."""

    address: str
    openai: AsyncOpenAI
    anthropic: AsyncAnthropic
    responder: ScriptedResponder
    store: ResponseStore


@asynccontextmanager
async def speaking(script: Sequence[Step] | None = None, *, path: Path | None = None) -> AsyncGenerator[Served]:
    """Serve both dialects over a scripted responder."""
    responder = ScriptedResponder() if script is None else ScriptedResponder(script=script)
    service = a_service(responder, directory=FakeDirectory(listed=(CHAT_CARD, THINKER)))
    app = build(service)
    known = {route.path for route in app.routes if isinstance(route, Route)}
    async with ResponseStore(path) as store:
        if "/v1/responses" not in known:
            app.router.routes.extend([*messages.routes(service), *responses.routes(service, store)])
        async with (
            served(app) as address,
            AsyncOpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as openai,
            AsyncAnthropic(base_url=address, api_key="none", max_retries=0) as anthropic,
        ):
            yield Served(address=address, openai=openai, anthropic=anthropic, responder=responder, store=store)
