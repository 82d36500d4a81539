"""tandem.toml, the environment and flags, as one frozen `Settings`. Every default lives here.

Read once, at the start; rooms receive values, never this module. All mistakes are reported together.
"""

import difflib
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from platformdirs import user_config_path, user_data_path

from tandem.core.chat import Place
from tandem.core.errors import SettingsError

Section = TypeVar("Section")
Seal = Literal["auto", "require", "off"]
Language = Literal["en", "pl"]
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
    keep_alive: float = 1800.0
    max_ram: int | None = None
    sealed: Seal = "auto"
    threads: int | None = None
    kv_cache: int = GIB
    queue: int = 32
    preload: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """One ``[[provider]]``: an endpoint that answers, far away or trusted on this network."""

    name: str
    kind: Literal["openai", "azure", "anthropic"] = "openai"
    base_url: str | None = None
    key_env: str | None = None
    place: Place = "cloud"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """One ``[[model]]`` that a provider answers for."""

    id: str
    provider: str
    upstream_id: str | None = None
    tasks: tuple[str, ...] = ()
    context_tokens: int | None = None
    usd_per_million_input_tokens: Decimal | None = None
    usd_per_million_output_tokens: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySettings:
    """``[privacy]``: what happens to private text, the owner's own terms, and which labels count."""

    mode: Literal["lock", "redact", "block"] = "lock"
    terms: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


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
    def not_yet_used(self) -> tuple[str, ...]:
        """Sections that were set and checked but that no part of this version acts upon."""
        set_sections = {
            "provider": self.providers,
            "model": self.models,
            "policy": self.policy,
            "privacy": self.privacy != PrivacySettings(),
            "budget": self.budget != BudgetSettings(),
            "rag": self.rag != RagSettings(),
        }
        return tuple(name for name, value in set_sections.items() if value)


_SINGLE: Mapping[str, type] = {
    "server": ServerSettings,
    "device": DeviceSettings,
    "privacy": PrivacySettings,
    "budget": BudgetSettings,
    "rag": RagSettings,
}
_REPEATED: Mapping[str, tuple[str, type]] = {
    "provider": ("providers", ProviderSettings),
    "model": ("models", ModelSettings),
}
_FREE = ("aliases", "policy")
_SIZES = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "B": 1}
_BYTE_KEYS = {"max_ram", "kv_cache", "max_body_bytes"}


def language_of(environment: Mapping[str, str] | None = None) -> Language:
    """``TANDEM_LANG``, else the locale, by the first variable that is set; English where that is not Polish."""
    env = os.environ if environment is None else environment
    named = next((env[name] for name in ("TANDEM_LANG", "LC_ALL", "LC_MESSAGES", "LANG") if env.get(name)), "")
    return "pl" if named.lower().startswith("pl") else "en"


def read_settings(
    config: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    host: str | None = None,
    port: int | None = None,
) -> Settings:
    """Read the file, then the environment, then flags. Raises `SettingsError` with every mistake in one message."""
    env = os.environ if environment is None else environment
    mistakes: list[str] = []
    source = _find(config, env)
    tables = _parse(source)
    _overlay_environment(tables, env, mistakes)
    settings = _build(tables, source, env, mistakes)
    flags = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    key = env.get(settings.server.api_key_env or "") or None
    settings = replace(settings, api_key=key, server=replace(settings.server, **cast("dict[str, Any]", flags)))
    _check(settings, env, mistakes)
    if mistakes:
        where = f" in {source}" if source else ""
        raise SettingsError(f"The configuration{where} cannot be used:\n" + "\n".join(f"  - {m}" for m in mistakes))
    return settings


def _find(config: Path | None, env: Mapping[str, str]) -> Path | None:
    named = config or (Path(env["TANDEM_CONFIG"]) if env.get("TANDEM_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise SettingsError(f"There is no configuration file {named}. Create it, or leave --config out.")
        return named
    for place in (Path("tandem.toml"), user_config_path("tandem", appauthor=False) / "tandem.toml"):
        if place.is_file():
            return place
    return None


def _parse(source: Path | None) -> dict[str, Any]:
    if source is None:
        return {}
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{source} is not valid TOML: {error}. Correct it there.") from error
    except OSError as error:
        raise SettingsError(f"{source} cannot be read: {error.strerror}.") from error


def _overlay_environment(tables: dict[str, Any], env: Mapping[str, str], mistakes: list[str]) -> None:
    for section, cls in _SINGLE.items():
        prefix = f"TANDEM_{section.upper()}_"
        for name in sorted(n for n in env if n.startswith(prefix)):
            key = name.removeprefix(prefix).lower()
            hint = _hints(cls).get(key)
            if hint is None:
                mistakes.append(_unknown(name, key, _hints(cls), "the environment", prefix))
                continue
            table = tables.setdefault(section, {})
            if isinstance(table, dict):
                cast("dict[str, Any]", table)[key] = _from_text(env[name], hint)


def _from_text(text: str, hint: Any) -> Any:
    """What a TOML file would have held; a text that does not fit its type is left for the type check to name."""
    kinds = _alternatives(hint)
    if bool in kinds and text.lower() in {"true", "false", "1", "0", "yes", "no"}:
        return text.lower() in {"true", "1", "yes"}
    if typing.get_origin(kinds[0]) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    for kind in (int, float):
        if kind in kinds:
            try:
                return kind(text)
            except ValueError:
                continue
    return text


def _build(tables: dict[str, Any], source: Path | None, env: Mapping[str, str], mistakes: list[str]) -> Settings:
    sections: dict[str, Any] = {}
    known = [*_SINGLE, *_REPEATED, *_FREE]
    for name, table in tables.items():
        if name in _SINGLE:
            sections[name] = _table(_SINGLE[name], table, f"[{name}]", mistakes)
        elif name in _REPEATED:
            attribute, cls = _REPEATED[name]
            rows = cast("list[Any]", table) if isinstance(table, list) else [table]
            built: list[Any] = [_table(cls, row, f"[[{name}]] number {n}", mistakes) for n, row in enumerate(rows, 1)]
            sections[attribute] = tuple(row for row in built if row is not None)
        elif name in _FREE:
            sections[name] = _free(name, table, mistakes)
        else:
            mistakes.append(_unknown(name, name, known, "the file"))
    sections = {name: value for name, value in sections.items() if value is not None}
    home = Path(env["TANDEM_HOME"]) if env.get("TANDEM_HOME") else user_data_path("tandem", appauthor=False)
    offline = env.get("TANDEM_OFFLINE", "").lower() in {"1", "true", "yes"}
    return Settings(home=home.absolute(), source=source, offline=offline, **sections)


def _free(name: str, table: Any, mistakes: list[str]) -> dict[str, Any] | None:
    if not isinstance(table, dict):
        mistakes.append(f"[{name}] must be a table")
        return None
    rows = cast("dict[str, Any]", table)
    if name == "aliases":
        for alias, model in rows.items():
            if not isinstance(model, str):
                mistakes.append(f"[aliases] {alias!r} must be the id of a model, in quotes")
                return None
    return rows


def _table(cls: type[Section], table: Any, where: str, mistakes: list[str]) -> Section | None:
    if not isinstance(table, dict):
        mistakes.append(f"{where} must be a table")
        return None
    hints = _hints(cls)
    values: dict[str, Any] = {}
    before = len(mistakes)
    for key, value in cast("dict[str, Any]", table).items():
        if key not in hints:
            mistakes.append(_unknown(key, key, hints, where))
        else:
            values[key] = _typed(value, key, hints[key], where, mistakes)
    required = [f.name for f in fields(cast("Any", cls)) if f.default is MISSING and f.default_factory is MISSING]
    mistakes.extend(f"{where} needs {name!r}" for name in required if name not in values)
    return cls(**values) if len(mistakes) == before else None


def _typed(value: Any, key: str, hint: Any, where: str, mistakes: list[str]) -> Any:
    kinds = _alternatives(hint)
    if key in _BYTE_KEYS and isinstance(value, str):
        size = _bytes(value)
        if size is None:
            mistakes.append(f'{where} {key} = {value!r}: write bytes, or a size such as "4GB" or "512MiB"')
        return size
    for kind in kinds:
        fits, converted = _fit(value, kind)
        if fits:
            return converted
    mistakes.append(f"{where} {key} = {value!r}: {_expectation(kinds)} is wanted")
    return None


def _fit(value: Any, kind: Any) -> tuple[bool, Any]:
    origin = typing.get_origin(kind)
    if origin is Literal:
        return value in typing.get_args(kind), value
    if origin is tuple:
        fits = isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value))
        return fits, tuple(cast("list[str]", value)) if fits else None
    if origin is not None:
        return isinstance(value, dict), value
    if kind is Decimal and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return True, Decimal(str(value))
        except InvalidOperation:
            return False, None
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return True, float(value)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool)), value


def _bytes(text: str) -> int | None:
    compact = text.replace(" ", "").upper()
    for unit, factor in sorted(_SIZES.items(), key=lambda row: -len(row[0])):
        if compact.endswith(unit):
            try:
                return int(float(compact.removesuffix(unit)) * factor)
            except ValueError:
                return None
    return int(compact) if compact.isdigit() else None


def _expectation(kinds: tuple[Any, ...]) -> str:
    words = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", Decimal: "an amount"}
    first = kinds[0]
    if typing.get_origin(first) is Literal:
        return "one of " + ", ".join(repr(choice) for choice in typing.get_args(first))
    if typing.get_origin(first) is tuple:
        return "a list of texts"
    return words.get(first, "a table")


def _alternatives(hint: Any) -> tuple[Any, ...]:
    if isinstance(hint, types.UnionType):
        return tuple(kind for kind in typing.get_args(hint) if kind is not type(None))
    return (hint,)


def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _unknown(shown: str, key: str, known: typing.Iterable[str], where: str, prefix: str = "") -> str:
    """A sentence about an unknown key; ``prefix`` is of the environment's variables, which are in capitals."""
    spelled = {name: f"{prefix}{name.upper()}" if prefix else name for name in known}
    near = difflib.get_close_matches(key, list(spelled), n=1, cutoff=0.5)
    advice = f"did you mean {spelled[near[0]]!r}?" if near else "known are " + ", ".join(sorted(spelled.values())) + "."
    return f"{where} has an unknown key {shown!r}: {advice}"


def _check(settings: Settings, env: Mapping[str, str], mistakes: list[str]) -> None:
    server, device = settings.server, settings.device
    if not 0 <= server.port <= 65535:
        mistakes.append(f"[server] port = {server.port}: a port lies between 1 and 65535 (0 takes any free one)")
    if server.api_key_env and not env.get(server.api_key_env):
        mistakes.append(f"[server] api_key_env names {server.api_key_env}, which is not set in the environment")
    counts = {f"[device] {name}": getattr(device, name) for name in ("queue", "threads", "kv_cache", "max_ram")}
    counts["[server] max_body_bytes"] = server.max_body_bytes
    wrong = {name: value for name, value in counts.items() if value is not None and value < 1}
    mistakes.extend(f"{name} = {value}: at least 1 is wanted" for name, value in wrong.items())
    names = {provider.name for provider in settings.providers}
    mistakes.extend(
        f"[[model]] {model.id!r} names the provider {model.provider!r}, which no [[provider]] has"
        for model in settings.models
        if model.provider not in names
    )
