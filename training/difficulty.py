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
from training.gradings import graded_phrases
from training.grammar import made
from training.linear import Matrix, Ridge, save, table
from training.outcomes import Outcome, gsm8k, mmlu, routerarena
from training.rows import OWN, Row, labelled

LABELS_OF_MMLU = 1_500
LABELS_OF_GSM8K = 330
PENALTY, COUNTS_SHARE = 30.0, 0.05
WEIGHT_OF_OWN = 6.0
WEIGHT_BY_SOURCE = 3.0
FOLDS = 5
SEED = 0


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
    """Our own prompts: a grade from 1 (a greeting) to 9 (a research problem) becomes a probability from 0 to 0.8."""
    rows = map(json.loads, (OWN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
    return [Lesson(row["text"], (row["hard"] - 1) / 10, WEIGHT_OF_OWN) for row in rows]


def fit_gain(learnt: Sequence[Lesson]) -> LinearModel:
    """Ridge regression of the gain: orders prompts, and is not a probability yet."""
    return _whole(learnt, _ridge(learnt))


def fit(learnt: Sequence[Lesson]) -> LinearModel:
    """The same, then a logistic curve from its out-of-fold scores to the event."""
    ridge, (gains, weights) = _ridge(learnt), _columns(learnt)
    held = np.zeros(len(learnt), np.float32)
    folds = np.random.default_rng(0).integers(0, FOLDS, len(learnt))
    for fold in range(FOLDS):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        held[outside] = ridge.held(outside, inside, ridge.dual(inside, gains[inside], weights[inside]))
    slope, shift = _logistic(held, np.array([x.falls_short for x in learnt]), weights)
    raw = _whole(learnt, ridge)
    return LinearModel(hashed=raw.hashed * slope, counts=raw.counts * slope, bias=raw.bias * slope + shift)


def _ridge(learnt: Sequence[Lesson]) -> Ridge:
    return Ridge.over(table([x.text for x in learnt]), penalty=PENALTY, counts_share=COUNTS_SHARE)


def _whole(learnt: Sequence[Lesson], ridge: Ridge) -> LinearModel:
    return ridge.model(ridge.dual(np.arange(len(learnt)), *_columns(learnt)))


def _columns(learnt: Sequence[Lesson]) -> tuple[Matrix, Matrix]:
    return np.array([x.gain for x in learnt], np.float32), np.array([x.weight for x in learnt], np.float32)


def _logistic(raw: Matrix, events: NDArray[np.float64], weights: Matrix) -> tuple[np.float32, np.float32]:
    """Platt's scaling (1999): slope and shift of the likeliest logistic curve."""

    def loss(pair: NDArray[np.float64]) -> float:
        score = pair[0] * raw + pair[1]
        return float((weights * (np.logaddexp(0, score) - events * score)).sum())

    slope, shift = optimize.minimize(loss, np.array([3.0, -1.5]), method="Nelder-Mead").x
    return np.float32(slope), np.float32(shift)


def by_source(data: Path, rng: np.random.Generator) -> list[Lesson]:
    """Prompts graded by where they come from: commands, small talk, Arena-Hard's, and those we put together."""
    rows = labelled(data)
    grades = {"clinc150": (0.03, 340), "banking77": (0.1, 40), "arena_hard_v2": (0.6, 200), "humaneval": (0.45, 40)}
    by_task = {"transactional": 0.05, "factual_qa": 0.3, "creative": 0.4, "math": 0.45, "code": 0.5, "reasoning": 0.5}
    return [
        *(Lesson(row.text, by_task[row.task], 0.5) for row in made()),
        *(Lesson(text, grade, WEIGHT_BY_SOURCE) for text, grade in graded_phrases()),
        *_picked(rows, grades, rng),
    ]


def _picked(rows: Sequence[Row], grades: dict[str, tuple[float, int]], rng: np.random.Generator) -> list[Lesson]:
    return [
        Lesson(mine[pick].text, grade, WEIGHT_BY_SOURCE)
        for source, (grade, count) in grades.items()
        for mine in [[row for row in rows if row.source == source]]
        for pick in rng.permutation(len(mine))[:count]
    ]


def divided(data: Path, rng: np.random.Generator) -> tuple[list[Outcome], dict[str, list[Outcome]]]:
    """The questions that the shipped model learns from, and those of each set that it does not."""
    seen: list[Outcome] = []
    unseen: dict[str, list[Outcome]] = {}
    for name, outcomes, count in (("MMLU", mmlu(data), LABELS_OF_MMLU), ("GSM8K", gsm8k(data), LABELS_OF_GSM8K)):
        mixed = [outcomes[int(row)] for row in rng.permutation(len(outcomes))]
        seen += mixed[:count]
        unseen[name] = mixed[count:]
    return seen, unseen


def curriculum(data: Path) -> list[Lesson]:
    """What the shipped model learns from: some of MMLU and GSM8K, RouterArena's mixture, and graded prompts."""
    rng = np.random.default_rng(SEED)
    seen, _ = divided(data, rng)
    return [*lessons(seen), *lessons(routerarena(data)), *by_source(data, rng), *graded()]


def main(arguments: Sequence[str]) -> int:
    """Read the sets, train, write."""
    data, out = map(Path, arguments)
    learnt = curriculum(data)
    save(fit(learnt), out)
    print(f"{len(learnt)} lessons, {out.stat().st_size} bytes in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
