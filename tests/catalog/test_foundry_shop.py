"""Foundry Local's catalog through its real SDK: asked on demand, remembered, and out of the way when offline."""

import asyncio
import importlib.util
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.foundry_catalog import entry, foundry_catalog
from support.one_layer_gguf import CONTEXT, write_tiny_gguf
from support.steps import Steps
from tandem.catalog.catalog import Catalog
from tandem.catalog.foundry import PUBLIC_CATALOG
from tandem.core.errors import CatalogError, NotFound, Offline, Unavailable

with_sdk = pytest.mark.skipif(
    importlib.util.find_spec("foundry_local_sdk") is None, reason="foundry-local-sdk is not installed"
)
NOWHERE = "http://127.0.0.1:9/asset-gallery/v1.0/models"
UNROUTED = "https://192.0.2.1/asset-gallery/v1.0/models"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def phi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the SDK leaves it after a download, with a tiny model inside."""
    home = tmp_path_factory.mktemp("phi")
    file = write_tiny_gguf(home / "t.gguf")
    card = asyncio.run(Catalog(home / "home").import_path(file, Steps(), model="t"))
    folder = Path(str(card.path))
    (folder / "tandem.json").unlink()
    (folder / "inference_model.json").write_text(json.dumps({"Name": "Phi-4-mini-instruct-generic-cpu:5"}))
    return folder


def downloaded(home: Path, phi: Path) -> Path:
    cache = home / "foundry" / "cache" / "models" / "Somebody" / "Phi-4-mini-instruct-generic-cpu-5" / "v5"
    return Path(shutil.copytree(phi, cache))


def test_before_any_question_known_aliases_are_listed_as_not_checked(tmp_path: Path) -> None:
    cards = {card.id: card for card in Catalog(tmp_path).cards()}

    for alias in ("phi-4-mini", "phi-3.5-mini", "qwen2.5-0.5b", "deepseek-r1-distill-qwen-1.5b"):
        assert cards[alias].source == "Foundry Local (known alias, not checked)"
        assert not cards[alias].installed


@with_sdk
def test_a_refresh_asks_the_catalog_and_remembers_the_answer(tmp_path: Path) -> None:
    entries = (entry("Phi-4-mini-instruct-generic-cpu", "phi-4-mini"), entry("ears-generic-cpu", "ears", task="audio"))
    with foundry_catalog(*entries) as (address, asked):
        listing = asyncio.run(Catalog(tmp_path, foundry=address).foundry.refresh(Steps()))

    later = {card.id: card for card in Catalog(tmp_path, offline=True).cards()}

    assert [offer.alias for offer in listing.offers] == ["phi-4-mini"]
    assert any("pageSize" in question for question in asked)
    assert "ears" not in later
    assert "qwen2.5-0.5b" not in later
    card = later["phi-4-mini"]
    assert (card.source, card.name, card.licence) == ("Foundry Local", "PHI-4-MINI", "MIT")
    assert (card.context_tokens, card.size_bytes) == (131072, 3 << 20)
    assert "tools" in card.abilities
    variant = Catalog(tmp_path).foundry.offer("phi-4-mini").variants[0]
    assert (variant.id, variant.device) == ("Phi-4-mini-instruct-generic-cpu:5", "CPU")
    assert variant.provider == "CPUExecutionProvider"
    assert Catalog(tmp_path).foundry.variants("phi-4-mini") == (variant,)
    assert Catalog(tmp_path).foundry.variants("smollm2-135m") == ()


@with_sdk
@pytest.mark.parametrize("address", [NOWHERE, UNROUTED])
def test_offline_a_refresh_answers_within_a_second_and_keeps_what_is_remembered(tmp_path: Path, address: str) -> None:
    with foundry_catalog(entry("Phi-4-mini-instruct-generic-cpu", "phi-4-mini")) as (reachable, _):
        asyncio.run(Catalog(tmp_path, foundry=reachable).foundry.refresh(Steps()))
    began = time.monotonic()

    with pytest.raises(Offline, match=r"cannot be reached, .* The list shows what it offered on 20"):
        asyncio.run(Catalog(tmp_path, foundry=address).foundry.refresh(Steps()))

    assert time.monotonic() - began < 1.0
    assert Catalog(tmp_path).card("phi-4-mini").context_tokens == 131072


@with_sdk
def test_offline_and_never_asked_the_message_says_so(tmp_path: Path) -> None:
    with pytest.raises(Offline, match="never asked here"):
        asyncio.run(Catalog(tmp_path, foundry=NOWHERE).foundry.refresh(Steps()))


@with_sdk
def test_a_catalog_that_answers_nonsense_is_told_and_nothing_is_forgotten(tmp_path: Path) -> None:
    with foundry_catalog() as (address, _), pytest.raises(Offline, match="gave no answer"):
        asyncio.run(Catalog(tmp_path, foundry=address).foundry.refresh(Steps()))

    assert "phi-4-mini" in {card.id for card in Catalog(tmp_path).cards()}


@with_sdk
@pytest.mark.parametrize("address", [NOWHERE, UNROUTED])
def test_offline_a_pull_says_so_within_a_second(tmp_path: Path, address: str) -> None:
    began = time.monotonic()

    with pytest.raises(Offline, match="phi-4-mini could not be fetched"):
        asyncio.run(Catalog(tmp_path, foundry=address).pull("phi-4-mini", Steps()))

    assert time.monotonic() - began < 1.0


@with_sdk
def test_offline_mode_tries_no_connection_at_all(tmp_path: Path) -> None:
    with foundry_catalog(entry("Phi-4-mini-instruct-generic-cpu", "phi-4-mini")) as (address, asked):
        catalog = Catalog(tmp_path, offline=True, foundry=address)
        catalog.cards()
        with pytest.raises(Offline, match="stay offline"):
            asyncio.run(catalog.foundry.refresh(Steps()))
        with pytest.raises(Offline, match="stay offline"):
            asyncio.run(catalog.pull("phi-4-mini", Steps()))

    assert asked == []


@with_sdk
def test_a_variant_for_the_cpu_is_installed_for_our_own_engine(tmp_path: Path, phi: Path) -> None:
    downloaded(tmp_path, phi)
    with foundry_catalog(entry("Phi-4-mini-instruct-generic-cpu", "phi-4-mini")) as (address, _):
        card = asyncio.run(Catalog(tmp_path, foundry=address).pull("phi-4-mini", Steps()))

    note = Catalog(tmp_path).manifest("phi-4-mini")
    assert card.installed
    assert card.path == str(tmp_path / "models" / "phi-4-mini")
    assert (Path(str(card.path)) / "genai_config.json").is_file()
    assert (card.context_tokens, card.licence) == (CONTEXT, "MIT")
    assert card.source == "Foundry Local (Phi-4-mini-instruct-generic-cpu:5)"
    assert (note.runner, note.foundry_provider) == ("engine", "CPUExecutionProvider")
    assert {"json_schema", "logprobs", "tools"} <= card.abilities


@with_sdk
def test_a_folder_that_our_engine_cannot_read_is_left_to_foundry(tmp_path: Path, phi: Path) -> None:
    (downloaded(tmp_path, phi) / "tokenizer.json").unlink()
    with foundry_catalog(entry("Phi-4-mini-instruct-generic-cpu", "phi-4-mini")) as (address, _):
        card = asyncio.run(Catalog(tmp_path, foundry=address).pull("phi-4-mini", Steps()))

    assert Catalog(tmp_path).manifest("phi-4-mini").runner == "foundry"
    assert (card.context_tokens, card.abilities) == (131072, {"json_schema", "tools"})


@with_sdk
def test_a_variant_can_be_pulled_by_its_own_id(tmp_path: Path, phi: Path) -> None:
    downloaded(tmp_path, phi)
    with foundry_catalog(entry("Phi-4-mini-instruct-generic-cpu", "phi-4-mini")) as (address, _):
        catalog = Catalog(tmp_path, foundry=address)
        card = asyncio.run(catalog.pull("Phi-4-mini-instruct-generic-cpu:5", Steps()))

    assert card.id == "phi-4-mini-instruct-generic-cpu-5"
    assert card.installed


@with_sdk
def test_a_model_that_the_catalog_does_not_have_is_not_found(tmp_path: Path) -> None:
    with (
        foundry_catalog(entry("Phi-4-mini-instruct-generic-cpu", "phi-4-mini")) as (address, _),
        pytest.raises(NotFound, match="no-such-model"),
    ):
        asyncio.run(Catalog(tmp_path, foundry=address).pull("no-such-model", Steps()))


@with_sdk
def test_a_download_that_fails_is_our_error_and_installs_nothing(tmp_path: Path) -> None:
    with (
        foundry_catalog(entry("Phi-4-mini-instruct-generic-cpu", "phi-4-mini")) as (address, _),
        pytest.raises(CatalogError),
    ):
        asyncio.run(Catalog(tmp_path, foundry=address).pull("phi-4-mini", Steps()))

    assert not Catalog(tmp_path).card("phi-4-mini").installed


@with_sdk
def test_a_removed_model_of_foundry_is_gone_and_offered_again(tmp_path: Path, phi: Path) -> None:
    downloaded(tmp_path, phi)
    with foundry_catalog(entry("Phi-4-mini-instruct-generic-cpu", "phi-4-mini")) as (address, _):
        catalog = Catalog(tmp_path, foundry=address)
        asyncio.run(catalog.foundry.refresh(Steps()))
        asyncio.run(catalog.pull("phi-4-mini", Steps()))

    removed = asyncio.run(catalog.remove("phi-4-mini", Steps()))

    assert removed.freed_bytes > 10_000
    assert removed.can_be_pulled_again
    assert not catalog.card("phi-4-mini").installed


@with_sdk
def test_the_execution_providers_of_this_machine_are_listed(tmp_path: Path) -> None:
    providers = asyncio.run(Catalog(tmp_path).foundry.providers(Steps()))

    assert all(provider.name.endswith("ExecutionProvider") for provider in providers)


@with_sdk
def test_the_public_catalog_is_where_the_sdk_itself_asks() -> None:
    script = (
        "from foundry_local_sdk import Configuration, FoundryLocalManager, LogLevel\n"
        "from tandem.core.telemetry import telemetry_refused\n"
        "import tempfile\n"
        "with tempfile.TemporaryDirectory() as folder, telemetry_refused():\n"
        "    settings = Configuration(app_name='tandem', app_data_dir=folder, log_level=LogLevel.FATAL)\n"
        "    with FoundryLocalManager(settings) as manager:\n"
        "        print(manager.catalog.name)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == PUBLIC_CATALOG


def test_without_the_sdk_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "foundry_local_sdk", None)

    with pytest.raises(Unavailable, match=r"pip install \"tandem-edge\[foundry\]\""):
        asyncio.run(Catalog(tmp_path).pull("phi-4-mini", Steps()))


def test_listing_never_imports_the_sdk(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tandem.catalog.catalog import Catalog\n"
        f"Catalog(Path({str(tmp_path)!r})).cards()\n"
        "print([name for name in ('foundry_local_sdk', 'numpy', 'onnx', 'onnxruntime') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "[]"
