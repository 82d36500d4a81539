"""The page: what was measured, how it compares, which bars hold, and what each number means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import metrics
from bench.bars import Bar
from bench.figures import Metric, Samples, Spread

NONE = "—"
NOISE_CORES = 0.2
BEHIND = 0.95
REASONS = {
    "start": "Two processes start one after the other, the server and the worker that is sealed from the network.",
    "first": "Two processes start one after the other, the server and the worker that is sealed from the network.",
    "cold": "Prompts are read in pieces, so that other streams are served in between.",
    "warm": "The whole conversation comes over HTTP and is tokenized again; the neighbour holds it.",
    "intruded": "The price of letting the short prompt go first.",
    "intruder": "The short prompt waits for the piece of the long one that is being read.",
    "memory": "A server and a worker, each with a Python of its own.",
}
ALONE = (
    metrics.PROSE,
    metrics.QUOTING,
    metrics.EMBEDDING,
    metrics.EMBEDDING_ONE,
    metrics.REQUEST,
    metrics.CHUNK,
    metrics.CANCEL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that the page tells."""

    machine: Mapping[str, str]
    command: str
    seconds: float
    rounds: int
    contenders: Mapping[str, str]
    versions: Mapping[str, str]
    absent: Mapping[str, str]
    lengths: Sequence[int]
    streams: Sequence[int]
    samples: Samples
    bars: Sequence[Bar]
    checks: Sequence[str]
    others_cores: float = 0.0
    memory: Mapping[str, str] = field(default_factory=dict[str, str])


def render(run: Run) -> str:
    """The whole page as Markdown."""
    parts = [
        _told("page_head.md"),
        *_warning(run),
        f"    {run.command}\n\nmade this page in {run.seconds / 60:.1f} minutes, {run.rounds} rounds.",
        "## The bars",
        bars_table(run.bars),
        "## Side by side",
        f"Medians of {run.rounds} rounds, least and most in brackets; one stream decodes three times a round.",
        figures_table(run),
        "## How many times better Tandem is",
        "Each task was done by all within seconds, so ratios are taken within a round; these are their medians. "
        "More than 1 means that Tandem is faster, sooner or smaller.",
        ratios_table(run),
        "## Where Tandem is behind",
        behind_list(run),
        "## Tandem by itself",
        alone_table(run.samples),
        "## The run",
        facts_list(run),
        _told("page_meanings.md"),
    ]
    return "\n\n".join(parts) + "\n"


def _warning(run: Run) -> list[str]:
    if run.others_cores <= NOISE_CORES:
        return []
    return [
        f"**Other programs kept {run.others_cores:.1f} cores busy during this run.** Seconds and tokens per second are "
        "worse than this machine can do; read the ratios, and those with care."
    ]


def bars_table(bars: Sequence[Bar]) -> str:
    """Each promise with its target, what was measured, and whether it holds."""
    rows = [
        [
            bar.promise + (f" ({bar.beside})" if bar.beside else ""),
            f"{bar.sense} {bar.target:g} {bar.unit}",
            f"{_spread(bar.measured, 2)} {bar.unit}" if bar.measured else "not measured in this run",
            {True: "yes", False: "**no**", None: NONE}[bar.holds],
        ]
        for bar in bars
    ]
    return table(["promise", "target", "measured", "holds"], rows)


def figures_table(run: Run) -> str:
    """One row for each metric, one column for each contender."""
    rows = [
        [f"{metric.title} ({metric.unit})"]
        + [_spread(run.samples.spread(metric, name), metric.digits) for name in run.contenders]
        for metric in side_by_side(run.lengths, run.streams)
    ]
    return table(["", *run.contenders.values()], rows)


def ratios_table(run: Run) -> str:
    """One row for each metric, one column for each contender that Tandem is compared with."""
    others = [name for name in run.contenders if name != "tandem"]
    rows = [
        [metric.title] + [_spread(run.samples.advantage(metric, "tandem", name), 2) for name in others]
        for metric in side_by_side(run.lengths, run.streams)
    ]
    return table(["", *(run.contenders[name] for name in others)], rows)


def behind_list(run: Run) -> str:
    """Every comparison that Tandem loses by more than `BEHIND`, with the reason where one is known."""
    others = [name for name in run.contenders if name != "tandem"]
    lines: list[str] = []
    for metric in side_by_side(run.lengths, run.streams):
        beaten = {name: run.samples.advantage(metric, "tandem", name) for name in others}
        told = [
            f"{found.median:.2f} of {run.contenders[name]}"
            for name, found in beaten.items()
            if found and found.median < BEHIND
        ]
        if told:
            reason = REASONS.get(metric.id.split("_")[0], "")
            lines.append(f"- {metric.title}: {', '.join(told)}. {reason}".rstrip())
    return "\n".join(lines) or f"In nothing that was measured, by more than {1 - BEHIND:.0%}."


def alone_table(samples: Samples) -> str:
    """What only Tandem was asked, or what was asked of other neighbours."""
    alone = {metric.id: metric for metric in ALONE}
    rows = [
        [f"{alone[key].title} ({alone[key].unit})", who, _spread(samples.spread(alone[key], who), alone[key].digits)]
        for key, who, _ in samples.rows()
        if key in alone
    ]
    return table(["", "who", "measured"], rows)


def facts_list(run: Run) -> str:
    """The machine, the versions, who was absent and why, and what was checked on the way."""
    facts = [f"{name}: {value}" for name, value in [*run.machine.items(), *run.versions.items()]]
    memory = [f"memory of {name}: {told}" for name, told in run.memory.items()]
    absent = [f"{name} did not take part: {why}" for name, why in run.absent.items()]
    return "\n".join(f"- {line}" for line in [*facts, *memory, *run.checks, *absent])


def side_by_side(lengths: Sequence[int], streams: Sequence[int]) -> list[Metric]:
    """The metrics that every contender has."""
    ttfts = [metric for tokens in lengths for metric in (metrics.cold(tokens), metrics.warm(tokens))]
    decodes = [metrics.decode(count) for count in (1, *streams)]
    return [
        metrics.START,
        metrics.FIRST_WORD,
        *ttfts,
        *decodes,
        metrics.WORST_TTFT,
        metrics.INTRUDER,
        metrics.INTRUDED,
        metrics.MEMORY,
        metrics.MEMORY_PEAK,
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is set to the right."""
    rule = ["---", *["---:" for _ in head[1:]]]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])


def _spread(spread: Spread | None, digits: int) -> str:
    if spread is None:
        return NONE
    text = f"{spread.median:,.{digits}f}"
    if spread.count == 1:
        return text
    return f"{text} ({spread.low:,.{digits}f} to {spread.high:,.{digits}f})"


def _told(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8").strip()
