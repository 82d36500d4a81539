"""Score the task model by source, on rows that it has not seen.

    python -m bench.tasks SHARED_DATA

Rows of a source are held out in turn, by row (folds) and all at once (leave one source out). Every training row that
shares most of its words with a held-out row is left out as well. Our own held-back prompts are never trained on.
"""

import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from training.linear import Table, scores, table
from training.rows import Row, own
from training.tasks import WILD, fit, gathered

from tandem.routing.difficulty import difficulty
from tandem.routing.tasks import LABELS, classify

FOLDS = 5
DEALS = 3  # times that the rows are dealt anew to the folds
SAME = 0.6  # Jaccard's index of the words of two prompts above which they are near-duplicates
Rows = NDArray[np.int64]


def near_duplicates(rows: Sequence[Row], held: Rows, candidates: Rows) -> Rows:
    """Those of `candidates` that share most of their words with a held-out row."""
    numbers: list[int] = [*held.tolist(), *candidates.tolist()]
    words = {row: set(re.findall(r"\w+", rows[row].text[:2000].lower())) for row in numbers}
    at: dict[str, set[int]] = {}
    for row in held:
        for word in words[int(row)]:
            at.setdefault(word, set()).add(int(row))
    found = [row for row in candidates if _echoes(words, int(row), at)]
    return np.array(found, np.int64)


def _echoes(words: dict[int, set[str]], row: int, at: dict[str, set[int]]) -> bool:
    mine = words[row]
    shared = Counter(held for word in mine for held in at.get(word, ()))
    return any(common / (len(mine) + len(words[held]) - common) >= SAME for held, common in shared.items())


def held_out(rows: Sequence[Row], given: Table, held: Rows) -> list[str]:
    """Train without `held` and what echoes it; the guesses for `held`."""
    others = np.setdiff1d(np.arange(len(rows)), held)
    kept = np.setdiff1d(others, near_duplicates(rows, held, others))
    numbers: list[int] = kept.tolist()
    model = fit([rows[row] for row in numbers], given.rows(kept))
    return [LABELS[best] for best in scores(model, given.rows(held)).argmax(1)]


def by_row(rows: Sequence[Row], given: Table, seed: int = 0) -> dict[int, str]:
    """Guesses for every row of the wild sources, each from a model that has not seen it; `seed` deals the folds."""
    wild = np.array([number for number, row in enumerate(rows) if row.source in WILD])
    folds = np.random.default_rng(seed).permutation(len(wild)) % FOLDS
    guesses: dict[int, str] = {}
    for fold in range(FOLDS):
        held = wild[folds == fold]
        guesses |= dict(zip(held.tolist(), held_out(rows, given, held), strict=True))
    return guesses


def by_source(rows: Sequence[Row], given: Table) -> dict[int, str]:
    """The same, where the model has seen no row of the source at all."""
    guesses: dict[int, str] = {}
    for source in WILD:
        held = np.array([number for number, row in enumerate(rows) if row.source == source])
        guesses |= dict(zip(held.tolist(), held_out(rows, given, held), strict=True))
    return guesses


def _table(rows: Sequence[Row], folded: Sequence[dict[int, str]], left: dict[int, str]) -> list[str]:
    lines = ["| source | rows | unseen rows, each deal | mean | unseen source |", "|---|---|---|---|---|"]
    for source in WILD:
        mine = [number for number in left if rows[number].source == source]
        deals = [_right(rows, mine, guesses) for guesses in folded]
        each = ", ".join(f"{share:.3f}" for share in deals)
        alone = _right(rows, mine, left)
        lines.append(f"| {source} | {len(mine)} | {each} | {np.mean(deals):.3f} | {alone:.3f} |")
    return lines


def _right(rows: Sequence[Row], chosen: Sequence[int], guesses: dict[int, str]) -> float:
    return float(np.mean([guesses[row] == rows[row].task for row in chosen]))


def _mistakes(rows: Sequence[Row], guesses: dict[int, str]) -> list[str]:
    wrong = Counter((rows[row].task, guess) for row, guess in guesses.items() if guess != rows[row].task)
    return [f"| {task} | {guess} | {count} |" for (task, guess), count in wrong.most_common(10)]


def _own() -> list[str]:
    lines = ["| our own held-back prompts | rows | shipped weights |", "|---|---|---|"]
    rows = own("held_back")
    for source in sorted({row.source for row in rows}):
        mine = [row for row in rows if row.source == source]
        right = np.mean([classify(row.text).label == row.task for row in mine])
        lines.append(f"| {source} | {len(mine)} | {right:.3f} |")
    return lines


def microseconds(characters: int = 500, calls: int = 300) -> float:
    """The quickest of 9 batches: both models on one prompt."""
    prompt = (
        "Please write a short, friendly e-mail to my landlord about the heating in 2 rooms, and ask for a date. " * 9
    )
    prompt = prompt[:characters]
    batches: list[float] = []
    for _ in range(9):
        start = time.perf_counter()
        for _ in range(calls):
            classify(prompt)
            difficulty(prompt)
        batches.append((time.perf_counter() - start) / calls * 1e6)
    return min(batches)


def main(arguments: Sequence[str]) -> int:
    """Print the tables in Markdown."""
    rows = gathered(Path(arguments[0]))
    given = table([row.text for row in rows])
    folded = [by_row(rows, given, seed) for seed in range(DEALS)]
    print("\n".join([*_table(rows, folded, by_source(rows, given)), "", *_own()]))
    print("\n".join(["", "| task | taken for | rows |", "|---|---|---|", *_mistakes(rows, folded[0])]))
    print(f"\nBoth models on 500 characters: {microseconds():.0f} microseconds.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
