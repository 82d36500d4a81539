"""What kind of work a prompt asks for: one of 14 labels, English and Polish first, other languages as they come.

The weights and their card are in `weights/`; how well they do, by source, is in docs/tasks.md.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from tandem.routing.features import Reading, read
from tandem.routing.linear import LinearModel, shipped

LABELS = (
    "code", "math", "reasoning", "creative", "factual_qa", "mcq_knowledge", "context_qa", "summarisation", "rewriting",
    "extraction", "classification", "translation", "transactional", "chitchat",
)  # fmt: skip
"""The contract's labels, in the order of the weights."""


@dataclass(frozen=True, slots=True)
class TaskGuess:
    """The likeliest label and its probability in [0, 1]."""

    label: str
    confidence: float


def classify(text: str) -> TaskGuess:
    """Guess what `text` asks for. Reads a bounded part of it; any string gets an answer, and emptiness is chitchat."""
    return classify_reading(read(text))


def classify_reading(reading: Reading) -> TaskGuess:
    """The same for a prompt that has been read already."""
    if not len(reading.buckets):
        return TaskGuess("chitchat", 1.0)
    scores = _model().scores(reading)
    best = int(scores.argmax())
    return TaskGuess(LABELS[best], float(1.0 / np.exp(scores - scores[best]).sum()))


@cache
def _model() -> LinearModel:
    return shipped("tasks")
