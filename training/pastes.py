"""Long prompts of two trades: a passage of fiction with a wish, and pasted code with a complaint.

Without them a model takes every long text for something to be summarised. The passages and the wishes are ours
(`own/pastes.json`); the code and the error messages are those of BIPIA's questions (MIT).
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from training.rows import OWN, Row


def pasted(data: Path, seed: int = 0, of_each: int = 160) -> list[Row]:
    """Both kinds, `of_each` of both; the same for the same seed."""
    rng = random.Random(seed)
    ours = json.loads((OWN / "pastes.json").read_text(encoding="utf-8"))
    questions = list(_questions(data))
    return [
        *_framed(rng, ours["story"], ours["passages"], ("creative", of_each)),
        *_framed(rng, ours["code"], questions, ("code", of_each)),
    ]


def _framed(rng: random.Random, frames: list[str], texts: list[str], wanted: tuple[str, int]) -> Iterator[Row]:
    task, count = wanted
    for _ in range(count):
        text = rng.choice(frames).replace("{}", rng.choice(texts))
        yield Row(text=text, task=task, source="pasted")


def _questions(data: Path) -> Iterator[str]:
    for line in (data / "bipia" / "code" / "train.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        code, error = "\n".join(row["code"]).strip(), "\n".join(row["error"]).strip()
        yield from (code, f"{code}\n\n{error}")
