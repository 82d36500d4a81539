"""What the gateway costs a request, beside LiteLLM's proxy and beside a bare pass-through, in one interleaved run.

    python -m bench.overhead [--litellm-python PYTHON] [--models FOLDER] [--rounds 3] [--seconds 0.6]

Writes docs/overhead.md and .json. Gateways have one core, the far side and the clients another. LiteLLM lives in an
interpreter of its own: ``python -m venv elsewhere && elsewhere/bin/pip install "litellm[proxy]"``.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path

import uvloop
from platformdirs import user_data_path

from bench.decide import DecideRow, measure_decide
from bench.machine import machine_facts
from bench.overhead_drive import Visit, drive, requests_of
from bench.overhead_page import Cell, Overhead, Row, render
from bench.overhead_peers import KEY, OTHER_CORE, Peer, Stalls
from bench.overhead_prompts import prompts
from bench.quiet import busy_cores
from bench.stable import REPOSITORY

SEED = 20_261_123
DELAYS_MS = (0, 20)
CLIENTS = (1, 4, 16, 64)


@dataclass(slots=True)
class Course:
    """Every peer in every cell, a round at a time; whoever began the last visit ends the next."""

    peers: Sequence[Peer]
    seconds: float
    rows: list[Row] = field(default_factory=list[Row])

    async def round(self, number: int, cells: Sequence[Cell]) -> None:
        """One visit of everybody to every cell."""
        for at, cell in enumerate(cells):
            turn = (number + at) % len(self.peers)
            for peer in (*self.peers[turn:], *self.peers[:turn]):
                busy = peer.processor_seconds()
                visit = await self._visit(peer, cell)
                busy = peer.processor_seconds() - busy
                self.rows.append(
                    Row(
                        peer=peer.name, cell=cell, round=number,
                        median_ms=visit.median_ms, per_second=visit.requests_per_second, requests=len(visit.latencies),
                        processor_ms=busy / len(visit.latencies) * 1e3,
                    )
                )  # fmt: skip

    async def warm(self) -> None:
        """Some requests to each, so that what is made once is made."""
        for peer, stream in product(self.peers, (False, True)):
            await self._visit(peer, Cell(delay_ms=0, stream=stream, clients=4))

    async def _visit(self, peer: Peer, cell: Cell) -> Visit:
        texts = [text for pair in zip(_prompts("en"), _prompts("pl"), strict=True) for text in pair]
        requests = requests_of(peer.url, texts, model=peer.models[cell.delay_ms], key=KEY, stream=cell.stream)
        return await drive(peer.url, requests, clients=cell.clients, seconds=self.seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write. Returns 0."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    facts = dict(machine_facts(1)) | {"others, in cores, at the start": f"{busy_cores():.2f}"}
    del facts["model threads"]
    os.sched_setaffinity(0, {OTHER_CORE})
    run = Overhead(machine=facts, command=_command(arguments), rounds=options.rounds, seconds=options.seconds)
    if options.litellm_python:
        run.litellm = _version(options.litellm_python)
    with Stalls(options.models) as stalls:
        peers = _opened(stalls, options.litellm_python)
        course = Course(peers, options.seconds)
        uvloop.run(_measure(course, options.rounds))
        run.rows = course.rows
        run.resident_mib = {peer.name: peer.resident_mib() for peer in peers if peer.pid}
    run.decide = _decide(options.models)
    run.minutes = (time.monotonic() - began) / 60
    page: Path = options.out
    page.write_text(render(run), encoding="utf-8")
    page.with_suffix(".json").write_text(json.dumps(asdict(run), indent=1) + "\n", encoding="utf-8")
    print(f"Wrote {page}.", file=sys.stderr)
    return 0


async def _measure(course: Course, rounds: int) -> None:
    cells = [
        Cell(delay_ms=delay, stream=stream, clients=clients)
        for delay, stream, clients in product(DELAYS_MS, (False, True), CLIENTS)
    ]
    await course.warm()
    for number in range(rounds):
        await course.round(number, cells)
        print(f"round {number + 1} of {rounds}", file=sys.stderr)


def _opened(stalls: Stalls, litellm_python: str | None) -> list[Peer]:
    mock = stalls.mock(sys.executable)
    peers = [mock, stalls.bare(sys.executable, mock.url), stalls.tandem(sys.executable, mock.url)]
    if litellm_python:
        peers.append(stalls.litellm(litellm_python, mock.url))
    return peers


def _prompts(language: str) -> Sequence[str]:
    return prompts(language, private=False, count=100, seed=SEED)


def _decide(models: Path) -> list[DecideRow]:
    return asyncio.run(measure_decide(models))


def _version(python: str) -> str:
    script = "from importlib.metadata import version; print(version('litellm'))"
    return subprocess.run([python, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def _command(arguments: Sequence[str] | None) -> str:
    words = [Path(word).name if os.sep in word else word for word in (arguments or sys.argv[1:])]
    return " ".join(["python -m bench.overhead", *words])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--litellm-python", help="an interpreter that has litellm[proxy]")
    parser.add_argument("--models", type=Path, default=user_data_path("tandem") / "models", help="the installed models")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.6, help="of each visit")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "overhead.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
