"""How hard a prompt is, in [0, 1]: whether a small model's answer would fall short of a large one's.

The weights and their card are in `weights/`; calibration and RouteLLM's metrics are in docs/difficulty.md.
"""

from functools import cache

import numpy as np

from tandem.routing.features import Reading, read
from tandem.routing.linear import LinearModel, shipped


def difficulty(text: str) -> float:
    """The probability that a small model fails on `text` where a large one does not.

    Calibrated on benchmark questions that Mixtral-8x7B and GPT-4 answered, and on prompts graded by hand. Reads a
    bounded part of the text; any string gets a number, and emptiness is 0.
    """
    return difficulty_of(read(text))


def difficulty_of(reading: Reading) -> float:
    """The same for a prompt that has been read already."""
    if not len(reading.buckets):
        return 0.0
    score = float(_model().scores(reading)[0])
    return float(1.0 / (1.0 + np.exp(-min(max(score, -30.0), 30.0))))


@cache
def _model() -> LinearModel:
    return shipped("difficulty")
