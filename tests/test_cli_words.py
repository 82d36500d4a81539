"""The command line speaks English and Polish."""

import ast
from pathlib import Path
from typing import get_args

import pytest

import tandem.cli
from tandem.cli.words import _POLISH, Words, size
from tandem.core.models import Kind
from tandem.settings import language_of

ROOM = Path(tandem.cli.__file__).parent


def sentences() -> set[str]:
    """Every literal that the command line passes to its `Words`."""
    found: set[str] = set()
    for file in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "words" and node.args:
                leaves = (leaf for leaf in ast.walk(node.args[0]) if isinstance(leaf, ast.Constant))
                found |= {leaf.value for leaf in leaves if isinstance(leaf.value, str)}
    return found


def test_every_sentence_has_its_polish() -> None:
    assert sentences() - set(_POLISH) == set()


def test_no_polish_sentence_is_left_over() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in ROOM.glob("*.py") if file.name != "words.py")

    left_over = [sentence for sentence in _POLISH if sentence not in text and sentence not in get_args(Kind)]
    assert left_over == []


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "pl_PL.UTF-8"}, "pl"),
        ({"LANG": "pl_PL.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "TANDEM_LANG": "pl"}, "pl"),
    ],
)
def test_the_language_follows_the_locale(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_values_are_filled_in_and_sizes_are_for_people() -> None:
    assert Words("pl")("Tandem answers on {url}", url="u") == "Tandem odpowiada pod u"
    assert Words("en")("unknown {x}") == "unknown {x}"
    assert [size(n) for n in (None, 3, 1500, 98_362_432, 2 * 10**9)] == ["", "3 B", "1.5 kB", "98 MB", "2.0 GB"]
