"""Score the difficulty model with RouteLLM's metrics (arXiv 2406.18665), and draw quality against cloud calls.

    python -m bench.difficulty SHARED_DATA docs/difficulty.svg

A router sends the hardest share of the questions to the strong model. PGR is the share of the gap between the two
models that it recovers; APGR is the area under PGR over all shares; CPT(x) is the smallest share that reaches x.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from training.difficulty import (
    LABELS_OF_GSM8K,
    LABELS_OF_MMLU,
    SEED,
    Lesson,
    by_source,
    divided,
    fit_gain,
    graded,
    lessons,
)
from training.linear import scores, table
from training.outcomes import Outcome, gsm8k, mmlu, mt_bench, routerarena

from bench.routing_metrics import Numbers, apgr, cpt, recovered, reliability
from tandem.routing.difficulty import difficulty

SEEDS = 3


@dataclass(frozen=True, slots=True)
class Splits:
    """A recipe's scores over repeated splits."""

    apgr: list[float]
    cpt50: list[float]


def gains_of(outcomes: Sequence[Outcome]) -> Numbers:
    """How much better the strong model did on each."""
    return np.array([outcome.strong - outcome.weak for outcome in outcomes], np.float64)


def repeated(outcomes: Sequence[Outcome], labels: int, others: Callable[[np.random.Generator], list[Lesson]]) -> Splits:
    """Train on `labels` questions and `others`, score the rest; SEEDS times."""
    found = Splits([], [])
    for seed in range(SEEDS if labels else 1):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(outcomes))
        picked = [outcomes[int(row)] for row in order]
        seen, unseen = picked[:labels], picked[labels:]
        learnt = [*lessons(seen), *others(rng)]
        model = fit_gain(learnt)
        raw = scores(model, table([outcome.text for outcome in unseen]))[:, 0].astype(np.float64)
        curve = recovered(raw, gains_of(unseen))
        found.apgr.append(apgr(curve))
        found.cpt50.append(cpt(curve, 0.5))
    return found


def _end_points(name: str, outcomes: Sequence[Outcome]) -> str:
    gains = gains_of(outcomes)
    chance = np.mean([apgr(recovered(np.random.default_rng(seed).random(len(gains)), gains)) for seed in range(200)])
    weak, strong = (np.mean([getattr(outcome, side) for outcome in outcomes]) for side in ("weak", "strong"))
    return f"| {name} | {len(outcomes)} | {weak:.4f} | {strong:.4f} | {chance:.3f} |"


def _shipped(name: str, outcomes: Sequence[Outcome]) -> Numbers:
    chances = np.array([difficulty(outcome.text) for outcome in outcomes])
    curve = recovered(chances, gains_of(outcomes))
    print(f"| {name} | {len(outcomes)} | {apgr(curve):.3f} | {cpt(curve, 0.5):.3f} | {cpt(curve, 0.8):.3f} |")
    return curve


def _calibration(name: str, chances: Numbers, events: Numbers) -> list[str]:
    lines, error = reliability(chances, events)
    return [
        f"\n| {name}: said | was | questions |",
        "|---|---|---|",
        *lines,
        f"\nExpected calibration error: {error:.3f}",
    ]


def draw(curves: dict[str, Numbers], out: Path) -> None:
    """A static SVG of quality recovered against the share of cloud calls."""
    colours = ("#0b6e4f", "#b5541c", "#34518a", "#7a3b8f")
    lines = ['<path d="M60 300 L460 40" stroke="#999" stroke-dasharray="4 4" fill="none"/>']
    for number, (name, curve) in enumerate(curves.items()):
        at = np.linspace(0, 1, 81)
        heights = np.interp(at, np.linspace(0, 1, len(curve)), curve)
        points = " ".join(f"{60 + 400 * x:.1f},{300 - 260 * y:.1f}" for x, y in zip(at, heights, strict=True))
        colour = colours[number % len(colours)]
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines.append(f'<text x="300" y="{215 + 18 * number}" fill="{colour}">{name}</text>')
    lines += [
        '<path d="M60 30 V300 H470" stroke="#444" fill="none"/>',
        '<text x="190" y="335">share of cloud calls, 0 to 1</text>',
        '<text x="20" y="300" transform="rotate(-90 20 300)">share of the quality gap recovered</text>',
    ]  # fmt: skip
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 500 350" font-family="sans-serif" font-size="13">'
    out.write_text(
        "\n".join([head, '<rect width="500" height="350" fill="#fff"/>', *lines, "</svg>\n"]), encoding="utf-8"
    )


def _repeat(data: Path, sets: dict[str, list[Outcome]]) -> None:
    """Train again and again on part of a set, and print how the rest is ordered."""
    arena = lessons(routerarena(data))

    def mixed(rng: np.random.Generator) -> list[Lesson]:
        return [*arena, *by_source(data, rng), *graded()]

    gsm = lessons(sets["GSM8K"])

    def with_gsm(rng: np.random.Generator) -> list[Lesson]:
        return [*(gsm[row] for row in rng.permutation(len(gsm))[:LABELS_OF_GSM8K]), *mixed(rng)]

    plans: dict[str, tuple[str, int, Callable[[np.random.Generator], list[Lesson]]]] = {
        "MMLU, its labels alone": ("MMLU", LABELS_OF_MMLU, lambda _: []),
        "MMLU, the shipped recipe": ("MMLU", LABELS_OF_MMLU, with_gsm),
        "MMLU, none of its labels": ("MMLU", 0, with_gsm),
        "MT-Bench, none of its labels": ("MT-Bench", 0, with_gsm),
        "GSM8K, the shipped recipe without MMLU": ("GSM8K", LABELS_OF_GSM8K, mixed),
    }
    print("\n| unseen questions of | splits | APGR, mean | spread | CPT(50 %) |\n|---|---|---|---|---|", flush=True)
    for name, (of, labels, others) in plans.items():
        found = repeated(sets[of], labels, others)
        numbers = f"{np.mean(found.apgr):.3f} | {np.std(found.apgr):.3f} | {np.mean(found.cpt50):.3f}"
        print(f"| {name} | {len(found.apgr)} | {numbers} |", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Print the tables in Markdown, and draw."""
    data, picture = map(Path, arguments)
    sets = {"MMLU": mmlu(data), "GSM8K": gsm8k(data), "MT-Bench": mt_bench(data)}
    print("| set | questions | weak | strong | random APGR |\n|---|---|---|---|---|")
    print("\n".join(_end_points(name, outcomes) for name, outcomes in sets.items()))
    print(
        "\n| shipped weights, unseen questions of | questions | APGR | CPT(50 %) | CPT(80 %) |\n|---|---|---|---|---|"
    )
    _, unseen = divided(data, np.random.default_rng(SEED))
    kept = unseen | {"MT-Bench": sets["MT-Bench"]}
    curves = {name: _shipped(name, outcomes) for name, outcomes in kept.items()}
    draw(curves, picture)
    for name, outcomes in unseen.items():
        chances = np.array([difficulty(outcome.text) for outcome in outcomes])
        print("\n".join(_calibration(name, chances, np.maximum(gains_of(outcomes), 0))))
    _repeat(data, sets)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
