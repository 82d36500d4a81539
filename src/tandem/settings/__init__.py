"""tandem.toml, the environment and flags, as one frozen `Settings`.

Read once, at the start; rooms receive values, never this module. All mistakes are reported together.
"""

import os
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

from platformdirs import user_config_path, user_data_path

from tandem.core.errors import SettingsError
from tandem.routing.reading import read_policies
from tandem.settings.checks import wrong_amounts, wrong_names
from tandem.settings.sections import (
    GIB,
    BudgetSettings,
    DeviceSettings,
    ModelSettings,
    PrivacySettings,
    ProviderSettings,
    RagSettings,
    Seal,
    ServerSettings,
    Settings,
)
from tandem.settings.typed import alternatives_of, hints_of, table_of, unknown_key

Language = Literal["en", "pl"]
__all__ = [
    "GIB",
    "BudgetSettings",
    "DeviceSettings",
    "Language",
    "ModelSettings",
    "PrivacySettings",
    "ProviderSettings",
    "RagSettings",
    "Seal",
    "ServerSettings",
    "Settings",
    "language_of",
    "read_settings",
    "variable",
    "variables",
]
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


def language_of(environment: Mapping[str, str] | None = None) -> Language:
    """``TANDEM_LANG``, else the locale, by the first variable that is set; English where that is not Polish."""
    env = os.environ if environment is None else environment
    named = next((env[name] for name in ("TANDEM_LANG", "LC_ALL", "LC_MESSAGES", "LANG") if env.get(name)), "")
    return "pl" if named.lower().startswith("pl") else "en"


def variable(name: str) -> str | None:
    """The value of a variable of the environment, such as a provider's key."""
    return os.environ.get(name)


def variables(prefix: str) -> dict[str, str]:
    """Every variable of the environment whose name begins so, such as the standard ``OTEL_`` ones."""
    return {name: value for name, value in os.environ.items() if name.startswith(prefix)}


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
            hint = hints_of(cls).get(key)
            if hint is None:
                mistakes.append(unknown_key(name, key, hints_of(cls), "the environment", prefix))
                continue
            table = tables.setdefault(section, {})
            if isinstance(table, dict):
                cast("dict[str, Any]", table)[key] = _from_text(env[name], hint)


def _from_text(text: str, hint: Any) -> Any:
    """What a TOML file would have held; a text that does not fit its type is left for the type check to name."""
    kinds = alternatives_of(hint)
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
            sections[name] = table_of(_SINGLE[name], table, f"[{name}]", mistakes)
        elif name in _REPEATED:
            attribute, cls = _REPEATED[name]
            rows = cast("list[Any]", table) if isinstance(table, list) else [table]
            built: list[Any] = [table_of(cls, row, f"[[{name}]] number {n}", mistakes) for n, row in enumerate(rows, 1)]
            sections[attribute] = tuple(row for row in built if row is not None)
        elif name in _FREE:
            sections[name] = _free(name, table, mistakes)
        else:
            mistakes.append(unknown_key(name, name, known, "the file"))
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
    mistakes.extend(read_policies(settings.policy, settings.protection)[1])
    mistakes.extend(wrong_names(settings))
    mistakes.extend(wrong_amounts(settings))
