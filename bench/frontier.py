"""What bits buy: perplexity, size and decode speed of every recipe beside a reference folder, as a Markdown table.

    python -m bench.frontier SOURCE.gguf REFERENCE_FOLDER TEXT_FILE...

The reference may be any ONNX Runtime GenAI folder of the same model, such as the official builder's int4. Speeds are
taken in turns, so that noise falls on all alike; the ratio is the median over the turns.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from support.genai import og
from support.onnx_decoder import OnnxDecoder, perplexity
from tandem.catalog.convert.convert import convert_by_recipe
from tandem.catalog.convert.quantize import Grid
from tandem.catalog.convert.recipe import RECIPES, Recipe

_ROUNDS, _STEPS, _TOKENS = 7, 40, 1024
_FINE = Grid(bits=8, block=32, symmetric=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One folder to measure."""

    name: str
    folder: Path
    seconds: float


def _layers(grid: Grid, *, calibrated: bool, head: Grid = _FINE) -> Recipe:
    return Recipe(name="trial", layers=grid, head=head, embedding=_FINE, tied=head.bits == 8, calibrated=calibrated)


VARIANTS = {
    "int4 (ours)": RECIPES["int4"],
    "int4, block 32, searched, head 8": _layers(Grid(bits=4, block=32), calibrated=False),
    "int4, block 16, searched, head 8": _layers(Grid(bits=4, block=16), calibrated=False),
    "int4, block 32, calibrated, head 8": _layers(Grid(bits=4, block=32), calibrated=True),
    "int4, block 32, symmetric, calibrated, head 8": _layers(Grid(bits=4, block=32, symmetric=True), calibrated=True),
    "int8 (ours)": RECIPES["int8"],
}


def main() -> None:
    """Convert every variant, measure all, print the table."""
    source, reference, *texts = (Path(argument) for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory() as scratch:
        rows = [Row(name="reference", folder=reference, seconds=0.0)]
        rows += [_convert(source, Path(scratch), number, name) for number, name in enumerate(VARIANTS)]
        speeds = _speeds(rows)
        print("| variant | MB | " + " | ".join(f"perplexity, {text.stem}" for text in texts) + " | decode | s |")
        print("|---|---:|" + "---:|" * len(texts) + "---:|---:|")
        for row in rows:
            size = sum(file.stat().st_size for file in row.folder.glob("model.onnx*")) / 1e6
            found = " | ".join(f"{_perplexity(row.folder, text):.2f}" for text in texts)
            print(f"| {row.name} | {size:.0f} | {found} | {speeds[row.name]:.2f} | {row.seconds:.0f} |")


def _convert(source: Path, scratch: Path, number: int, name: str) -> Row:
    folder, start = scratch / str(number), time.process_time()
    convert_by_recipe(source, folder, VARIANTS[name])
    return Row(name=name, folder=folder, seconds=time.process_time() - start)


def _perplexity(folder: Path, text: Path) -> float:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    page = text.read_bytes()[:9000].decode("utf-8", errors="ignore")
    return perplexity(OnnxDecoder(folder), tokenizer.encode(page).ids[:_TOKENS])


def _speeds(rows: list[Row]) -> dict[str, float]:
    """Decode speed relative to the first row."""
    models = {row.name: og.Model(str(row.folder)) for row in rows}
    taken: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(_ROUNDS):
        for name, model in models.items():
            taken[name].append(_decode_seconds(model))
    first = taken[rows[0].name]
    return {
        name: statistics.median(theirs / ours for theirs, ours in zip(first, own, strict=True))
        for name, own in taken.items()
    }


def _decode_seconds(model: Any) -> float:  # noqa: ANN401 GenAI brings no types
    parameters = og.GeneratorParams(model)
    parameters.set_search_options(max_length=256, do_sample=False)
    generator = og.Generator(model, parameters)
    generator.append_tokens(list(range(100, 228)))
    generator.generate_next_token()
    start = time.perf_counter()
    for _ in range(_STEPS):
        generator.generate_next_token()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
