"""Prompts in fourteen more languages, put together from our own phrases in `own/phrases.json`.

Each language has openings, with `{}` for the object, and objects for creative work, code and mathematics, the
tasks that people ask for most; under `other` are whole prompts for other tasks, so that a language is not a task.
"""

import json
import random
from collections.abc import Iterator
from typing import Final

from training.rows import OWN, Row

_OBJECTS: Final = {"creative": "topics", "code": "tech", "math": "maths"}
_WISHES: Final = ("", "", "", ", 500", " (300)", "!", "...", "?", " 😀")


def abroad(seed: int = 0, of_each: int = 48) -> list[Row]:
    """At most `of_each` prompts for each language and task, and three for each opening of other tasks."""
    rng = random.Random(seed)
    languages = json.loads((OWN / "phrases.json").read_text(encoding="utf-8"))
    return [row for name in sorted(languages) for row in _language(languages[name], rng, of_each)]


def _language(phrases: dict[str, str | dict[str, str]], rng: random.Random, of_each: int) -> Iterator[Row]:
    topics = _split(phrases["topics"])
    for task, name in _OBJECTS.items():
        made = {_filled(o, thing) for o in _split(phrases[task]) for thing in _split(phrases[name])}
        for text in rng.sample(sorted(made), min(of_each, len(made))):
            yield Row(text=text + rng.choice(_WISHES), task=task, source="abroad")
    others = phrases.get("other", {})
    assert isinstance(others, dict)
    for task, openings in others.items():
        for opening in _split(openings):
            texts = {_filled(opening, topic) for topic in rng.sample(topics, 3)}
            yield from (Row(text=text, task=task, source="abroad") for text in sorted(texts))


def _filled(opening: str, thing: str) -> str:
    return opening.replace("{}", thing)


def _split(phrases: str | dict[str, str]) -> list[str]:
    assert isinstance(phrases, str)
    return phrases.split("|")
