"""Reads folders of labelled sentences: JSON lines with ``text`` and ``spans``, or Presidio Research's JSON lists."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from bench.private_score import Span, Spans

Rows = list[tuple[str, Spans]]
Json = dict[str, object]
LABELS = {
    "PHONE_NUMBER": "PHONE",
    "IBAN_CODE": "IBAN",
    "EMAIL_ADDRESS": "EMAIL",
    "US_SSN": "SSN",
    "STREET_ADDRESS": "ADDRESS",
}
IGNORED = {"DATE_TIME", "GPE", "ORGANIZATION", "TITLE", "AGE", "NRP", "ZIP_CODE", "DOMAIN_NAME", "LOCATION"}


def read_sets(folders: Sequence[Path]) -> dict[str, Rows]:
    """The rows of every set in these folders, by ``folder/file``."""
    sets: dict[str, Rows] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.json*")):
            rows = [_row(row) for row in _objects(path)]
            sets[f"{folder.name}/{path.stem}"] = rows
    return sets


def _objects(path: Path) -> list[Json]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [cast("Json", json.loads(line)) for line in text.splitlines() if line.strip()]
    return cast("list[Json]", json.loads(text))


def _row(row: Json) -> tuple[str, Spans]:
    text = str(row.get("text") or row.get("full_text"))
    spans: list[Span] = []
    for span in cast("list[Json]", row["spans"]):
        raw = str(span.get("label") or span.get("entity_type"))
        if raw not in IGNORED:
            start, end = span.get("start", span.get("start_position")), span.get("end", span.get("end_position"))
            spans.append((LABELS.get(raw, raw), int(cast("int", start)), int(cast("int", end))))
    return text, tuple(spans)
