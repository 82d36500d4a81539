"""`make bench`: run the course, then write docs/benchmarks.md and docs/benchmarks.json."""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.measure import FULL, QUICK, Inputs, measure
from bench.page import Run, render
from bench.record import as_json
from bench.runner import ContenderFailed
from bench.stable import REPOSITORY
from tandem.engine.cores import usable_cores
from tandem.settings import read_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write. Returns 0 where every bar that was measured holds, 1 where one does not, 2 for wrong use."""
    options = _parser().parse_args(arguments)
    inputs = _inputs(options)
    if not (inputs.folder / "genai_config.json").is_file():
        advice = "Run `tandem models pull smollm2-135m`, or name a folder: --model-folder."
        print(f"There is no model in {inputs.folder}. {advice}", file=sys.stderr)
        return 2
    try:
        run = _watched(inputs)
    except ContenderFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    page: Path = options.out
    page.write_text(render(run), encoding="utf-8")
    page.with_suffix(".json").write_text(as_json(run), encoding="utf-8")
    failed = [bar.promise for bar in run.bars if bar.holds is False]
    print("\n".join([f"Wrote {page}.", *(f"This bar does not hold: {promise}" for promise in failed)]), file=sys.stderr)
    return 1 if failed else 0


def _watched(inputs: Inputs) -> Run:
    """Measure with a bar on a terminal, or with a line for each step elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:40.40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, refresh_per_second=2) as progress:
        task = progress.add_task("", total=inputs.steps)

        def announce(what: str) -> None:
            progress.update(task, description=what, advance=1)
            if not console.is_terminal:
                print(what, file=sys.stderr)

        return measure(inputs, announce)


def _inputs(options: argparse.Namespace) -> Inputs:
    models = read_settings().home / "models"
    embedder: Path = options.embedder_folder or models / "minilm-l6"
    plan = QUICK if options.quick else FULL
    return Inputs(
        folder=options.model_folder or models / "smollm2-135m",
        embedder=embedder if embedder.is_dir() else None,
        builder=options.builder_folder,
        gguf=options.gguf,
        llama_python=options.llama_python or (sys.executable if importlib.util.find_spec("llama_cpp") else None),
        threads=options.threads or usable_cores(),
        patience_seconds=options.patience,
        plan=replace(plan, rounds=options.rounds) if options.rounds else plan,
        only=frozenset(options.only.split(",")) if options.only else frozenset(),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Tandem beside its neighbours.")
    parser.add_argument("--quick", action="store_true", help="one round and fewer lengths")
    parser.add_argument("--rounds", type=int, help="how many rounds (default: 3; quick: 1)")
    parser.add_argument("--threads", type=int, help="threads of each model (default: the physical cores)")
    parser.add_argument("--model-folder", type=Path, help="the GenAI folder (default: the installed smollm2-135m)")
    parser.add_argument("--embedder-folder", type=Path, help="the embedder (default: the installed minilm-l6)")
    parser.add_argument("--builder-folder", type=Path, help="the official builder's int4 folder of the same model")
    parser.add_argument("--gguf", type=Path, help="the GGUF file of the same model, for llama.cpp")
    parser.add_argument("--llama-python", help="an interpreter that has llama-cpp-python")
    parser.add_argument(
        "--patience", type=float, default=60, help="seconds to wait in all for other programs to rest (default: 60)"
    )
    parser.add_argument("--only", help="contenders, comma separated: tandem, genai, foundry, llama, builder")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "benchmarks.md", help="where to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
