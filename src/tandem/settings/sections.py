"""The sections of tandem.toml as frozen values. Every default lives here, or in the core where others share it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from tandem.core.chat import Place
from tandem.core.defaults import KEEP_ALIVE_SECONDS, KV_BYTES, QUEUE_LIMIT
from tandem.routing.guards import Protection
from tandem.routing.reading import Policies, read_policies

Seal = Literal["auto", "require", "off"]
GIB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """``[server]``. ``api_key_env`` names the environment variable that holds the key; the key itself is never written.

    ``allowed_hosts`` are further names by which this server may be addressed; ``max_body_bytes`` bounds one request.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    api_key_env: str | None = None
    cors_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    max_body_bytes: int = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    """``[device]``. ``keep_alive`` in seconds (-1 keeps models loaded for ever); ``max_ram`` in bytes for all models.

    ``kv_cache`` bounds each model's remembered prompts, in bytes; ``queue`` is how many requests may wait for a model.
    """

    model: str = "smollm2-135m"
    embedder: str = "minilm-l6"
    keep_alive: float = KEEP_ALIVE_SECONDS
    max_ram: int | None = None
    sealed: Seal = "auto"
    threads: int | None = None
    kv_cache: int = KV_BYTES
    queue: int = QUEUE_LIMIT
    preload: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """One ``[[provider]]``: an endpoint that answers, far away or trusted on this network.

    What is left out is known by the name (see docs/providers.md); an unknown name speaks OpenAI's wire and is a cloud.
    """

    name: str
    kind: Literal["openai", "azure", "anthropic"] | None = None
    base_url: str | None = None
    key_env: str | None = None
    place: Place | None = None
    api_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """One ``[[model]]`` that a provider answers for; with ``provider = "device"``, tasks for a model of the catalog."""

    provider: str
    id: str | None = None
    upstream_id: str | None = None
    tasks: tuple[str, ...] = ()
    context_tokens: int | None = None
    usd_per_million_input_tokens: Decimal | None = None
    usd_per_million_cached_input_tokens: Decimal | None = None
    usd_per_million_output_tokens: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySettings:
    """``[privacy]``: what happens to private text, the owner's own terms, and which labels bind.

    ``attachments`` are pictures, sounds and files, which cannot be searched: they stay unless this is ``allow``.
    ``names`` says which names of people count: those that identify somebody (``strong``), ``all``, or none (``off``).
    """

    mode: Literal["lock", "redact", "block"] = "lock"
    names: Literal["strong", "all", "off"] = "strong"
    terms: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    attachments: Literal["lock", "allow"] = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """``[budget]``: what clouds may cost."""

    usd_per_month: Decimal | None = None
    usd_per_request: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RagSettings:
    """``[rag]``: the folders whose files are indexed, the label of each, and where passages are kept."""

    folders: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    store: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. ``source`` is the file it came from; ``api_key`` comes from the environment only."""

    home: Path
    source: Path | None = None
    api_key: str | None = None
    offline: bool = False
    server: ServerSettings = field(default_factory=ServerSettings)
    device: DeviceSettings = field(default_factory=DeviceSettings)
    providers: tuple[ProviderSettings, ...] = ()
    models: tuple[ModelSettings, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    policy: Mapping[str, Any] = field(default_factory=dict[str, Any])
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    rag: RagSettings = field(default_factory=RagSettings)

    @property
    def protection(self) -> Protection:
        """What every policy's guards keep."""
        return Protection(
            mode=self.privacy.mode,
            names=self.privacy.names,
            labels=tuple(sorted({label.strip().casefold() for label in self.privacy.labels if label.strip()})),
            attachments_allowed=self.privacy.attachments == "allow",
            usd_per_month=self.budget.usd_per_month,
            usd_per_request=self.budget.usd_per_request,
        )

    @property
    def policies(self) -> Policies:
        """The built-in policies and the owner's, which may list models by their aliases."""
        policies = read_policies(self.policy, self.protection)[0]
        named = {
            name: replace(policy, models=tuple(dict.fromkeys(self.aliases.get(one, one) for one in policy.models)))
            for name, policy in policies.named.items()
        }
        return replace(policies, named=named)

    @property
    def not_yet_used(self) -> tuple[str, ...]:
        """Sections that were set and checked but that no part of this version acts upon."""
        set_sections = {"rag": self.rag != RagSettings()}
        return tuple(name for name, value in set_sections.items() if value)
