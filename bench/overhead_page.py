"""The page of what the gateway costs: tables by cell, ratios by round, bars with their verdicts, and what it means."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.decide import BAR_PER_SECOND, DecideRow, table

ADDED_BAR_MS = 1.5
SMALLER_BAR = 15.0
FASTER_BAR = 15.0
MEMORY_BAR = 2.0
NONE = "—"
NAMES = {"direct": "no gateway", "bare": "bare pass-through", "tandem": "Tandem", "litellm": "LiteLLM"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One condition: how long the far side thinks, whether it streams, and how many ask at once."""

    delay_ms: int
    stream: bool
    clients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One visit of one peer to one cell in one round."""

    peer: str
    cell: Cell
    round: int
    median_ms: float
    per_second: float
    requests: int
    processor_ms: float = 0.0
    """Processor time of the gateway's process, a request."""


@dataclass(slots=True, kw_only=True)
class Overhead:
    """Everything that the page tells."""

    machine: Mapping[str, str]
    command: str
    rounds: int
    seconds: float
    litellm: str = ""
    """Its version; empty where it was not there."""
    rows: list[Row] = field(default_factory=list[Row])
    resident_mib: dict[str, float] = field(default_factory=dict[str, float])
    decide: list[DecideRow] = field(default_factory=list[DecideRow])
    minutes: float = 0.0


def by_round(rows: Sequence[Row], peer: str, cell: Cell, what: Callable[[Row], float]) -> dict[int, float]:
    """A peer's numbers in a cell, by round."""
    return {row.round: what(row) for row in rows if row.peer == peer and row.cell == cell}


def added_ms(rows: Sequence[Row], peer: str, cell: Cell) -> dict[int, float]:
    """By round, how much longer the median request takes than without a gateway."""
    direct = by_round(rows, "direct", cell, _median_ms)
    return {at: value - direct[at] for at, value in by_round(rows, peer, cell, _median_ms).items() if at in direct}


def ratios(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Ours over theirs, by round; rounds in which theirs is nothing are left out."""
    return [ours[at] / theirs[at] for at in ours if theirs.get(at, 0.0) > 0.0]


def spread(values: Sequence[float], digits: int = 1) -> str:
    """The median, and the least and the most."""
    if not values:
        return NONE
    return f"{median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def render(run: Overhead) -> str:
    """The whole page as Markdown."""
    peers = [name for name in ("bare", "tandem", "litellm") if any(row.peer == name for row in run.rows)]
    cells = list(dict.fromkeys(row.cell for row in run.rows))
    parts = [
        _HEAD.format(command=run.command, minutes=run.minutes, rounds=run.rounds),
        *([] if run.litellm else ["LiteLLM was not there in this run: `--litellm-python` names its interpreter."]),
        "## The bars\n\n" + _bars(run, cells),
        "## What a request takes longer, in milliseconds\n\n" + _table(run, cells, peers, _added_column),
        "## Requests a second\n\n" + _table(run, cells, ["direct", *peers], _rate_column),
        "## Processor time of the gateway for a request, in milliseconds\n\n"
        + _table(run, cells, peers, _processor_column),
        "## Beside one another\n\n" + _beside(run, cells),
        "## Memory of the gateway's process, after the run\n\n" + _memory(run),
        "## Decisions\n\n" + _DECISIONS + table(run.decide),
        _NOTES.format(seconds=run.seconds, litellm=run.litellm or NONE),
        "## The machine\n\n" + "\n".join(f"- {name}: {fact}" for name, fact in run.machine.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _bars(run: Overhead, cells: Sequence[Cell]) -> str:
    alone = [cell for cell in cells if cell.clients == 1]
    ours = [median(added_ms(run.rows, "tandem", cell).values()) for cell in alone]
    cpu = [median(row.per_cpu_second) for row in run.decide]
    lines = [
        "| what | bar | measured | holds |",
        "|---|---:|---:|---|",
        _bar(
            "added median, one client, worst of its cells (ms)", "at most 1.5", max(ours), max(ours) <= ADDED_BAR_MS, 2
        ),
        _bar("decisions a second, worst kind of prompt", "at least 1,000", min(cpu), min(cpu) >= BAR_PER_SECOND, 0),
    ]
    if run.litellm:
        smaller = [_smaller(run, cell) for cell in alone]
        faster = [median(_rates(run, cell, "litellm")) for cell in cells if not cell.delay_ms]
        memory = run.resident_mib["litellm"] / run.resident_mib["tandem"]
        lines += [
            _bar(
                "LiteLLM's added median over ours, one client, worst cell",
                "at least 15",
                min(smaller),
                min(smaller) >= SMALLER_BAR,
            ),
            _bar(
                "our requests a second over LiteLLM's, 0 ms, worst cell",
                "at least 15",
                min(faster),
                min(faster) >= FASTER_BAR,
            ),
            _bar("LiteLLM's memory over ours", "at least 2", memory, memory >= MEMORY_BAR),
        ]
    return "\n".join(lines)


def _bar(what: str, bar: str, value: float, holds: bool, digits: int = 1) -> str:  # noqa: FBT001
    return f"| {what} | {bar} | {value:,.{digits}f} | {'yes' if holds else 'NO'} |"


def _smaller(run: Overhead, cell: Cell) -> float:
    return median(ratios(added_ms(run.rows, "litellm", cell), added_ms(run.rows, "tandem", cell)) or [0.0])


def _rates(run: Overhead, cell: Cell, other: str) -> list[float]:
    return ratios(by_round(run.rows, "tandem", cell, _per_second), by_round(run.rows, other, cell, _per_second)) or [
        0.0
    ]


def _table(
    run: Overhead, cells: Sequence[Cell], peers: Sequence[str], column: Callable[[Overhead, str, Cell], str]
) -> str:
    heads = [NAMES[peer] for peer in peers]
    lines = [f"| far side | answer | clients | {' | '.join(heads)} |", "|---:|---|---:|" + "---:|" * len(peers)]
    lines += [f"{_cell(cell)} | {' | '.join(column(run, peer, cell) for peer in peers)} |" for cell in cells]
    return "\n".join(lines)


def _cell(cell: Cell) -> str:
    return f"| {cell.delay_ms} ms | {'streamed' if cell.stream else 'whole'} | {cell.clients}"


def _added_column(run: Overhead, peer: str, cell: Cell) -> str:
    return spread(list(added_ms(run.rows, peer, cell).values()), 2)


def _rate_column(run: Overhead, peer: str, cell: Cell) -> str:
    return spread(list(by_round(run.rows, peer, cell, _per_second).values()), 0)


def _processor_column(run: Overhead, peer: str, cell: Cell) -> str:
    return spread(list(by_round(run.rows, peer, cell, _processor_ms).values()), 2)


def _beside(run: Overhead, cells: Sequence[Cell]) -> str:
    lines = [
        "| far side | answer | clients | LiteLLM's added median over ours "
        "| our requests a second over LiteLLM's | over the bare one's |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for cell in cells:
        smaller = ratios(added_ms(run.rows, "litellm", cell), added_ms(run.rows, "tandem", cell))
        faster, bare = (
            ratios(by_round(run.rows, "tandem", cell, _per_second), by_round(run.rows, other, cell, _per_second))
            for other in ("litellm", "bare")
        )
        lines.append(f"{_cell(cell)} | {spread(smaller)} | {spread(faster)} | {spread(bare, 2)} |")
    return "\n".join(lines)


def _memory(run: Overhead) -> str:
    lines = ["| who | MiB |", "|---|---:|"]
    return "\n".join([*lines, *(f"| {NAMES[peer]} | {size:.0f} |" for peer, size in run.resident_mib.items())])


def _median_ms(row: Row) -> float:
    return row.median_ms


def _processor_ms(row: Row) -> float:
    return row.processor_ms


def _per_second(row: Row) -> float:
    return row.per_second


_HEAD = """# What the gateway costs

    {command}

made this page in {minutes:.1f} minutes, {rounds} rounds. Numbers are medians of rounds, with the least and the most."""
_DECISIONS = """All of `decide`: the search for private text, the kind of work, its difficulty, and the policy `auto`
over one model here and one far away; prompts of 500 characters, each another, one core (`python -m bench.decide`).

"""
_NOTES = """## How to read this

- Everybody is visited in every cell in every round, in turns; ratios are taken within a round, where both had the same
  neighbours. A visit lasts {seconds} seconds. The gateway has one core, the far side and the clients the other.
- Clients ask in a closed loop. Before a far side of 0 ms they keep the gateway's core full, so from 4 clients on the
  added time is a queue: clients over requests a second. The bar for added time is therefore read at one client, the bar
  for requests a second where the far side takes no time, at every number of clients.
- With 20 ms between, the core has gone to sleep and its caches are cold when an answer comes; so one client waits a
  little longer there than before a far side of 0 ms.
- Tandem checks a key, searches the text, judges task and difficulty, asks a policy that could fall back to two other
  models, counts money, writes a signed receipt and one log line. LiteLLM (release {litellm}, one worker) checks its
  key, logs, and has a fallback for each model; it has no data base, so it keeps no receipt. The bare pass-through does
  nothing but forward: the distance to it is what all of this costs.
- No prompt is asked twice: what was found in a text may be remembered, and here it never is.
- An answer has a dozen words; streamed, each is an event of its own and all come at once.
- Nothing is opened while decisions are taken, by Python's own audit hook. Whether models came or went is asked by the
  times of change of their folder and of the notes in it, every quarter of a second at most: one `stat` for each, which
  reads no file."""
