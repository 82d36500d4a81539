"""Providers and their models, from settings."""

from tandem.app.deciding import DEVICE
from tandem.backends.providers import Mistakes, ModelRow, ProviderRow, Providers, open_providers
from tandem.core.errors import SettingsError
from tandem.core.ports import Departures
from tandem.settings import ModelSettings, ProviderSettings, Settings, variable


def open_far(settings: Settings, departures: Departures) -> Providers:
    """Every provider and model of tandem.toml; a known provider needs no row. Raises `SettingsError` with all."""
    models = [_model(row) for row in settings.models if row.provider != DEVICE]
    rows = [_provider(row) for row in settings.providers]
    written = {row.name for row in rows}
    unwritten = dict.fromkeys(model.provider for model in models if model.provider not in written)
    try:
        return open_providers(
            [*rows, *(ProviderRow(name=name) for name in unwritten)],
            models,
            environ_lookup=variable,
            departures=departures,
        )
    except Mistakes as mistakes:
        where = f" in {settings.source}" if settings.source else ""
        told = "\n".join(f"  - {sentence}" for sentence in mistakes.sentences)
        raise SettingsError(f"The configuration{where} cannot be used:\n{told}") from mistakes


def _provider(row: ProviderSettings) -> ProviderRow:
    return ProviderRow(
        name=row.name,
        kind=row.kind,
        base_url=row.base_url,
        key_env=row.key_env,
        place=row.place,
        api_version=row.api_version,
    )


def _model(row: ModelSettings) -> ModelRow:
    return ModelRow(
        provider=row.provider,
        id=row.id,
        upstream_id=row.upstream_id,
        tasks=row.tasks,
        context_tokens=row.context_tokens,
        usd_per_million_input_tokens=row.usd_per_million_input_tokens,
        usd_per_million_cached_input_tokens=row.usd_per_million_cached_input_tokens,
        usd_per_million_output_tokens=row.usd_per_million_output_tokens,
    )
