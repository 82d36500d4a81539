"""The pages about policies and privacy are true: their tables, their example, and the tests that they name."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from support.models import model_folder, models_home
from tandem.routing.guards import Protection, name_of
from tandem.routing.policy import built_in
from tandem.routing.preferences import PREFERENCES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
PRIVACY = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text of one section of the page about policies."""
    return PAGE.split(f"## {title}", 1)[1].split("\n## ", 1)[0]


def test_every_guard_is_on_the_page_in_its_order() -> None:
    shown = re.findall(r"^\| `(\w+)` \|", section("Guards"), re.MULTILINE)

    assert shown == [name_of(guard) for guard in Protection().guards()]


def test_every_preference_is_on_the_page_with_its_numbers() -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.*?)\|", section("Preferences"), re.MULTILINE)

    numbers = {
        kind.__name__: ", ".join(f"`{one.name}` = {one.default}" for one in fields(kind))  # type: ignore[arg-type]
        for kind in PREFERENCES
    }
    assert {name: told.strip(" |") for name, told in rows} == numbers


def test_the_three_patterns_have_the_rules_that_the_page_gives_them() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (`.*`) \|$", section("The three patterns"), re.MULTILINE))

    assert rows == {
        name: ", ".join(f"`{name_of(rule)}`" for rule in policy.preferences)
        for name, policy in built_in(Protection()).items()
    }


@pytest.mark.model
@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_example_gives_what_the_page_shows(tmp_path: Path, at: int) -> None:
    model_folder("smollm2-135m")
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    (home / "models" / "smollm2-135m").symlink_to(models_home() / "smollm2-135m", target_is_directory=True)
    example = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
    (tmp_path / "tandem.toml").write_text(example, encoding="utf-8")
    command, _, shown = re.findall(r"```console\n\$ (.*?)```", PAGE, re.DOTALL)[at].partition("\n")
    assert command.startswith("tandem ")
    quoted = re.findall(r'"([^"]*)"|(\S+)', command.removeprefix("tandem "))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TANDEM_", "LC_", "LANG"))}

    done = subprocess.run(
        [sys.executable, "-m", "tandem", *(text or word for text, word in quoted)],
        cwd=tmp_path,
        env=environment | {"TANDEM_HOME": str(home), "DEEPSEEK_API_KEY": "none", "TANDEM_LANG": "en"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )

    assert masked(done.stdout) == masked(shown)


def masked(text: str) -> str:
    """Without hashes and measured numbers, which change with the classifiers and with the code."""
    text = re.sub(r"\b[0-9a-f]{16}\b", "HASH", text)
    return re.sub(r"(difficulty\t|of |gone through, )[\d.]+", r"\1N", text)


def named_tests() -> list[str]:
    """Every test that the two pages name."""
    return sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", PAGE + PRIVACY)))


@pytest.mark.parametrize("name", named_tests())
def test_a_test_that_a_page_names_exists(name: str) -> None:
    file, _, function = name.partition("::")

    source = (ROOT / file).read_text(encoding="utf-8")

    assert not function or f"def {function}(" in source


def test_every_promise_names_its_test() -> None:
    table = PRIVACY.split("## Promises", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]

    assert len(rows) > 10
    assert [row for row in rows if not re.search(r"`tests/[\w/]+\.py::test_\w+` \|$", row)] == []
