"""The run as JSON, for programs that compare runs: ratios first, since only they can be compared."""

import json
from collections.abc import Mapping
from statistics import median

from bench.figures import Samples, Spread
from bench.page import Run, side_by_side


def as_json(run: Run) -> str:
    """Machine, bars, ratios and medians. Numbers have four significant digits."""
    others = [name for name in run.contenders if name != "tandem"]
    metrics = side_by_side(run.lengths, run.streams)
    document: Mapping[str, object] = {
        "machine": {**run.machine, **run.versions},
        "command": run.command,
        "rounds": run.rounds,
        "bars": [
            {
                "promise": bar.promise,
                "target": bar.target,
                "sense": bar.sense,
                "measured": _middle(bar.measured),
                "holds": bar.holds,
            }
            for bar in run.bars
        ],
        "times_better": {
            metric.id: {name: _middle(run.samples.advantage(metric, "tandem", name)) for name in others}
            for metric in metrics
        },
        "medians": _medians(run.samples),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _medians(samples: Samples) -> Mapping[str, Mapping[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for metric, contender, values in samples.rows():
        found.setdefault(metric, {})[contender] = _round(median(values.values()))
    return found


def _middle(spread: Spread | None) -> float | None:
    return None if spread is None else _round(spread.median)


def _round(value: float) -> float:
    return float(f"{value:.4g}")
