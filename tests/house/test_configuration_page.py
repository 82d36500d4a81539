"""The page about configuration is true: it names every key, and what it shows as defaults are the defaults."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

from tandem.settings import DeviceSettings, ServerSettings, read_settings

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
SHOWN_AS_EXAMPLES = {"api_key_env", "max_ram", "threads"}
"""Keys whose default is to be left out; the page shows what they could say."""


def test_every_key_is_shown_with_its_default(tmp_path: Path) -> None:
    example = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
    path = tmp_path / "tandem.toml"
    path.write_text(example, encoding="utf-8")

    settings = read_settings(path, environment={"TANDEM_KEY": "k"})

    for table, default in ((settings.server, ServerSettings()), (settings.device, DeviceSettings())):
        section = "server" if isinstance(table, ServerSettings) else "device"
        names = {field.name for field in fields(table)}
        assert names == set(tomllib.loads(example)[section])
        for name in names - SHOWN_AS_EXAMPLES:
            assert getattr(table, name) == getattr(default, name), name
        assert all(getattr(default, name, None) is None for name in SHOWN_AS_EXAMPLES)
