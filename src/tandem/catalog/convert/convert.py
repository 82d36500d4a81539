"""The converter's front door: from a source file to a whole folder, with progress."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tandem.catalog.convert.blas import one_blas_thread
from tandem.catalog.convert.decoder import DecoderGraph
from tandem.catalog.convert.folder import (
    whole_folder,
    write_genai_config,
    write_json,
    write_tokenizer,
)
from tandem.catalog.convert.gguf import GgufFile
from tandem.catalog.convert.graph import GraphWriter
from tandem.catalog.convert.minilm import MinilmGraph, read_bert_shape
from tandem.catalog.convert.quantize import Quantized
from tandem.catalog.convert.recipe import RECIPES, Precision, Recipe, Role
from tandem.catalog.convert.rope import rotary_tables
from tandem.catalog.convert.rounding import CalibratedRounder, PlainRounder, Rounder
from tandem.catalog.convert.safetensors import Safetensors
from tandem.catalog.convert.shape import DecoderShape, architecture_of, read_shape
from tandem.catalog.convert.weights import DecoderWeights, Matrix
from tandem.catalog.manifest import CONVERTER_VERSIONS, MANIFEST_NAME, sha256_of
from tandem.core.models import Kind
from tandem.core.ports import Progress

_CALIBRATION_TOKENS = 256
_CALIBRATION_SEQUENCES = 12
_LARGEST_CALIBRATED = 2_000_000_000
_MINILM_TOKENS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufFacts:
    """What a GGUF file says about itself; `licence` is empty where it says nothing."""

    architecture: str
    name: str
    licence: str
    quantization: str
    context_tokens: int
    parameters: int
    has_chat_template: bool


def silent(done: int, total: int, what: str) -> None:
    """Progress that nobody watches."""


def read_gguf_header(path: Path) -> GgufFacts:
    """Facts of a GGUF file from its header alone; ConversionFailed where the file or its kind is unusable."""
    return _facts(GgufFile(path))


def _facts(gguf: GgufFile) -> GgufFacts:
    architecture = architecture_of(gguf)
    counts: Counter[str] = Counter()
    for entry in gguf.tensors.values():
        counts[entry.format.name] += entry.weights
    return GgufFacts(
        architecture=architecture,
        name=gguf.text("general.name", gguf.path.stem),
        licence=gguf.text("general.license", ""),
        quantization=counts.most_common(1)[0][0] if counts else "none",
        context_tokens=gguf.integer(f"{architecture}.context_length"),
        parameters=counts.total(),
        has_chat_template="tokenizer.chat_template" in gguf.values,
    )


def convert_gguf(source: Path, target: Path, *, precision: Precision, progress: Progress = silent) -> GgufFacts:
    """Make the ONNX Runtime GenAI folder `target` of the GGUF file `source`; what was in `target` is replaced.

    `progress(done, total, what)` is called as matrices are rounded. ConversionFailed says why a file cannot be
    converted; then, and on interruption, `target` stays as it was.
    """
    return convert_by_recipe(source, target, RECIPES[precision], progress)


def convert_by_recipe(source: Path, target: Path, recipe: Recipe, progress: Progress = silent) -> GgufFacts:
    """`convert_gguf` with any recipe, for those who measure what bits buy."""
    gguf = GgufFile(source)
    facts = _facts(gguf)
    shape = read_shape(gguf)
    with whole_folder(target) as folder:
        write_tokenizer(folder, gguf, shape)
        write_genai_config(folder, gguf, shape)
        _write_decoder(folder, gguf, shape, recipe, progress)
        write_json(
            folder / MANIFEST_NAME,
            {
                "name": facts.name,
                "architecture": facts.architecture,
                "precision": recipe.name,
                "context_tokens": shape.context_tokens,
                "parameters": facts.parameters,
                "licence": facts.licence,
                **_provenance("chat", source, facts.quantization),
            },
        )
    return facts


def convert_minilm(
    source: Path, target: Path, *, precision: Literal["float32", "int8"], progress: Progress = silent
) -> None:
    """Make the folder `target` of the sentence embedder in the folder `source`.

    `source` holds `model.safetensors`, `config.json` and `tokenizer.json`. The graph takes `input_ids` and
    `attention_mask` [batch, tokens] and gives `embedding` [batch, width] of unit length.
    """
    shape = read_bert_shape(source / "config.json")
    checkpoint = source / "model.safetensors"
    progress(0, 2, "weights")
    with whole_folder(target) as folder:
        with GraphWriter(folder, name="minilm") as graph:
            MinilmGraph(graph, shape, Safetensors(checkpoint).read, int8=precision == "int8").write()
            graph.finish()
        progress(1, 2, "tokenizer")
        tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
        write_json(folder / "tokenizer.json", tokenizer | {"truncation": None, "padding": None})
        write_json(
            folder / MANIFEST_NAME,
            {
                "name": "all-MiniLM-L6-v2",
                "architecture": "bert",
                "precision": precision,
                "dimensions": shape.width,
                "max_tokens": _MINILM_TOKENS,
                "context_tokens": _MINILM_TOKENS,
                "licence": "apache-2.0",
                **_provenance("embedding", checkpoint, "F32"),
            },
        )
    progress(2, 2, "done")


def _provenance(kind: Kind, source: Path, quantization: str) -> dict[str, object]:
    return {
        "kind": kind,
        "source": source.name,
        "source_sha256": sha256_of(source),
        "source_quantization": quantization,
        "converter_version": CONVERTER_VERSIONS[kind],
    }


def _write_decoder(folder: Path, gguf: GgufFile, shape: DecoderShape, recipe: Recipe, progress: Progress) -> None:
    weights, tables = DecoderWeights(gguf, shape), rotary_tables(gguf, shape)
    rounder: Rounder = PlainRounder(weights, recipe)
    if recipe.calibrated and sum(entry.weights for entry in gguf.tensors.values()) <= _LARGEST_CALIBRATED:
        tokens = _calibration_tokens(folder / "tokenizer.json", shape)
        rounder = CalibratedRounder(weights, shape, recipe, tables, tokens)
    counted = _Counted(rounder, progress, total=5 * shape.layers + 2)
    with one_blas_thread(), GraphWriter(folder, name=shape.architecture) as graph:
        DecoderGraph(graph, shape, weights, recipe, counted).write(tables)
        graph.finish()


def _calibration_tokens(tokenizer: Path, shape: DecoderShape) -> NDArray[np.int64]:
    """The calibration text as sequences of equal length, [sequences, tokens]."""
    text = files("tandem.catalog.convert").joinpath("calibration.txt").read_text(encoding="utf-8")
    ids = np.array(Tokenizer.from_file(str(tokenizer)).encode(text).ids) % shape.vocabulary
    length = min(_CALIBRATION_TOKENS, shape.context_tokens, len(ids))
    whole = ids[: len(ids) // length * length].reshape(-1, length)
    chosen = np.linspace(0, len(whole) - 1, min(_CALIBRATION_SEQUENCES, len(whole))).astype(int)
    return whole[chosen]


class _Counted:
    """A rounder that reports each matrix when it is done."""

    def __init__(self, inner: Rounder, progress: Progress, *, total: int) -> None:
        self._inner = inner
        self._progress = progress
        self._total = total
        self._done = 0
        progress(0, total, "start")

    def round(self, role: Role, layer: int, matrix: Matrix) -> Quantized:
        """Round by the inner rounder."""
        rounded = self._inner.round(role, layer, matrix)
        self._done += 1
        self._progress(self._done, self._total, role if role in {"embedding", "head"} else f"layer {layer} {role}")
        return rounded
