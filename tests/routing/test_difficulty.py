"""Difficulty: what the shipped weights say of prompts that they were not trained on, as a person would order them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from bench.routing_metrics import apgr, recovered
from hypothesis import given, settings
from hypothesis import strategies as st

from support.shared import shared_data
from tandem.routing.difficulty import difficulty

_WEAK, _STRONG = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
OWN = Path(__file__).parents[2] / "training" / "own"

EASIER_THAN = [
    ("hi there", "Build a small REST API for invoices with login, roles and tests"),
    ("good evening", "Prove that the sum of two odd squares is never a square"),
    ("thank you so much", "Explain why this deadlocks and rewrite it without locks:\n```go\nmu.Lock(); ch <- 1\n```"),
    ("set an alarm for six", "Design the database schema of a hospital and the queries that its wards need"),
    ("what's the weather", "Implement a thread-safe cache in Rust with expiry and write its tests"),
    ("hej, jak się masz?", "Napisz serwer REST do fakturowania z logowaniem, rolami i testami"),
    ("dziękuję", "Udowodnij, że suma dwóch kwadratów liczb nieparzystych nie jest kwadratem"),
    ("ustaw budzik na szóstą", "Zaprojektuj bazę danych szpitala i zapytania, których potrzebują oddziały"),
    ("zgaś światło", "Zaimplementuj w Javie drzewo czerwono-czarne z testami jednostkowymi"),
    ("dobranoc", "Rozwiąż równanie różniczkowe y'' + y = sin x i pokaż kolejne kroki"),
]


def graded() -> list[tuple[str, int, str]]:
    rows = map(json.loads, (OWN / "held_back.jsonl").read_text(encoding="utf-8").splitlines())
    return [(row["text"], row["hard"], row["lang"]) for row in rows]


@pytest.mark.parametrize(("easy", "hard"), EASIER_THAN)
def test_small_requests_are_easier_than_large_ones(easy: str, hard: str) -> None:
    assert difficulty(easy) + 0.05 < difficulty(hard)


@pytest.mark.parametrize("lang", ["en", "pl"])
def test_most_held_back_pairs_are_ordered_as_a_person_ordered_them(lang: str) -> None:
    rows = [(difficulty(text), grade) for text, grade, language in graded() if language == lang]
    pairs = [(a < b) for a, low in rows for b, high in rows if high - low >= 2]

    assert len(pairs) > 1000
    assert sum(pairs) / len(pairs) >= 0.75


@settings(deadline=None)  # the first call reads the weights
@given(st.text(max_size=400))
def test_any_text_has_a_difficulty_between_nought_and_one(text: str) -> None:
    assert 0.0 <= difficulty(text) <= 1.0


@pytest.mark.parametrize("text", ["\ud800", "😀", "\x00" * 10_000, "zażółć " * 20_000])
def test_junk_has_a_difficulty(text: str) -> None:
    assert 0.0 <= difficulty(text) <= 1.0


def test_emptiness_is_no_work() -> None:
    assert difficulty("") == 0.0


@pytest.mark.shared_data
def test_sending_the_hardest_questions_away_recovers_more_than_chance() -> None:
    rows = [
        row
        for path in sorted((shared_data("routellm") / "mmlu" / "responses").glob("mmlu_*.csv"))
        for row in csv.DictReader(path.open(encoding="utf-8", newline=""))
    ]
    gains = np.array([(row[_STRONG] == "True") - (row[_WEAK] == "True") for row in rows], np.float64)

    curve = recovered(np.array([difficulty(row["prompt"]) for row in rows]), gains)

    assert apgr(curve) >= 0.63
