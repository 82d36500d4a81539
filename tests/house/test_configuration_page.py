"""The page about configuration is true: it names every key, and what it shows as defaults are the defaults."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from tandem.settings import (
    BudgetSettings,
    DeviceSettings,
    ModelSettings,
    PrivacySettings,
    ProviderSettings,
    ServerSettings,
    Settings,
    read_settings,
)

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
SHOWN_AS_EXAMPLES = {"api_key_env", "max_ram", "threads", "usd_per_month", "usd_per_request"}
"""Keys whose default is to be left out; the page shows what they could say."""
SECTIONS = {"server": ServerSettings, "device": DeviceSettings, "privacy": PrivacySettings, "budget": BudgetSettings}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "tandem.toml"
    path.write_text(EXAMPLE, encoding="utf-8")
    return read_settings(path, environment={"TANDEM_KEY": "k"})


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_shown_with_its_default(section: str, settings: Settings) -> None:
    default = SECTIONS[section]()

    names = {field.name for field in fields(default)}

    assert names == set(tomllib.loads(EXAMPLE)[section])
    for name in names - SHOWN_AS_EXAMPLES:
        assert getattr(getattr(settings, section), name) == getattr(default, name), name
    assert all(getattr(default, name, None) is None for name in SHOWN_AS_EXAMPLES)


@pytest.mark.parametrize(("section", "kind"), [("provider", ProviderSettings), ("model", ModelSettings)])
def test_every_key_of_a_repeated_section_is_shown(section: str, kind: type) -> None:
    assert set(tomllib.loads(EXAMPLE)[section][0]) == {field.name for field in fields(kind)}


def test_the_example_policy_works(settings: Settings) -> None:
    assert settings.policies.default == "local-first"
    assert settings.policies.named["mine"].models == ("smollm2-135m", "coder")
