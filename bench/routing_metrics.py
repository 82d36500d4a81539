"""RouteLLM's metrics (arXiv 2406.18665), and calibration.

RouteLLM's own script interpolates between ten thresholds; here the area is exact.
"""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


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


def reliability(chances: Numbers, events: Numbers, bins: int = 5) -> tuple[list[str], float]:
    """Lines of a reliability table over equally filled bins, and the expected calibration error."""
    lines: list[str] = []
    error = 0.0
    for part in np.array_split(np.argsort(chances), bins):
        said, was = float(chances[part].mean()), float(events[part].mean())
        error += abs(said - was) * len(part) / len(chances)
        lines.append(f"| {said:.3f} | {was:.3f} | {len(part)} |")
    return lines, error
