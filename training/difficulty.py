"""Train the difficulty model, and write its weights.

    python -m training.difficulty SHARED_DATA src/tandem/routing/weights/difficulty.npz

SHARED_DATA holds the folders `routellm`, `routerarena` and `tasktype`. At most 1,500 labels of MMLU are used.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from tandem.routing.linear import LinearModel
from training.grammar import made
from training.linear import Matrix, Ridge, save, table
from training.outcomes import Outcome, gsm8k, mmlu, routerarena
from training.rows import OWN, Row, labelled

LABELS_OF_MMLU = 1_500
LABELS_OF_GSM8K = 330
PENALTY, COUNTS_SHARE = 30.0, 0.05
WEIGHT_OF_OWN = 6.0
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Lesson:
    """A prompt, how much better the strong model does on it in [-1, 1], and how much that counts."""

    text: str
    gain: float
    weight: float = 1.0

    @property
    def falls_short(self) -> float:
        """Whether the weak model fails where the strong one does not: the event whose probability is difficulty."""
        return max(0.0, self.gain)


def lessons(outcomes: Sequence[Outcome]) -> list[Lesson]:
    """One lesson for each question."""
    return [Lesson(outcome.text, outcome.strong - outcome.weak) for outcome in outcomes]


def graded(name: str = "train") -> list[Lesson]:
    """Our own prompts, whose grade from 1 (a greeting) to 9 (a research problem) becomes a probability from 0 to 0.8."""
    rows = map(json.loads, (OWN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
    return [Lesson(row["text"], (row["hard"] - 1) / 10, WEIGHT_OF_OWN) for row in rows]


def fit(learnt: Sequence[Lesson]) -> LinearModel:
    """Ridge regression of the gain, then a logistic curve from its out-of-fold scores to the event."""
    ridge = Ridge.over(table([x.text for x in learnt]), penalty=PENALTY, counts_share=COUNTS_SHARE)
    gains, weights = (
        np.array(column, np.float32) for column in zip(*((x.gain, x.weight) for x in learnt), strict=True)
    )
    held = np.zeros(len(learnt), np.float32)
    folds = np.random.default_rng(0).integers(0, FOLDS, len(learnt))
    for fold in range(FOLDS):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        held[outside] = ridge.held(outside, inside, ridge.dual(inside, gains[inside], weights[inside]))
    slope, shift = _logistic(held, np.array([x.falls_short for x in learnt]), weights)
    raw = ridge.model(ridge.dual(np.arange(len(learnt)), gains, weights))
    return LinearModel(hashed=raw.hashed * slope, counts=raw.counts * slope, bias=raw.bias * slope + shift)


def _logistic(raw: Matrix, events: NDArray[np.float64], weights: Matrix) -> tuple[np.float32, np.float32]:
    """Platt's scaling (1999): slope and shift of the likeliest logistic curve."""

    def loss(pair: NDArray[np.float64]) -> float:
        score = pair[0] * raw + pair[1]
        return float((weights * (np.logaddexp(0, score) - events * score)).sum())

    slope, shift = optimize.minimize(loss, np.array([3.0, -1.5]), method="Nelder-Mead").x
    return np.float32(slope), np.float32(shift)


def by_source(data: Path, rng: np.random.Generator) -> list[Lesson]:
    """Prompts that are easy or hard by where they come from: commands, small talk, Arena-Hard's, and those we put together."""
    rows = labelled(data)
    grades = {"clinc150": (0.05, 200), "banking77": (0.1, 40), "arena_hard_v2": (0.6, 200), "humaneval": (0.45, 40)}
    by_task = {"transactional": 0.05, "factual_qa": 0.3, "creative": 0.4, "math": 0.45, "code": 0.5, "reasoning": 0.5}
    return [
        *(Lesson(row.text, by_task[row.task], 0.5) for row in made()),
        *_picked(rows, grades, rng),
    ]


def _picked(rows: Sequence[Row], grades: dict[str, tuple[float, int]], rng: np.random.Generator) -> list[Lesson]:
    return [
        Lesson(mine[pick].text, grade)
        for source, (grade, count) in grades.items()
        for mine in [[row for row in rows if row.source == source]]
        for pick in rng.permutation(len(mine))[:count]
    ]


def curriculum(data: Path, seed: int = 0) -> list[Lesson]:
    """What the shipped model learns from: some of MMLU and GSM8K, RouterArena's mixture, and our own prompts."""
    rng = np.random.default_rng(seed)
    some = [mmlu(data), gsm8k(data)]
    chosen = [
        rng.permutation(len(rows))[:count] for rows, count in zip(some, (LABELS_OF_MMLU, LABELS_OF_GSM8K), strict=True)
    ]
    outcomes = [rows[row] for rows, picks in zip(some, chosen, strict=True) for row in picks]
    return [*lessons(outcomes), *lessons(routerarena(data)), *by_source(data, rng), *graded()]


def main(arguments: Sequence[str]) -> int:
    """Read the sets, train, write."""
    data, out = map(Path, arguments)
    learnt = curriculum(data)
    save(fit(learnt), out)
    print(f"{len(learnt)} lessons, {out.stat().st_size} bytes in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
