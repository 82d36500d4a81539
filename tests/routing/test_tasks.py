"""The task of a prompt: what the shipped weights say of prompts that they were not trained on."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.shared import shared_data
from tandem.routing.tasks import LABELS, TaskGuess, classify

OWN = Path(__file__).parents[2] / "training" / "own"


def held_back(lang: str, name: str = "held_back") -> Iterator[tuple[str, str]]:
    for line in (OWN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["lang"] == lang:
            yield row["text"], row["task"]


def test_the_labels_are_the_contracts() -> None:
    assert " ".join(LABELS) == (
        "code math reasoning creative factual_qa mcq_knowledge context_qa summarisation rewriting extraction "
        "classification translation transactional chitchat"
    )


@pytest.mark.parametrize(("lang", "floor"), [("pl", 0.73), ("en", 0.77), ("xx", 0.83)])
def test_most_prompts_that_were_held_back_get_their_task(lang: str, floor: float) -> None:
    rows = list(held_back(lang))

    right = sum(classify(text).label == task for text, task in rows)

    assert len(rows) >= 30
    assert right / len(rows) >= floor


@pytest.mark.parametrize("lang", ["pl", "en"])
def test_prompts_written_after_the_weights_get_their_task(lang: str) -> None:
    rows = list(held_back(lang, "fresh"))

    right = sum(classify(text).label == task for text, task in rows)

    assert len(rows) == 21
    assert right / len(rows) >= 0.8


def test_no_held_back_prompt_was_trained_on() -> None:
    trained = {
        json.loads(line)["text"]
        for name in ("train", "wild")
        for line in (OWN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    }

    assert not trained & {
        text for name in ("held_back", "fresh") for lang in ("pl", "en", "xx") for text, _ in held_back(lang, name)
    }


@pytest.mark.parametrize(
    ("prompt", "label"),
    [
        ("Show me a poem", "creative"),
        ("Przetłumacz na angielski: Gdzie zostawiłem parasol?", "translation"),
        ("przetlumacz na angielski: gdzie zostawilem parasol", "translation"),
        ("Napisz funkcję w Pythonie, która odwraca napis", "code"),
        ("def add(a, b):\n    return a - b\n\nWhy does this fail?", "code"),
        ("Ile to jest 12% z 350?", "math"),
        ("Cześć!", "chitchat"),
        ("Schreibe eine kurze Erzählung über einen Leuchtturm", "creative"),
        ("Придумай стихотворение про трамвай", "creative"),
        ("求函数 y = x^2 + 3x 的最小值", "math"),
        ("Viết hàm python đảo ngược chuỗi", "code"),
    ],
)
def test_plain_requests_get_their_task(prompt: str, label: str) -> None:
    assert classify(prompt).label == label


def test_the_prompts_labelled_by_hand_are_told_by_their_ids_alone() -> None:
    rows = [json.loads(line) for line in (OWN / "arena_v01_labels.jsonl").read_text(encoding="utf-8").splitlines()]

    assert len({row["id"] for row in rows}) == len(rows) == 255
    assert all(row.keys() == {"id", "task"} and row["task"] in LABELS for row in rows)


@settings(deadline=None)  # the first call reads the weights
@given(st.text(max_size=400))
def test_any_text_gets_a_label_of_the_contract_and_a_probability(text: str) -> None:
    guess = classify(text)

    assert guess.label in LABELS
    assert 1 / len(LABELS) - 1e-6 <= guess.confidence <= 1.0


@pytest.mark.parametrize("text", ["", " \n\t", "\ud800", "😀😀", "\x00\x01\xff" * 4000, "ł" * 100_000, "?" * 9_999])
def test_junk_gets_an_answer(text: str) -> None:
    assert classify(text).label in LABELS


def test_emptiness_is_small_talk() -> None:
    assert classify("") == TaskGuess("chitchat", 1.0)


def test_a_long_text_costs_no_more_than_its_opening_and_its_end() -> None:
    short, long = "Streść to: " + "zdanie o czymś. " * 100, "Streść to: " + "zdanie o czymś. " * 20_000
    classify(short)

    assert _quickest(long) < 6 * _quickest(short) + 0.002


def _quickest(text: str) -> float:
    times: list[float] = []
    for _ in range(20):
        start = time.perf_counter()
        classify(text)
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.shared_data
def test_the_shipped_weights_know_the_sets_that_they_learnt_from() -> None:
    rows = [json.loads(line) for line in (shared_data("tasktype") / "tasktype.jsonl").open(encoding="utf-8")]

    right = sum(classify(row["prompt"]).label == row["task"] for row in rows)

    assert right / len(rows) >= 0.93
