"""Rows of settings become backends: one pool and one breaker for each provider, one backend for each model.

Nothing is asked of anybody here. A key that is not set makes its models unreachable, with a sentence; only rows that
can never work are mistakes.
"""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Self
from urllib.parse import quote, urlsplit

from tandem.backends.anthropic_http import AnthropicBackend
from tandem.backends.door import Bounds, Door, Endpoint, KeyHeader, Patience, load_client
from tandem.backends.openai_http import OpenAIBackend
from tandem.backends.presets import PRESETS, UNKNOWN, Kind, Preset
from tandem.backends.prices import Prices, read_prices
from tandem.backends.prices import Row as PriceRow
from tandem.backends.provider import Provider, Temper
from tandem.core.chat import Dialect, Place
from tandem.core.models import Ability, ModelCard
from tandem.core.ports import Backend, Departures

_KEY_HEADERS: Mapping[Kind, KeyHeader] = {"openai": "authorization", "azure": "api-key", "anthropic": "x-api-key"}
_DIALECTS: Mapping[Kind, frozenset[Dialect]] = {
    "openai": frozenset({"openai.chat"}),
    "azure": frozenset({"openai.chat"}),
    "anthropic": frozenset({"anthropic.messages"}),
}
_ASSUMED_CONTEXT: Mapping[Place, int] = {"cloud": 128_000, "device": 8_192}
_HOME_SUFFIXES = (".local", ".lan", ".internal", ".home.arpa", ".localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """One ``[[provider]]``. ``None``: what is known by that name is meant.

    ``place`` of ``None`` is the cloud: trust is written down, or known by the name (Ollama on this network).
    ``api_version`` makes Azure's older addresses; without it, its v1 address is asked.
    """

    name: str
    kind: Kind | None = None
    base_url: str | None = None
    key_env: str | None = None
    place: Place | None = None
    api_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One ``[[model]]``. ``id`` of ``None`` is ``provider/upstream_id``; ``upstream_id`` of ``None`` is the id."""

    provider: str
    id: str | None = None
    upstream_id: str | None = None
    tasks: tuple[str, ...] = ()
    abilities: frozenset[Ability] | None = None
    context_tokens: int | None = None
    usd_per_million_input_tokens: Decimal | None = None
    usd_per_million_cached_input_tokens: Decimal | None = None
    usd_per_million_output_tokens: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How far sides are treated. ``local_patience`` is for those on this machine and network, who load models."""

    patience: Patience = field(default_factory=Patience)
    local_patience: Patience = field(
        default_factory=lambda: Patience(connect_seconds=2.0, first_token_seconds=300.0, silence_seconds=120.0)
    )
    bounds: Bounds = field(default_factory=Bounds)
    temper: Temper = field(default_factory=Temper)


class Providers:
    """Everybody who can be asked. ``backends`` is by model id. Leaving the block closes every connection."""

    def __init__(self, backends: Mapping[str, Backend], providers: Mapping[str, Provider]) -> None:
        self.backends = backends
        self.providers = providers

    async def prepare(self) -> None:
        """Load the HTTP client, a quarter of a second that the first request need not wait for; asks nobody."""
        if self.providers:
            await asyncio.to_thread(load_client)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for provider in self.providers.values():
            await provider.close()


class Mistakes(ValueError):
    """Rows that can never work. ``sentences`` has one for each."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = tuple(sentences)
        super().__init__("\n".join(self.sentences))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """A provider as its row and what is known make it. ``root`` is where paths begin, ``query`` is Azure's."""

    row: ProviderRow
    preset: Preset
    kind: Kind
    root: str
    query: str
    place: Place
    key_env: str


def open_providers(
    rows: Iterable[ProviderRow],
    models: Iterable[ModelRow],
    *,
    environ_lookup: Callable[[str], str | None],
    departures: Departures | None = None,
    options: Options | None = None,
) -> Providers:
    """Make every backend. ``environ_lookup`` gives the value of a variable. Raises `Mistakes` with all of them."""
    options = options or Options()
    mistakes: list[str] = []
    sites: dict[str, _Site] = {}
    providers: dict[str, Provider] = {}
    for row in rows:
        if row.name in sites:
            mistakes.append(f"There are two providers called {row.name!r}. Give each its own name.")
            continue
        sites[row.name] = site = _site(row)
        key = (environ_lookup(site.key_env) or "").strip() if site.key_env else ""
        mistakes.extend(_faults(site, key))
        providers[row.name] = _provider(site, key, departures, options)
    backends = _backends(models, sites, providers, mistakes)
    if mistakes:
        raise Mistakes(mistakes)
    return Providers(backends, providers)


def _site(row: ProviderRow) -> _Site:
    preset = PRESETS.get(row.name) or UNKNOWN[row.kind or "openai"]
    kind = row.kind or preset.kind
    if kind != preset.kind:
        preset = UNKNOWN[kind]
    root, _, query = (row.base_url or preset.base_url).partition("?")
    root = root.rstrip("/")
    if kind == "azure" and row.api_version:
        query = f"api-version={quote(row.api_version)}"
    if kind == "azure" and root and not query and "/openai" not in root:
        root = f"{root}/openai/v1"
    host = urlsplit(root).hostname or ""
    return _Site(
        row=row,
        preset=preset,
        kind=kind,
        root=root,
        query=f"?{query}" if query else "",
        place=row.place or ("device" if preset.local and is_home(host) else "cloud"),
        key_env=row.key_env or (preset.key_env if not row.base_url or not preset.base_url else ""),
    )


def is_home(host: str) -> bool:
    """Whether a host is this machine or one of its own network, by its address or the form of its name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bool(host) and ("." not in host or host.lower().endswith(_HOME_SUFFIXES))
    return address.is_loopback or address.is_private or address.is_link_local


def _faults(site: _Site, key: str) -> list[str]:
    name, parts = site.row.name, urlsplit(site.root)
    host = parts.hostname or ""
    if not site.root:
        return [_without_address(name)]
    if parts.scheme not in {"http", "https"} or not host:
        return [f"The provider {name!r} has base_url {site.root!r}: an address such as https://host/v1 is wanted."]
    faults: list[str] = []
    if parts.username or parts.password:
        faults.append(f"The provider {name!r} has a password in its base_url. Name a variable in key_env instead.")
    if key and parts.scheme == "http" and not is_home(host):
        faults.append(
            f"The provider {name!r} would send its key in clear text to {host}. Write https:// in its base_url."
        )
    known = {urlsplit(preset.base_url).hostname for preset in PRESETS.values() if preset.base_url and not preset.local}
    if site.place == "device" and (host in known or host.endswith(".azure.com")):
        faults.append(f"The provider {name!r} has place = 'device', but {host} is a cloud. Leave place out.")
    return faults


def _without_address(name: str) -> str:
    if name in PRESETS:
        return f"The provider {name!r} needs a base_url: it differs for every owner."
    near = get_close_matches(name, PRESETS, n=1)
    known = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(PRESETS))}."
    return f"The provider {name!r} is not known and has no base_url: {known}"


def _provider(site: _Site, key: str, departures: Departures | None, options: Options) -> Provider:
    endpoint = Endpoint(
        url=site.root,
        api_key=key or None,
        provider=site.row.name,
        key_header=_KEY_HEADERS[site.kind],
        proxied=site.place == "cloud",
    )
    unusable = ""
    if site.key_env and not key:
        unusable = f"{site.key_env} is not set: {site.row.name} wants a key in that variable."
    elif not key.isascii() or not key.isprintable():
        unusable = f"{site.key_env} does not hold a key: it has characters that no key has."
    door = Door(
        endpoint,
        patience=options.patience if site.place == "cloud" else options.local_patience,
        bounds=options.bounds,
        departures=departures,
    )
    return Provider(door, key_env=site.key_env, unusable=unusable, temper=options.temper)


def _backends(
    models: Iterable[ModelRow], sites: Mapping[str, _Site], providers: Mapping[str, Provider], mistakes: list[str]
) -> dict[str, Backend]:
    prices: Prices | None = None
    backends: dict[str, Backend] = {}
    names: Counter[str] = Counter()
    for row in models:
        site = sites.get(row.provider)
        upstream = row.upstream_id or row.id
        if site is None:
            mistakes.append(
                f"The model {row.id or upstream!r} names the provider {row.provider!r}, which is not there."
            )
        elif not upstream:
            mistakes.append(f"A model of {row.provider!r} has neither id nor upstream_id.")
        else:
            prices = prices or read_prices()
            card = _card(row, site, upstream, prices)
            names[card.id] += 1
            backends[card.id] = _backend(card, site, providers[row.provider])
    mistakes.extend(f"There are {count} models called {name!r}." for name, count in names.items() if count > 1)
    return backends


def _backend(card: ModelCard, site: _Site, provider: Provider) -> Backend:
    if site.kind == "anthropic":
        return AnthropicBackend(card, provider)
    deployed = site.kind == "azure" and site.query
    prefix = f"/openai/deployments/{quote(card.upstream_id, safe='')}" if deployed else ""
    return OpenAIBackend(card, provider, site.preset.quirks, prefix=prefix, query=site.query)


def _card(row: ModelRow, site: _Site, upstream: str, prices: Prices) -> ModelCard:
    known = prices.row(site.row.name, upstream)
    read, again, written = _prices(row, known)
    abilities = row.abilities if row.abilities is not None else (known.abilities if known else None)
    return ModelCard(
        id=row.id or f"{row.provider}/{upstream}",
        kind="chat",
        place=site.place,
        context_tokens=row.context_tokens or (known.context if known else _ASSUMED_CONTEXT[site.place]),
        source=site.root,
        name=upstream,
        installed=True,
        abilities=site.preset.abilities if abilities is None else abilities,
        tasks=row.tasks,
        provider=row.provider,
        upstream_id=upstream,
        dialects=_DIALECTS[site.kind],
        usd_per_million_input_tokens=read,
        usd_per_million_cached_input_tokens=again,
        usd_per_million_output_tokens=written,
    )


def _prices(row: ModelRow, known: PriceRow | None) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Input, cached input and output: what the owner wrote, else what the table says.

    The table's price of cached input belongs to its price of input and is no guess for another one.
    """
    read, written = row.usd_per_million_input_tokens, row.usd_per_million_output_tokens
    again = row.usd_per_million_cached_input_tokens
    if known is None:
        return read, again, written
    if again is None and read is None:
        again = known.cached
    return known.input if read is None else read, again, known.output if written is None else written
