"""What is asked of Foundry Local's SDK, in a child process that may be killed.

Importing the SDK adds a log handler to standard output and its calls block; here neither hurts anybody.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import msgspec

from tandem.catalog.child import Json
from tandem.catalog.foundry import PUBLIC_CATALOG, Download, Offer, Provider, Variant, preferred
from tandem.catalog.shelf import megabytes
from tandem.core.errors import CatalogError, NotFound, Offline, TandemError
from tandem.core.ports import Progress
from tandem.core.telemetry import telemetry_refused

if TYPE_CHECKING:
    from foundry_local_sdk import FoundryLocalManager, IModel, ModelInfo

_CHAT_TASKS = frozenset({"chat-completion", "coding", "vision-language-chat"})
_MARGIN = 1.1
_MIB = 1 << 20
"""The SDK says megabytes and means these."""
_NETWORK = 6
"""FOUNDRY_LOCAL_ERROR_NETWORK of foundry_local_c.h."""


def list_models(request: dict[str, Json], progress: Progress) -> Json:
    """Every chat model of the public catalog with its variants. Raises `Offline` where the catalog stays silent."""
    del progress
    with _opened(request) as manager:
        models = manager.catalog.list_models()
        if not models:
            raise Offline("Foundry Local's catalog gave no answer. Look at the network and try again.")
        offers = [_offer(model) for model in models]
    return cast("Json", msgspec.to_builtins([offer for offer in offers if offer.variants]))


def pull_model(request: dict[str, Json], progress: Progress) -> Json:
    """Download ``model``, an alias or a variant's id, into the SDK's cache; tells where it lies."""
    name = str(request["model"])
    with _opened(request) as manager:
        chosen, alias = _choose(manager, name)
        _require_space(chosen, str(request["home"]))
        what = f"Downloading {chosen.id}"
        chosen.download(lambda percent: progress(int(percent * 10), 1000, what))
        download = Download(
            alias=alias, name=chosen.info.display_name or alias, variant=_variant(chosen.info), folder=chosen.get_path()
        )
    return cast("Json", msgspec.to_builtins(download))


def list_providers(request: dict[str, Json], progress: Progress) -> Json:
    """The execution providers that the SDK finds fit for this machine; asks no network."""
    del progress
    with _opened(request) as manager:
        found = [Provider(name=provider.name, registered=provider.is_registered) for provider in manager.discover_eps()]
    return cast("Json", msgspec.to_builtins(found))


def pull_providers(request: dict[str, Json], progress: Progress) -> Json:
    """Download and register the execution providers ``names``, or all that fit; returns the names that are ready."""
    names = [str(name) for name in cast("list[Json]", request["names"])]
    with _opened(request) as manager:
        outcome = manager.download_and_register_eps(
            names or None, lambda name, percent: progress(int(percent * 10), 1000, f"Downloading {name}")
        )
        if outcome.failed_eps:
            raise CatalogError(f"These execution providers could not be made ready: {', '.join(outcome.failed_eps)}.")
        return cast("Json", outcome.registered_eps)


@contextmanager
def _opened(request: dict[str, Json]) -> Generator["FoundryLocalManager"]:
    """The SDK's manager over our own data folder, its telemetry off, its errors translated by their codes."""
    from foundry_local_sdk import Configuration, FoundryLocalException, FoundryLocalManager, LogLevel

    address = str(request["address"])
    settings = Configuration(
        app_name="tandem",
        app_data_dir=str(request["home"]),
        catalog_urls=None if address == PUBLIC_CATALOG else [(address, None)],
        log_level=LogLevel.FATAL,
        disable_nonessential_telemetry=True,
    )
    try:
        with telemetry_refused(), FoundryLocalManager(settings) as manager:
            yield manager
    except FoundryLocalException as error:
        raise _translated(error.error_code, str(error)) from error


def _translated(code: int, words: str) -> TandemError:
    if code == _NETWORK:
        return Offline(f"Foundry Local could not reach its source: {words}")
    return CatalogError(f"Foundry Local could not do it: {words}")


def _choose(manager: "FoundryLocalManager", name: str) -> tuple["IModel", str]:
    """The variant that ``name`` means: itself where it names one, else the preferred one of that alias."""
    model = manager.catalog.get_model(name)
    if model is not None:
        best = preferred(tuple(_variant(variant.info) for variant in model.variants))
        for variant in model.variants:
            if best is not None and variant.id == best.id:
                return variant, model.alias
        return model, model.alias
    variant = manager.catalog.get_model_variant(name)
    if variant is not None:
        return variant, variant.alias
    if not manager.catalog.list_models():
        raise Offline(f"Foundry Local's catalog gave no answer, so {name} could not be fetched. Look at the network.")
    raise NotFound(f'Neither Tandem nor Foundry Local has a model "{name}". See `tandem models list --refresh`.')


def _require_space(model: "IModel", home: str) -> None:
    import shutil

    size, free = (model.info.file_size_mb or 0) * _MIB, shutil.disk_usage(home).free
    if size * _MARGIN > free:
        raise CatalogError(
            f"{model.id} takes {megabytes(size)} and {home} has {megabytes(free)} free. Free some space, "
            "or choose a smaller model."
        )


def _offer(model: "IModel") -> Offer:
    variants = [variant.info for variant in model.variants]
    return Offer(
        alias=model.alias,
        name=model.info.display_name or model.alias,
        variants=tuple(_variant(info) for info in variants if info.task in _CHAT_TASKS),
    )


def _variant(info: "ModelInfo") -> Variant:
    runtime = info.runtime
    return Variant(
        id=info.id,
        device=str(runtime.device_type or "") if runtime else "",
        provider=runtime.execution_provider if runtime else "",
        size_bytes=info.file_size_mb * _MIB if info.file_size_mb else None,
        context_tokens=info.context_length or 0,
        task=info.task or "",
        licence=info.license or "",
        tools=bool(info.supports_tool_calling),
    )
