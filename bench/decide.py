"""How many decisions a second: facts and policy of one request, on one core, for prompts of 500 characters.

    python -m bench.decide [--models FOLDER]

Nothing is sent and nothing is loaded. An audit hook of Python's own counts every file that is opened and every socket
that is made while decisions are taken.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from platformdirs import user_data_path

from bench.overhead_prompts import prompts, word_of
from tandem.app import deciding_only
from tandem.app.route import request_of_text
from tandem.core.chat import ChatRequest
from tandem.gateway import Gateway
from tandem.settings import read_settings

PROMPTS = 200
ROUNDS = 5
SEED = 20_261_124
BAR_PER_SECOND = 1000.0
_SETTLE_SECONDS = 0.15
"""Models that were found at the first look are looked at once more."""
_CONFIG = """
[[provider]]
name = "mock"
base_url = "http://127.0.0.1:9/v1"
place = "cloud"
[[model]]
provider = "mock"
id = "cloud-large"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideRow:
    """One kind of prompt: decisions a second of each round, by the processor's clock and by the wall's."""

    language: str
    private: bool
    per_cpu_second: Sequence[float]
    per_second: Sequence[float]
    opened: Sequence[str] = ()
    """What was opened meanwhile, files and sockets."""


@dataclass(slots=True)
class Watch:
    """Remembers what is opened while it is ``on``. An audit hook stays until the process ends."""

    on: bool = False
    seen: list[str] = field(default_factory=list[str])

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Called by Python for every audited event."""
        if self.on and (
            event in {"open", "os.listdir", "os.scandir", "sqlite3.connect"} or event.startswith("socket.")
        ):
            self.seen.append(f"{event} {arguments[0] if arguments else ''}")


async def measure_decide(models: Path) -> list[DecideRow]:
    """Every kind of prompt, by the policy `auto` with one model here and one far away."""
    watch = Watch()
    sys.addaudithook(watch)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "models").symlink_to(models, target_is_directory=True)
        config = home / "tandem.toml"
        config.write_text(_CONFIG)
        settings = read_settings(config, environment={"TANDEM_HOME": str(home)})
        async with deciding_only(settings) as gateway:
            kinds = [(language, private) for language in ("en", "pl") for private in (False, True)]
            fresh = _Fresh()
            for kind in (*kinds, *kinds):
                _rate(gateway, fresh.requests(*kind), time.perf_counter)
                await asyncio.sleep(_SETTLE_SECONDS)
            return [_row(gateway, kind, fresh, watch) for kind in kinds]


def _row(gateway: Gateway, kind: tuple[str, bool], fresh: "_Fresh", watch: Watch) -> DecideRow:
    asked = [(fresh.requests(*kind), fresh.requests(*kind)) for _ in range(ROUNDS)]
    watch.seen.clear()
    watch.on = True
    both = [(_rate(gateway, one, time.process_time), _rate(gateway, other, time.perf_counter)) for one, other in asked]
    watch.on = False
    return DecideRow(
        language=kind[0],
        private=kind[1],
        per_cpu_second=[cpu for cpu, _ in both],
        per_second=[wall for _, wall in both],
        opened=tuple(watch.seen),
    )


def _rate(gateway: Gateway, requests: Sequence[ChatRequest], clock: Callable[[], float]) -> float:
    began = clock()
    for request in requests:
        gateway.decide(request)
    return len(requests) / (clock() - began)


@dataclass(slots=True)
class _Fresh:
    """Makes prompts that were not decided before: what was found in a text may be remembered."""

    made: int = 0

    def requests(self, language: str, private: bool) -> list[ChatRequest]:  # noqa: FBT001
        """So many requests, each with one message."""
        self.made += 1
        texts = prompts(language, private=private, count=PROMPTS, seed=SEED + self.made)
        return [request_of_text(f"{text[:-8]} {word_of(at + PROMPTS * self.made)}") for at, text in enumerate(texts)]


def table(rows: Sequence[DecideRow]) -> str:
    """The rows as Markdown."""
    lines = [
        "| prompts | decisions a second of processor time | of wall time | files and sockets opened |",
        "|---|---:|---:|---:|",
    ]
    for row in rows:
        what = f"{'Polish' if row.language == 'pl' else 'English'}, {'with' if row.private else 'without'} private text"
        cpu, wall = (
            f"{median(side):,.0f} ({min(side):,.0f} to {max(side):,.0f})"
            for side in (row.per_cpu_second, row.per_second)
        )
        lines.append(f"| {what} | {cpu} | {wall} | {len(row.opened)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print. The status is 1 where the bar is missed, or something was opened."""
    parser = argparse.ArgumentParser(prog="python -m bench.decide")
    parser.add_argument("--models", type=Path, default=user_data_path("tandem") / "models", help="the installed models")
    options = parser.parse_args(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0})
    rows = asyncio.run(measure_decide(options.models))
    print(table(rows))
    return int(any(row.opened or median(row.per_cpu_second) < BAR_PER_SECOND for row in rows))


if __name__ == "__main__":
    sys.exit(main())
