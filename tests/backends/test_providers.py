"""Rows of settings become backends; only rows that can never work are mistakes."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from support.far_sides import ASKED, HELLO, Bill, all_events, error_of
from support.scripted_cloud import Reply, scripted_cloud
from tandem.backends.presets import PRESETS
from tandem.backends.prices import read_prices
from tandem.backends.providers import Mistakes, ModelRow, ProviderRow, Providers, is_home, open_providers
from tandem.core.errors import ProviderRefused
from tandem.core.ports import Backend

KEYS = {
    "OPENAI_API_KEY": "sk-1",
    "DEEPSEEK_API_KEY": "sk-2",
    "AZURE_OPENAI_API_KEY": "az-3",
    "ANTHROPIC_API_KEY": "a-4",
}


def opened(rows: list[ProviderRow], models: list[ModelRow], keys: Mapping[str, str] = KEYS) -> Providers:
    return open_providers(rows, models, environ_lookup=keys.get)


def one(row: ProviderRow, model: ModelRow, keys: Mapping[str, str] = KEYS) -> Backend:
    return next(iter(opened([row], [model], keys).backends.values()))


def mistakes(*rows: ProviderRow, models: list[ModelRow] | None = None) -> tuple[str, ...]:
    with pytest.raises(Mistakes) as raised:
        opened(list(rows), models or [])
    return raised.value.sentences


def test_a_known_name_needs_only_its_key() -> None:
    backend = one(ProviderRow(name="deepseek"), ModelRow(provider="deepseek", upstream_id="deepseek-flash"))

    card = backend.card
    assert (card.id, card.provider, card.upstream_id) == ("deepseek/deepseek-flash", "deepseek", "deepseek-flash")
    assert (card.place, card.context_tokens, card.installed) == ("cloud", 1_000_000, True)
    assert card.cost_usd(prompt_tokens=1_000_000, completion_tokens=1_000_000) == Decimal("1.50")
    assert backend.health().reachable


def test_a_key_that_is_not_set_is_told_and_nothing_is_asked() -> None:
    backend = one(ProviderRow(name="deepseek"), ModelRow(provider="deepseek", id="x"), keys={})

    assert not backend.health().reachable
    assert backend.health().why.startswith("DEEPSEEK_API_KEY is not set")
    error = asyncio.run(error_of(backend))
    assert isinstance(error, ProviderRefused)
    assert "DEEPSEEK_API_KEY is not set" in error.message


@pytest.mark.parametrize("key", ["two\nlines", "zażółć", "tab\there"])
def test_a_key_that_is_none_is_told_without_being_shown(key: str) -> None:
    backend = one(
        ProviderRow(name="openai"), ModelRow(provider="openai", id="x"), keys={"OPENAI_API_KEY": f"  {key}  "}
    )

    assert "OPENAI_API_KEY does not hold a key" in backend.health().why
    assert key not in backend.health().why


def test_what_the_owner_writes_wins_over_what_is_known() -> None:
    model = ModelRow(
        provider="openai",
        id="large",
        upstream_id="gpt-5.5",
        tasks=("code",),
        context_tokens=1000,
        usd_per_million_input_tokens=Decimal(1),
        usd_per_million_output_tokens=Decimal(2),
        abilities=frozenset({"tools"}),
    )

    card = one(ProviderRow(name="openai"), model).card

    assert (card.id, card.tasks, card.context_tokens, card.abilities) == ("large", ("code",), 1000, {"tools"})
    assert card.cost_usd(prompt_tokens=1_000_000, completion_tokens=0, cached_tokens=1_000_000) == 1


def test_a_price_that_nobody_knows_is_unknown_and_the_owners_machines_cost_nothing() -> None:
    far = one(ProviderRow(name="openai"), ModelRow(provider="openai", id="gpt-unheard-of")).card
    near = one(ProviderRow(name="ollama"), ModelRow(provider="ollama", id="qwen3")).card

    assert far.cost_usd(prompt_tokens=1, completion_tokens=1) is None
    assert near.cost_usd(prompt_tokens=1, completion_tokens=1) == 0
    assert (far.place, near.place) == ("cloud", "device")


@pytest.mark.parametrize(
    ("host", "home"),
    [
        ("127.0.0.1", True), ("::1", True), ("10.1.2.3", True), ("192.168.1.9", True), ("172.20.0.1", True),
        ("fd00::1", True), ("localhost", True), ("nas", True), ("box.local", True), ("gpu.lan", True),
        ("8.8.8.8", False), ("ollama.com", False), ("api.openai.com", False), ("2606:4700::1", False), ("", False),
        ("localhost.example.com", False), ("10.1.2.3.example.com", False),
    ],
)  # fmt: skip
def test_a_home_is_told_from_the_outside(host: str, home: bool) -> None:
    assert is_home(host) is home


def test_a_local_servers_name_at_an_address_outside_is_a_cloud() -> None:
    card = one(
        ProviderRow(name="ollama", base_url="https://ollama.com/v1"), ModelRow(provider="ollama", id="qwen3")
    ).card

    assert card.place == "cloud"


def test_an_unknown_server_on_this_machine_may_be_anybodys_door_and_is_a_cloud_until_the_owner_says_else() -> None:
    model = ModelRow(provider="proxy", id="x")

    assert one(ProviderRow(name="proxy", base_url="http://127.0.0.1:4000/v1"), model).card.place == "cloud"
    trusted = ProviderRow(name="proxy", base_url="http://127.0.0.1:4000/v1", place="device")
    assert one(trusted, model).card.place == "device"
    openai = ProviderRow(name="openai", base_url="http://127.0.0.1:4000/v1")
    assert one(openai, ModelRow(provider="openai", id="x")).card.place == "cloud"


def test_all_mistakes_are_told_together() -> None:
    told = mistakes(
        ProviderRow(name="openai", base_url="http://api.example.com/v1", key_env="OPENAI_API_KEY"),
        ProviderRow(name="azure"),
        ProviderRow(name="typo", base_url="api.example.com"),
        ProviderRow(name="home", base_url="https://api.openai.com/v1", place="device"),
        ProviderRow(name="home"),
        ProviderRow(name="inside", base_url="https://ann:secret@example.com/v1"),
        models=[
            ModelRow(provider="nobody", id="x"),
            ModelRow(provider="openai"),
            ModelRow(provider="openai", id="twice"),
            ModelRow(provider="openai", id="twice", upstream_id="y"),
        ],
    )

    wanted = (
        "clear text",
        "'azure' needs a base_url",
        "'typo' has base_url",
        "api.openai.com is a cloud",
        "two providers called 'home'",
        "password in its base_url",
        "'nobody', which is not there",
        "neither id nor upstream_id",
        "2 models called 'twice'",
    )
    assert len(told) == len(wanted)
    for words in wanted:
        assert any(words in sentence for sentence in told), words
    assert not any("secret" in sentence for sentence in told)


def test_a_name_that_is_misspelt_is_told_with_the_nearest_that_is_known() -> None:
    assert mistakes(ProviderRow(name="deepsek")) == (
        "The provider 'deepsek' is not known and has no base_url: did you mean 'deepseek'?",
    )
    assert "known are anthropic, azure" in mistakes(ProviderRow(name="zzz"))[0]


def test_a_key_goes_in_clear_text_to_machines_at_home_alone() -> None:
    row = ProviderRow(name="vllm", base_url="http://gpu.lan:8000/v1", key_env="OPENAI_API_KEY")
    assert one(row, ModelRow(provider="vllm", id="x")).health().reachable

    assert (
        "clear text"
        in mistakes(ProviderRow(name="vllm", base_url="http://gpu.example.com/v1", key_env="OPENAI_API_KEY"))[0]
    )


def test_a_known_key_is_not_sent_to_an_address_that_the_owner_wrote() -> None:
    async def main() -> None:
        async with scripted_cloud(Reply.events(HELLO)) as cloud:
            row = ProviderRow(name="openai", base_url=f"{cloud.url}/v1")
            async with opened([row], [ModelRow(provider="openai", id="x")]) as providers:
                await all_events(providers.backends["x"])
            assert "authorization" not in cloud.requests[0].headers
            assert b"sk-1" not in cloud.received

    asyncio.run(main())


@pytest.mark.parametrize(
    ("row", "path", "header"),
    [
        (ProviderRow(name="azure"), "/openai/v1/chat/completions", "api-key"),
        (
            ProviderRow(name="azure", api_version="2024-10-21"),
            "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
            "api-key",
        ),
        (ProviderRow(name="mine", kind="azure"), "/openai/v1/chat/completions", "api-key"),
        (ProviderRow(name="mine", kind="anthropic"), "/messages", "x-api-key"),
        (ProviderRow(name="mine"), "/chat/completions", "authorization"),
    ],
)
def test_each_kind_is_asked_at_its_own_address_with_its_own_header(row: ProviderRow, path: str, header: str) -> None:
    async def main() -> None:
        async with scripted_cloud(Reply.events(HELLO)) as cloud:
            mine = ProviderRow(
                name=row.name,
                kind=row.kind,
                base_url=f"{cloud.url}/",
                key_env="AZURE_OPENAI_API_KEY",
                api_version=row.api_version,
            )
            model = ModelRow(provider=row.name, id="m", upstream_id="my gpt")
            bill = Bill()
            async with open_providers([mine], [model], environ_lookup=KEYS.get, departures=bill) as providers:
                if row.kind == "anthropic":
                    await error_of(providers.backends["m"])
                else:
                    await all_events(providers.backends["m"])
            (heard,) = cloud.requests
            assert heard.path == path
            assert heard.headers[header].endswith("az-3")
            assert msgspec.json.decode(heard.body)["model"] == "my gpt"
            assert bill.lines == [("r1", row.name, len(heard.body))]

    asyncio.run(main())


def test_models_of_one_provider_share_its_connections_and_its_breaker() -> None:
    async def main() -> None:
        async with scripted_cloud(Reply.json(b"{}", 401)) as cloud:
            row = ProviderRow(name="mine", base_url=cloud.url, key_env="OPENAI_API_KEY")
            models = [ModelRow(provider="mine", id="a"), ModelRow(provider="mine", id="b")]
            async with opened([row], models) as providers:
                await error_of(providers.backends["a"])
                assert not providers.backends["b"].health().reachable

    asyncio.run(main())


def test_every_preset_is_an_address_and_every_cloud_is_asked_over_tls() -> None:
    for name, preset in PRESETS.items():
        if preset.base_url:
            parts = urlsplit(preset.base_url)
            assert (parts.scheme == "http") is preset.local, name
            assert is_home(parts.hostname or "") is preset.local, name
        assert bool(preset.key_env) is not preset.local, name


def test_every_row_of_the_price_table_has_a_date_and_a_source() -> None:
    rows = read_prices().rows
    assert len(rows) > 10
    for (provider, _), row in rows.items():
        assert provider in PRESETS
        assert row.source.startswith("https://")
        assert row.date.year >= 2026
        assert 0 < row.input <= row.output
        assert row.cached is None or row.cached <= row.input
        assert row.context >= 4096


def test_the_page_shows_every_provider_and_every_price() -> None:
    page = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
    lines = page.splitlines()
    for name, preset in PRESETS.items():
        (line,) = (line for line in lines if line.startswith(f"| `{name}` |"))
        quirks = preset.quirks
        fields = {preset.base_url, preset.key_env, *quirks.renames, *quirks.refuses, *quirks.drops, *quirks.knows}
        assert all(f"`{field}`" in line for field in fields if field), name
    for (provider, model), row in read_prices().rows.items():
        cells = (provider, f"`{model}`", f"{row.context:,}", row.input, row.cached or "-", row.output, row.date)
        assert f"| {' | '.join(map(str, cells))} | [page]({row.source}) |" in lines


def test_a_dated_name_has_the_price_of_its_family() -> None:
    prices = read_prices()

    for name in ("claude-opus-5-5-20261001", "claude-opus-5-5-2026-10-01", "claude-opus-5-5-latest"):
        assert prices.row("anthropic", name) == prices.row("anthropic", "claude-opus-5-5") is not None
    assert prices.row("anthropic", "claude-opus-5-5-turbo") is None


def test_nothing_is_asked_of_anybody_at_the_start() -> None:
    async def main() -> int:
        async with scripted_cloud(Reply.events(HELLO)) as cloud:
            row = ProviderRow(name="mine", base_url=cloud.url)
            async with opened([row], [ModelRow(provider="mine", id="m")]) as providers:
                assert providers.backends["m"].health().reachable
            return cloud.connections

    assert asyncio.run(main()) == 0


def test_the_client_is_loaded_when_it_is_prepared_and_not_before() -> None:
    script = """
import asyncio, sys
from tandem.backends.providers import ModelRow, ProviderRow, open_providers
async def main(rows):
    async with open_providers(rows, [], environ_lookup=lambda name: None) as providers:
        await providers.prepare()
        print("aiohttp" in sys.modules)
asyncio.run(main([]))
asyncio.run(main([ProviderRow(name="ollama")]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == ["False", "True"]


def test_a_far_tandem_is_told_as_a_cloud_wherever_it_answered_itself() -> None:
    async def main() -> None:
        headers = {"content-type": "text/event-stream", "x-tandem-place": "device", "x-tandem-model": "smollm2"}
        async with scripted_cloud(Reply(headers=headers, pieces=(HELLO,))) as cloud:
            row = ProviderRow(name="mine", base_url=cloud.url, place="cloud")
            async with opened([row], [ModelRow(provider="mine", id="large")]) as providers:
                first = (await all_events(providers.backends["large"], ASKED))[0]
        assert (first.model, first.place) == ("large", "cloud")  # type: ignore[union-attr]

    asyncio.run(main())


def test_a_price_of_the_owners_wins_alone_and_the_table_fills_the_rest() -> None:
    known = read_prices().rows["openai", "gpt-5.4"]

    def prices(own: ModelRow) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
        card = one(ProviderRow(name="openai"), own).card
        return (
            card.usd_per_million_input_tokens,
            card.usd_per_million_cached_input_tokens,
            card.usd_per_million_output_tokens,
        )

    row = ModelRow(provider="openai", upstream_id="gpt-5.4")
    nine = Decimal(9)

    assert prices(replace(row, usd_per_million_input_tokens=nine)) == (nine, None, known.output)
    assert prices(replace(row, usd_per_million_output_tokens=nine)) == (known.input, known.cached, nine)
    assert prices(replace(row, usd_per_million_cached_input_tokens=nine)) == (known.input, nine, known.output)
