"""Precision, recall and F1 by label, of spans against spans."""

from collections.abc import Sequence
from dataclasses import dataclass

Span = tuple[str, int, int]
Spans = tuple[Span, ...]
SAME = {"BANK_ACCOUNT": "IBAN"}


@dataclass(slots=True)
class Score:
    """Counts of one label. ``wanted`` spans were told; ``hit`` of them were found; ``false`` findings hit none."""

    wanted: int = 0
    hit: int = 0
    false: int = 0

    @property
    def recall(self) -> float | None:
        """Of what was told, how much was found; ``None`` where nothing was told."""
        return self.hit / self.wanted if self.wanted else None

    @property
    def precision(self) -> float | None:
        """Of what was found, how much was told; ``None`` where nothing was found."""
        return self.hit / (self.hit + self.false) if self.hit + self.false else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both; ``None`` where nothing was told."""
        return 2 * self.hit / (self.wanted + self.hit + self.false) if self.wanted else None

    def told(self) -> dict[str, float | int | None]:
        """All figures by name."""
        return {
            "wanted": self.wanted,
            "hit": self.hit,
            "false": self.false,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
        }


def scored(told: Sequence[Spans], found: Sequence[Spans], *, exact: bool) -> dict[str, Score]:
    """Scores by label over all texts. Unless ``exact``, half of the longer span must be shared."""
    scores: dict[str, Score] = {}
    for wanted, findings in zip(told, found, strict=True):
        left = {(SAME.get(label, label), start, end) for label, start, end in findings}
        for raw, start, end in wanted:
            label = SAME.get(raw, raw)
            score = scores.setdefault(label, Score())
            score.wanted += 1
            hits = {span for span in left if span[0] == label and _hits(span, start, end, exact=exact)}
            score.hit += bool(hits)
            left -= hits
        for label, _, _ in left:
            scores.setdefault(label, Score()).false += 1
    return scores


def _hits(span: Span, start: int, end: int, *, exact: bool) -> bool:
    if exact:
        return span[1:] == (start, end)
    shared = min(span[2], end) - max(span[1], start)
    return shared * 2 >= max(span[2] - span[1], end - start)
