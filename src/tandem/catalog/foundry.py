"""Foundry Local's catalog, asked only when a person asks for it, in a process of its own and within a deadline.

The last answer is remembered on disk; listing shows that, and opens no connection. The SDK is never imported here.
"""

import asyncio
import contextlib
import importlib.util
import socket
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tandem.catalog.child import Json, run_errand
from tandem.catalog.folders import FolderFacts, read_facts
from tandem.catalog.install import install_downloaded
from tandem.catalog.locks import hold
from tandem.catalog.manifest import Manifest
from tandem.catalog.names import slug
from tandem.catalog.shelf import Shelf, disk_errors_as_ours
from tandem.core.errors import CatalogError, ConversionFailed, NotFound, Offline, Unavailable
from tandem.core.models import Ability, ModelCard
from tandem.core.ports import Progress

PUBLIC_CATALOG = "https://api.catalog.azureml.ms/asset-gallery/v1.0/models"
"""Where SDK 2.2 asks by itself; a test holds this against the SDK's own word."""

_REACH_SECONDS = 0.8
_LIST_SECONDS = 60.0
_KNOWN = (
    "phi-4-mini", "phi-4-mini-reasoning", "phi-4", "phi-3.5-mini",
    "qwen2.5-0.5b", "qwen2.5-1.5b", "qwen2.5-7b", "qwen2.5-14b",
    "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "qwen2.5-coder-7b", "qwen2.5-coder-14b",
    "deepseek-r1-distill-qwen-1.5b", "deepseek-r1-distill-qwen-7b", "deepseek-r1-distill-qwen-14b",
    "deepseek-r1-distill-llama-8b",
)  # fmt: skip


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One build of a model for one kind of device. ``provider`` is ONNX Runtime's name of its execution provider."""

    id: str
    device: str = ""
    provider: str = ""
    size_bytes: int | None = None
    context_tokens: int = 0
    task: str = ""
    licence: str = ""
    tools: bool = False


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One model of Foundry Local's catalog, by its alias."""

    alias: str
    name: str = ""
    variants: tuple[Variant, ...] = ()


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalog said, and when (Unix seconds)."""

    asked_at: int
    offers: tuple[Offer, ...]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """An execution provider that could run here."""

    name: str
    registered: bool


class Download(msgspec.Struct, frozen=True, kw_only=True):
    """A finished download: the alias, the variant, and the folder it lies in."""

    alias: str
    name: str
    variant: Variant
    folder: str


class FoundryShop:
    """What Foundry Local's catalog at ``address`` offers, and getting it."""

    def __init__(self, shelf: Shelf, *, offline: bool, address: str = PUBLIC_CATALOG) -> None:
        self._shelf = shelf
        self._offline = offline
        self._address = address
        self.home = shelf.home / "foundry"

    def listing(self) -> Listing | None:
        """The last answer of the catalog; ``None`` where it was never asked."""
        try:
            return msgspec.json.decode(self._memory().read_bytes(), type=Listing)
        except (OSError, msgspec.DecodeError):
            return None

    def cards(self) -> tuple[ModelCard, ...]:
        """What is remembered, else the aliases known when this version was made, marked as such."""
        listing = self.listing()
        if listing is None:
            return tuple(_known_card(alias) for alias in _KNOWN)
        return tuple(_offer_card(offer) for offer in listing.offers)

    def _memory_in_words(self) -> str:
        """What the list of models rests on, for people."""
        listing = self.listing()
        if listing is None:
            return "The catalog was never asked here: the list shows aliases that this version knows, not checked."
        asked = datetime.fromtimestamp(listing.asked_at, tz=UTC)
        return f"The list shows what it offered on {asked:%Y-%m-%d at %H:%M} UTC."

    def offer(self, alias: str) -> Offer:
        """What is remembered of one model, variants included. Raises `NotFound`."""
        listing = self.listing()
        for offer in listing.offers if listing else ():
            if offer.alias == alias:
                return offer
        raise NotFound(f'Nothing is remembered of "{alias}". Ask the catalog with `tandem models list --refresh`.')

    def variants(self, alias: str) -> tuple[Variant, ...]:
        """What is remembered of a model's builds; none where it is not Foundry's or the catalog was never asked."""
        listing = self.listing()
        return next((offer.variants for offer in listing.offers if offer.alias == alias), ()) if listing else ()

    async def refresh(self, progress: Progress) -> Listing:
        """Ask the catalog and remember its answer.

        Raises `Offline`, within a second where it cannot be reached, telling what the list rests on instead; what is
        remembered stays as it is. Raises `Unavailable` where the SDK is not installed.
        """
        try:
            await self._require_reach("its list of models could not be fetched")
            progress(0, 0, "Asking Foundry Local's catalog")
            offers = msgspec.convert(await self._ask("foundry_list", progress), type=tuple[Offer, ...])
        except Offline as error:
            raise Offline(f"{error.message} {self._memory_in_words()}") from error
        listing = Listing(asked_at=int(time.time()), offers=offers)
        with disk_errors_as_ours("Remembering the catalog", self.home):
            self._remember(listing)
        return listing

    async def pull(self, model: str, progress: Progress) -> str:
        """Get a model by its alias (the variant for the CPU where there is one) or by a variant's own id.

        Returns the id under which it is installed. Raises `Offline`, `NotFound`, `Unavailable` or `CatalogError`.
        """
        await self._require_reach(f"{model} could not be fetched")
        target = slug(model)
        with disk_errors_as_ours(f"Installing {target}", self._shelf.home):
            async with hold(self._shelf.lock(target), target, progress):
                if target not in self._shelf.installed():
                    errand = run_errand("foundry_pull", self._request(model=model), progress)
                    download = msgspec.convert(await errand, type=Download)
                    await install_downloaded(self._shelf, Path(download.folder), _note(target, download), progress)
        return target

    async def providers(self, progress: Progress) -> tuple[Provider, ...]:
        """The execution providers that could run on this machine. Raises `Unavailable` without the SDK."""
        self._require_sdk()
        return msgspec.convert(await self._ask("foundry_providers", progress), type=tuple[Provider, ...])

    async def pull_providers(self, names: tuple[str, ...], progress: Progress) -> tuple[str, ...]:
        """Fetch and register execution providers, all that fit where ``names`` is empty; returns the ready ones."""
        await self._require_reach("execution providers could not be fetched")
        ready = await run_errand("foundry_provider_pull", self._request(names=list(names)), progress)
        return msgspec.convert(ready, type=tuple[str, ...])

    def _request(self, **more: Json) -> dict[str, Json]:
        return {"home": str(self.home), "address": self._address, **more}

    async def _ask(self, errand: str, progress: Progress) -> Json:
        try:
            async with asyncio.timeout(_LIST_SECONDS):
                return await run_errand(errand, self._request(), progress)
        except TimeoutError as error:
            raise Offline("Foundry Local's catalog did not answer within a minute. Try again later.") from error

    async def _require_reach(self, consequence: str) -> None:
        self._require_sdk()
        if self._offline:
            raise Offline(f"Tandem is set to stay offline, so {consequence}. Unset TANDEM_OFFLINE to fetch it.")
        place = urlsplit(self._address)
        host, port = place.hostname or "", place.port or (443 if place.scheme == "https" else 80)
        if not _has_proxy() and not await _answers(host, port):
            raise Offline(f"Foundry Local's catalog ({host}) cannot be reached, so {consequence}.")

    def _require_sdk(self) -> None:
        if importlib.util.find_spec("foundry_local_sdk") is None:
            raise Unavailable(
                'Foundry Local is not installed. Install it with `pip install "tandem-edge[foundry]"`, '
                "or choose another model."
            )

    def _memory(self) -> Path:
        return self.home / "listing.json"

    def _remember(self, listing: Listing) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        fresh = self.home / "listing.json.new"
        fresh.write_bytes(msgspec.json.encode(listing))
        fresh.replace(self._memory())


def _has_proxy() -> bool:
    """Whether the system sends such requests through a proxy; then only the SDK can tell whether they arrive."""
    from urllib.request import getproxies

    return "https" in getproxies()


async def _answers(host: str, port: int) -> bool:
    """Whether a connection comes about within `_REACH_SECONDS`.

    A daemon thread tries, because a name's look-up can neither be bounded nor cancelled, and must not hold the exit.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bool] = loop.create_future()

    def settle(reached: bool) -> None:  # noqa: FBT001 - called once, by the loop
        if not answer.done():
            answer.set_result(reached)

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=_REACH_SECONDS).close()
            reached = True
        except OSError:
            reached = False
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, reached)

    threading.Thread(target=attempt, daemon=True).start()
    try:
        async with asyncio.timeout(_REACH_SECONDS):
            return await answer
    except TimeoutError:
        return False


def _known_card(alias: str) -> ModelCard:
    return ModelCard(
        id=alias,
        kind="chat",
        place="device",
        context_tokens=0,
        source="Foundry Local (known alias, not checked)",
        name=alias,
        description="`tandem models list --refresh` asks the catalog what it really offers.",
    )


def _offer_card(offer: Offer) -> ModelCard:
    best = preferred(offer.variants)
    devices = ", ".join(sorted({variant.device for variant in offer.variants if variant.device}))
    return ModelCard(
        id=slug(offer.alias),
        kind="chat",
        place="device",
        context_tokens=best.context_tokens if best else 0,
        source="Foundry Local",
        name=offer.name or offer.alias,
        description=f"Variants for {devices}." if devices else "",
        licence=best.licence if best else "",
        size_bytes=best.size_bytes if best else None,
        abilities=frozenset({"tools"}) if best and best.tools else frozenset(),
    )


def preferred(variants: tuple[Variant, ...]) -> Variant | None:
    """The variant for the CPU, which our own engine opens with all it can do; else the first."""
    for variant in variants:
        if variant.device == "CPU":
            return variant
    return variants[0] if variants else None


def _note(model: str, download: Download) -> Manifest:
    """The note of a download: our engine answers where the variant is for the CPU and its folder is one we can open."""
    variant = download.variant
    facts = _facts_for_our_engine(Path(download.folder)) if variant.device == "CPU" else None
    context_tokens = facts.context_tokens if facts else variant.context_tokens
    if not context_tokens:
        raise CatalogError(f"Foundry Local does not say how much {variant.id} can read. Choose another model.")
    abilities: set[Ability] = set(facts.abilities) if facts else {"json_schema"}
    if variant.tools:
        abilities.add("tools")
    return Manifest(
        kind="chat",
        id=model,
        name=download.name or download.alias,
        source=f"Foundry Local ({variant.id})",
        licence=variant.licence,
        context_tokens=context_tokens,
        abilities=tuple(sorted(abilities)),
        runner="engine" if facts else "foundry",
        foundry_id=variant.id,
        foundry_provider=variant.provider,
    )


def _facts_for_our_engine(folder: Path) -> FolderFacts | None:
    try:
        return read_facts(folder)
    except ConversionFailed:
        return None
