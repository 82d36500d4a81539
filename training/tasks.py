"""Train the task model, and write its weights.

    python -m training.tasks SHARED_DATA src/tandem/routing/weights/tasks.npz

SHARED_DATA holds the folders `tasktype`, `clinc150`, `banking77`, `routellm`, `self_instruct`, `arena_hard`, `xquad`,
`bipia` and `poquad_poleval2024`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tandem.routing.linear import LinearModel
from tandem.routing.tasks import LABELS
from training.abroad import abroad
from training.grammar import made
from training.linear import Matrix, Penalty, Table, save, softmax_fit, table
from training.pastes import pasted
from training.rows import Row, labelled, older_arena, own, weak

WILD = ("arena_hard_v2", "vicuna_bench", "mt_bench", "helper_written")
WEAK, WILDER, OWN = 0.3, 1.5, 2.0  # how much a row of each kind counts
BALANCE = 0.5  # 1 would make all labels count the same, 0 leaves them as frequent as they are
SMOOTHING = 0.05
OFTEN = ("code", "math", "creative")  # what people bring to an assistant more often than public sets have it
OFTEN_BIAS = np.float32(0.3)  # added to their scores: 1.35 times the odds
SPREAD = np.float32(2.0)  # hashed features are doubled in training, which halves the penalty on each
PENALTY = 1e-5  # on each weight of a hashed feature, for each row
STEPS = 90


def gathered(data: Path) -> list[Row]:
    """Every row that the shipped model learns from."""
    put_together = [*made(), *abroad(), *pasted(data)]
    return [
        *labelled(data),
        *downweighted([*weak(data), *put_together]),
        *older_arena(data),
        *own("train"),
        *own("wild"),
    ]


def downweighted(rows: Sequence[Row]) -> list[Row]:
    """Weak rows, counting less."""
    return [Row(text=row.text, task=row.task, source=row.source, weight=row.weight * WEAK) for row in rows]


def fit(rows: Sequence[Row], given: Table | None = None) -> LinearModel:
    """Train on `rows`; `given` is their table where it is known."""
    known = table([row.text for row in rows]) if given is None else given
    targets = np.full((len(rows), len(LABELS)), SMOOTHING / len(LABELS), np.float32)
    answers = np.array([LABELS.index(row.task) for row in rows])
    targets[np.arange(len(rows)), answers] += 1 - SMOOTHING
    penalty = Penalty(hashed=PENALTY * len(rows), counts=2e-5 * len(rows))
    doubled = Table(hashed=known.hashed * SPREAD, counts=known.counts)
    model = softmax_fit(doubled, targets, _weights(rows, answers), penalty=penalty, steps=STEPS)
    often = np.array([label in OFTEN for label in LABELS])
    return LinearModel(hashed=model.hashed * SPREAD, counts=model.counts, bias=model.bias + OFTEN_BIAS * often)


def _weights(rows: Sequence[Row], answers: NDArray[np.int64]) -> Matrix:
    weights = np.array([row.weight * _trust(row.source) for row in rows])
    for label in range(len(LABELS)):
        mine = answers == label
        weights[mine] *= (weights.sum() / len(LABELS) / max(weights[mine].sum(), 1e-9)) ** BALANCE
    return (weights / weights.mean()).astype(np.float32)


def _trust(source: str) -> float:
    if source.startswith("own_"):
        return OWN
    return WILDER if source in WILD else 1.0


def main(arguments: Sequence[str]) -> int:
    """Read the sets, train, write."""
    data, out = map(Path, arguments)
    rows = gathered(data)
    save(fit(rows), out)
    print(f"{len(rows)} rows, {out.stat().st_size} bytes in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
