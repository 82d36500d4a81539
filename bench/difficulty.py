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
from numpy.typing import NDArray
from training.difficulty import LABELS_OF_GSM8K, LABELS_OF_MMLU, Lesson, by_source, fit, graded, lessons
from training.linear import scores, table
from training.outcomes import Outcome, gsm8k, mmlu, mt_bench, routerarena

SEEDS = 3
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Splits:
    """A recipe's scores over repeated splits: APGR of each, and the curve of the first."""

    apgr: list[float]
    cpt50: list[float]
    curve: Numbers
    calibration: list[str]


def recovered(score: Numbers, gains: Numbers) -> Numbers:
    """PGR after 0, 1, 2 ... questions have gone to the strong model, [n + 1]; ties go in the order given."""
    order = np.argsort(-score, kind="stable")
    return np.concatenate(([0.0], np.cumsum(gains[order]))) / gains.sum()


def apgr(curve: Numbers) -> float:
    """Area under the curve of `recovered`."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))


def cpt(curve: Numbers, share: float) -> float:
    """The smallest share of calls that recovers `share` of the gap."""
    return float(np.argmax(curve >= share)) / (len(curve) - 1)


def gains_of(outcomes: Sequence[Outcome]) -> Numbers:
    """How much better the strong model did on each."""
    return np.array([outcome.strong - outcome.weak for outcome in outcomes], np.float64)


def reliability(chances: Numbers, events: Numbers, bins: int = 5) -> tuple[list[str], float]:
    """Lines of a reliability table over equally filled bins, and the expected calibration error."""
    lines: list[str] = []
    error = 0.0
    for part in np.array_split(np.argsort(chances), bins):
        said, was = float(chances[part].mean()), float(events[part].mean())
        error += abs(said - was) * len(part) / len(chances)
        lines.append(f"| {said:.3f} | {was:.3f} | {len(part)} |")
    return lines, error


def repeated(outcomes: Sequence[Outcome], labels: int, others: Callable[[np.random.Generator], list[Lesson]]) -> Splits:
    """Train on `labels` questions and `others`, score the rest; SEEDS times."""
    found = Splits([], [], np.zeros(0), [])
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(outcomes))
        picked = [outcomes[int(row)] for row in order]
        seen, unseen = picked[:labels], picked[labels:]
        model = fit([*lessons(seen), *others(rng)])
        raw = scores(model, table([outcome.text for outcome in unseen]))[:, 0].astype(np.float64)
        curve = recovered(raw, gains_of(unseen))
        found.apgr.append(apgr(curve))
        found.cpt50.append(cpt(curve, 0.5))
        if seed == 0:
            lines, error = reliability(1 / (1 + np.exp(-raw)), np.maximum(gains_of(unseen), 0))
            found = Splits(found.apgr, found.cpt50, curve, [*lines, f"Expected calibration error: {error:.3f}"])
    return found


def _end_points(name: str, outcomes: Sequence[Outcome]) -> str:
    gains = gains_of(outcomes)
    chance = np.mean([apgr(recovered(np.random.default_rng(seed).random(len(gains)), gains)) for seed in range(200)])
    weak, strong = (np.mean([getattr(outcome, side) for outcome in outcomes]) for side in ("weak", "strong"))
    return f"| {name} | {len(outcomes)} | {weak:.4f} | {strong:.4f} | {chance:.3f} |"


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
        '<path d="M60 30 V300 H470" stroke="#444" fill="none"/>', '<text x="190" y="335">share of cloud calls, 0 to 1</text>',
        '<text x="20" y="300" transform="rotate(-90 20 300)">share of the quality gap recovered</text>',
    ]  # fmt: skip
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 500 350" font-family="sans-serif" font-size="13">'
    out.write_text(
        "\n".join([head, '<rect width="500" height="350" fill="#fff"/>', *lines, "</svg>\n"]), encoding="utf-8"
    )


def main(arguments: Sequence[str]) -> int:
    """Print the tables in Markdown, and draw."""
    data, picture = map(Path, arguments)
    sets = {"MMLU": mmlu(data), "GSM8K": gsm8k(data), "MT-Bench": mt_bench(data)}
    print("| set | questions | weak | strong | random APGR |\n|---|---|---|---|---|")
    print("\n".join(_end_points(name, outcomes) for name, outcomes in sets.items()))
    arena = lessons(routerarena(data))

    def mixed(rng: np.random.Generator) -> list[Lesson]:
        return [*arena, *by_source(data, rng), *graded()]

    gsm = lessons(sets["GSM8K"])

    def with_gsm(rng: np.random.Generator) -> list[Lesson]:
        return [*(gsm[row] for row in rng.permutation(len(gsm))[:LABELS_OF_GSM8K]), *mixed(rng)]

    recipes = {
        "MMLU, its labels alone": repeated(sets["MMLU"], LABELS_OF_MMLU, lambda _: []),
        "MMLU, the shipped recipe": repeated(sets["MMLU"], LABELS_OF_MMLU, with_gsm),
        "MMLU, none of its labels": repeated(sets["MMLU"], 0, with_gsm),
        "GSM8K, the shipped recipe without MMLU": repeated(sets["GSM8K"], LABELS_OF_GSM8K, mixed),
        "MT-Bench, none of its labels": repeated(sets["MT-Bench"], 0, with_gsm),
    }
    print(f"\n| unseen questions of | APGR, mean of {SEEDS} splits | spread | CPT(50 %) |\n|---|---|---|---|")
    for name, found in recipes.items():
        print(f"| {name} | {np.mean(found.apgr):.3f} | {np.std(found.apgr):.3f} | {np.mean(found.cpt50):.3f} |")
    for name in ("MMLU, the shipped recipe", "GSM8K, the shipped recipe without MMLU"):
        print(f"\n{name}:\n\n| said | was | questions |\n|---|---|---|")
        print("\n".join(recipes[name].calibration))
    draw({name: recipes[name].curve for name in list(recipes)[1:2] + list(recipes)[3:]}, picture)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
