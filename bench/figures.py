"""Samples of one run and what may be said about them: medians, spreads, and ratios within a round.

The machine is never quiet, so a number alone says little. Two contenders that did the same thing within seconds of each
other can be compared: ratios are taken round by round, and the median of those ratios is what the page tells.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What is measured. ``better`` tells which direction is good; ``digits`` are those after the decimal point."""

    id: str
    title: str
    unit: str
    better: Better
    digits: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Median, least and most of ``count`` samples."""

    median: float
    low: float
    high: float
    count: int


@dataclass(slots=True)
class Samples:
    """Everything measured in one run: a value for each metric, contender and round."""

    values: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict[tuple[str, str], dict[int, float]])

    def add(self, metric: Metric, contender: str, round_number: int, value: float) -> None:
        """Keep a value; a later value of the same round replaces it."""
        self.values.setdefault((metric.id, contender), {})[round_number] = value

    def spread(self, metric: Metric, contender: str) -> Spread | None:
        """How the values of all rounds lie; ``None`` where there is none."""
        return _spread(list(self.values.get((metric.id, contender), {}).values()))

    def advantage(self, metric: Metric, ours: str, theirs: str) -> Spread | None:
        """How many times better ``ours`` is, round by round; ``None`` where no round has both."""
        mine, others = self.values.get((metric.id, ours), {}), self.values.get((metric.id, theirs), {})
        pairs = [(mine[at], others[at]) for at in sorted(mine.keys() & others.keys())]
        if metric.better == "lower":
            pairs = [(other, own) for own, other in pairs]
        return _spread([over / under for over, under in pairs if under > 0])

    def quotient(self, over: Metric, under: Metric, contender: str) -> Spread | None:
        """One metric divided by another of the same contender, round by round."""
        top, bottom = self.values.get((over.id, contender), {}), self.values.get((under.id, contender), {})
        return _spread([top[at] / bottom[at] for at in sorted(top.keys() & bottom.keys()) if bottom[at] > 0])

    def rows(self) -> Iterator[tuple[str, str, Mapping[int, float]]]:
        """Metric id, contender and values by round, in the order in which they were first measured."""
        for (metric, contender), values in self.values.items():
            yield metric, contender, values


def _spread(values: list[float]) -> Spread | None:
    if not values:
        return None
    return Spread(median=median(values), low=min(values), high=max(values), count=len(values))
