"""Ordinary prompts are not locked for nothing: the share of public prompts in which something private is found."""

import json
from collections.abc import Iterator

import pytest

from support.shared import shared_data
from tandem.routing.private import Detector

FIND = Detector().find
LANGUAGES = (
    "Python", "Java", "Swift", "Ruby", "Django", "Flask", "Pandas", "Kotlin", "Rust",
    "Scala", "Perl", "Ada", "Haskell", "Docker", "Elixir", "Gradle", "Maven",
)  # fmt: skip


def prompts(*sources: str) -> Iterator[str]:
    """The prompts of some sources of the task set."""
    for line in (shared_data("tasktype") / "tasktype.jsonl").read_text(encoding="utf-8").split("\n")[:-1]:
        row = json.loads(line)
        if row["source"] in sources:
            yield row["prompt"]


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("source", "most"),
    [("clinc150", 0.01), ("banking77", 0.01), ("humaneval", 0.08), ("vicuna_bench", 0.05), ("helper_written", 0.08)],
)
def test_ordinary_prompts_are_seldom_private(source: str, most: float) -> None:
    asked = list(prompts(source))

    found = [text for text in asked if FIND(text)]

    assert len(asked) > 20
    assert len(found) / len(asked) <= most


@pytest.mark.shared_data
def test_numbers_in_ordinary_prompts_are_seldom_taken_for_identities() -> None:
    asked = [
        json.loads(line)["prompt"]
        for line in (shared_data("tasktype") / "tasktype.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    ]

    for label in ("PESEL", "NIP", "REGON", "ID_CARD", "PASSPORT", "IBAN", "BANK_ACCOUNT", "CREDIT_CARD", "SSN"):
        assert sum(any(one.label == label for one in FIND(text)) for text in asked) / len(asked) <= 0.001, label


@pytest.mark.parametrize("word", LANGUAGES)
def test_programming_languages_and_tools_are_nobody(word: str) -> None:
    for text in (f"Write a {word} function that sorts a list.", f"{word} is nice.", f"How do I learn {word}?"):
        assert FIND(text) == ()
