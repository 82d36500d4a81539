"""The composition root: `Settings` become running parts. The only file that knows every room."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tandem.app.books import kept_ledger
from tandem.app.deciding import names_of, rules_of
from tandem.app.far import open_far
from tandem.app.looking import far_health, receipts_trouble
from tandem.app.roster import Roster
from tandem.app.spent import SpentSoFar
from tandem.app.watching import Watch
from tandem.backends.device import DeviceModels, DeviceOptions, worker_starter
from tandem.backends.foundry import FoundryBackend, FoundryRuntime
from tandem.backends.providers import Providers
from tandem.catalog.catalog import Catalog
from tandem.core.chat import ChatRequest
from tandem.core.errors import TandemError
from tandem.core.models import ModelCard
from tandem.core.ports import Backend, Ledger, NoLedger, Progress, Responder
from tandem.engine.host import WorkerOptions
from tandem.engine.memory import ThisMachine
from tandem.engine.seal import SealReport, probe_seal
from tandem.gateway import Books, Gateway, Near
from tandem.gateway.departures import DepartureBook
from tandem.gateway.names import AUTO
from tandem.ledger.reading import LedgerReader
from tandem.ledger.store import SqliteLedger
from tandem.presence import announced, running
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.server.metrics import Metrics
    from tandem.server.service import Readiness, Service, WorkerFact


__all__ = [
    "Parts",
    "answering",
    "assembled",
    "check_address",
    "deciding_only",
    "far_health",
    "open_catalog",
    "reached_workers",
    "receipts_trouble",
    "seal_here",
    "serve",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What runs: the models of this device, the providers of far ones, and the gateway before both."""

    settings: Settings
    catalog: Catalog
    device: DeviceModels
    providers: Providers
    gateway: Gateway


def open_catalog(settings: Settings) -> Catalog:
    """The catalog of this data folder."""
    return Catalog(settings.home, offline=settings.offline)


@asynccontextmanager
async def assembled(settings: Settings, ledger: Ledger | None = None) -> AsyncGenerator[Parts]:
    """Every part that answering needs; no model is loaded before it is asked. Leaving ends every worker."""
    catalog = open_catalog(settings)
    device = DeviceModels(
        catalog.card,
        folder_of=catalog.folder,
        start=worker_starter(_worker_options(settings)),
        machine=ThisMachine(),
        options=DeviceOptions(
            keep_alive_seconds=None if settings.device.keep_alive < 0 else settings.device.keep_alive,
            max_ram_bytes=settings.device.max_ram,
            kv_bytes=settings.device.kv_cache,
        ),
    )
    foundry = FoundryRuntime(settings.home / "foundry")

    def backend(model: str) -> Backend:
        # Variants for execution providers that our engine does not have answer through Foundry's own sessions.
        note = catalog.manifest(model)
        if note.runner == "foundry":
            return FoundryBackend(catalog.card(model), foundry, provider=note.foundry_provider)
        return device.backend(model)

    roster = Roster(catalog, device, settings.home / "models", backend)
    books = Books(departures=DepartureBook(), ledger=ledger or NoLedger())
    async with open_far(settings, books.departures) as providers, device:
        gateway = Gateway(
            near=Near(cards=roster.cards, backend=roster.backend, embedder=device, evidence=roster.evidence),
            far=providers.backends,
            names=names_of(settings),
            rules=rules_of(settings),
            books=books,
        )
        try:
            yield Parts(settings=settings, catalog=catalog, device=device, providers=providers, gateway=gateway)
        finally:
            await asyncio.to_thread(foundry.close)


@asynccontextmanager
async def deciding_only(settings: Settings) -> AsyncGenerator[Gateway]:
    """A gateway that is asked to decide and not to answer: no model is loaded and nothing is written."""
    async with assembled(settings, SpentSoFar(settings.home)) as parts:
        yield parts.gateway


@asynccontextmanager
async def answering(settings: Settings, model: str, progress: Progress) -> AsyncGenerator[Responder]:
    """Someone who answers for ``model``: a server that runs here already, else models loaded for it.

    The default model is fetched first where it is the one that is asked and is missing.
    """
    if servers := running(settings.home):
        from tandem.backends.door import Endpoint
        from tandem.backends.tandem_http import TandemBackend

        url = servers[0].url
        card = ModelCard(id="auto", kind="chat", place="device", context_tokens=0, source=url)
        async with TandemBackend(card, Endpoint(url=url, api_key=settings.api_key)) as backend:
            yield backend
        return
    with SqliteLedger(settings.home) as ledger:
        async with assembled(settings, ledger) as parts:
            default = settings.device.model
            named = settings.aliases.get(model, model)
            if named in {default, AUTO} | parts.gateway.policies and not parts.catalog.card(default).installed:
                await parts.catalog.pull(default, progress)
            yield parts.gateway


def check_address(settings: Settings) -> None:
    """Refuse an address that strangers could reach without a key. Raises `SettingsError` with the remedy."""
    from tandem.server.running import check_binding

    check_binding(settings.server.host, has_key=settings.api_key is not None)


async def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Answer on the port until SIGINT or SIGTERM. ``ready`` gets the address once requests are accepted."""
    from tandem.server import running as server
    from tandem.server.metrics import Metrics
    from tandem.server.routes import build
    from tandem.server.telemetry import Gauges

    listening = server.listen(settings.server.host, settings.server.port)
    url = server.url_of(listening)
    metrics = Metrics()
    with kept_ledger(settings, metrics) as (ledger, told):
        async with assembled(settings, told) as parts:
            metrics.watch(Gauges(health=parts.gateway.health, ledger=ledger, month_usd=ledger.spent_usd))
            with announced(settings.home, url):
                preload = asyncio.create_task(_prepare(parts))
                try:
                    service = _service(parts, metrics, ledger)
                    await server.serve(build(service), listening, ready=lambda: ready(url))
                finally:
                    preload.cancel()
                    await asyncio.wait([preload])


async def seal_here() -> SealReport:
    """The seal that a worker gets on this machine."""
    return await asyncio.to_thread(probe_seal)


async def reached_workers(url: str, api_key: str | None) -> "tuple[WorkerFact, ...]":
    """The workers of a running server, as it tells them. Raises `Unavailable`."""
    from tandem.backends.door import Endpoint, read_json
    from tandem.server.probes import Ready

    return (await read_json(Endpoint(url=url, api_key=api_key), "/readyz", Ready)).workers


def _worker_options(settings: Settings) -> WorkerOptions:
    device = settings.device
    return WorkerOptions(
        sealed=device.sealed, kv_bytes=device.kv_cache, queue_limit=device.queue, threads=device.threads or 0
    )


async def _prepare(parts: Parts) -> None:
    """Do what the first request would wait for: the classifiers' weights, and the default models where that is wished.

    What goes wrong is told to the first who asks.
    """
    await asyncio.gather(asyncio.to_thread(parts.gateway.warm), parts.providers.prepare())
    models = (parts.settings.device.model, parts.settings.device.embedder) if parts.settings.device.preload else ()
    for model in models:
        try:
            await parts.device.preload(model)
        except TandemError:
            continue


def _service(parts: Parts, metrics: "Metrics", ledger: SqliteLedger) -> "Service":
    from tandem.server.service import Access, Limits, Service

    settings = parts.settings
    return Service(
        responder=parts.gateway,
        embedder=parts.gateway,
        directory=parts.gateway,
        counter=_Counter(parts),
        readiness=lambda: _readiness(parts),
        default_model=settings.device.model,
        accounts=LedgerReader(settings.home),
        state=Watch(settings, device=parts.device, far=parts.providers.backends, ledger=ledger).state,
        store=settings.home / "responses.sqlite",
        access=Access(
            api_keys=(settings.api_key,) if settings.api_key else (),
            cors_origins=settings.server.cors_origins,
            hosts=(*settings.server.allowed_hosts, settings.server.host),
        ),
        limits=Limits(body_bytes=settings.server.max_body_bytes),
        metrics=metrics,
    )


class _Counter:
    """Counts tokens with the model that a request's name stands for."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def count_tokens(self, request: ChatRequest) -> int:
        """Count the prompt's tokens, template included."""
        card = self._parts.gateway.near_model(request.model, "chat")
        return await self._parts.device.count_tokens(replace(request, model=card.id))


async def _readiness(parts: Parts) -> "Readiness":
    from tandem.server.service import Readiness, WorkerFact

    model = parts.settings.device.model
    installed = parts.catalog.card(model).installed
    loaded = await parts.device.report()
    workers = tuple(WorkerFact(model=one.model, pid=one.pid, seal=one.seal) for one in loaded)
    seal = next((worker.seal for worker in workers if worker.model == model), "not started")
    absent = f"{model} is not installed: run `tandem models pull {model}`."
    detail = parts.device.obstacle(model) if installed else absent
    return Readiness(ready=not detail, model=model, seal=seal, detail=detail, workers=workers)
