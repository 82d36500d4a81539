"""all-MiniLM-L6-v2 as one ONNX graph: token ids and mask in, one unit vector out.

The graph is BERT with fused kernels. Sentences are never paired, so the table of segment 0 is
folded into the table of positions. Mean pooling and L2 normalization are inside; since the norm
cancels the division by the number of tokens, the pooled sum is normalized directly.
Source: Reimers and Gurevych, Sentence-BERT, arXiv 1908.10084.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tandem.catalog.convert.graph import FUSED, GraphWriter
from tandem.catalog.convert.quantize import Grid, quantize
from tandem.core.errors import ConversionFailed

Floats: TypeAlias = NDArray[np.floating]
ReadTensor: TypeAlias = Callable[[str], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class BertShape:
    """What the graph needs to know of a BERT encoder's `config.json`."""

    layers: int
    heads: int
    width: int
    epsilon: float


def read_bert_shape(config: Path) -> BertShape:
    """The sizes in a checkpoint's `config.json`; ConversionFailed where it is missing or of another family."""
    try:
        found = json.loads(config.read_text(encoding="utf-8"))
        if found["model_type"] != "bert" or found["hidden_act"] != "gelu":
            raise ConversionFailed(f"{config} does not describe a BERT encoder with GELU. Choose another embedder.")
        return BertShape(
            layers=int(found["num_hidden_layers"]),
            heads=int(found["num_attention_heads"]),
            width=int(found["hidden_size"]),
            epsilon=float(found["layer_norm_eps"]),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ConversionFailed(f"{config} cannot be read as an encoder's configuration. Fetch it again.") from error


class MinilmGraph:
    """Writes the encoder layer by layer; `read` gives a float32 tensor by its checkpoint name."""

    def __init__(self, graph: GraphWriter, shape: BertShape, read: ReadTensor, *, int8: bool) -> None:
        self._graph = graph
        self._shape = shape
        self._read = read
        self._int8 = int8

    def write(self) -> None:
        """Add every node from `input_ids` to `embedding`."""
        graph = self._graph
        ids = graph.input("input_ids", "int64", ["batch", "tokens"])
        mask = graph.input("attention_mask", "int64", ["batch", "tokens"])
        mask32 = graph.node("Cast", [mask], ["mask_int32"], attributes={"to": 6})
        hidden = self._embed(ids)
        for layer in range(self._shape.layers):
            hidden = self._layer(layer, hidden, mask32)
        self._pool(hidden, mask)

    def _embed(self, ids: str) -> str:
        graph, read = self._graph, self._read
        words = graph.weight("words", read("embeddings.word_embeddings.weight"))
        segment = read("embeddings.token_type_embeddings.weight")[0]
        positions = graph.weight("positions", read("embeddings.position_embeddings.weight") + segment)
        ids32 = graph.node("Cast", [ids], ["ids_int32"], attributes={"to": 6})
        norm = self._norm_weights("embeddings.LayerNorm")
        return graph.node(
            "EmbedLayerNormalization",
            [ids32, "", words, positions, "", *norm],
            ["embedded", "embedded/mask_index"],
            domain=FUSED,
            attributes={"epsilon": self._shape.epsilon},
        )

    def _layer(self, layer: int, hidden: str, mask: str) -> str:
        name = f"encoder.layer.{layer}"
        attended = self._attention(f"{name}.attention", hidden, mask)
        middle = self._skip_norm(f"{name}.attention.output", attended, hidden)
        wide = self._matmul(f"{name}.intermediate.dense", middle)
        bias = self._graph.weight(f"{name}.intermediate.bias", self._read(f"{name}.intermediate.dense.bias"))
        gelu = self._graph.node("BiasGelu", [wide, bias], [f"{name}.gelu"], domain=FUSED)
        narrow = self._matmul(f"{name}.output.dense", gelu)
        return self._skip_norm(f"{name}.output", narrow, middle)

    def _attention(self, name: str, hidden: str, mask: str) -> str:
        parts = [f"{name}.self.{part}" for part in ("query", "key", "value")]
        bias = np.concatenate([self._read(f"{part}.bias") for part in parts])
        fused_bias = self._graph.weight(f"{name}.bias", bias)
        if self._int8:
            queries = [self._matmul(part, hidden) for part in parts]
            attended = self._graph.node(
                "MultiHeadAttention",
                [*queries, fused_bias, mask],
                [f"{name}.heads"],
                domain=FUSED,
                attributes={"num_heads": self._shape.heads},
            )
        else:
            weight = np.concatenate([self._read(f"{part}.weight").T for part in parts], axis=1)
            attended = self._graph.node(
                "Attention",
                [hidden, self._graph.weight(f"{name}.weight", weight), fused_bias, mask],
                [f"{name}.heads"],
                domain=FUSED,
                attributes={"num_heads": self._shape.heads},
            )
        return self._matmul(f"{name}.output.dense", attended)

    def _matmul(self, name: str, value: str) -> str:
        """Multiply by a dense layer's matrix; its bias is added by the kernel that follows."""
        weight = self._read(f"{name}.weight")
        if not self._int8:
            matrix = self._graph.weight(f"{name}.weight", weight.T)
            return self._graph.node("MatMul", [value, matrix], [f"{name}.product"])
        rows, columns = weight.shape
        rounded = quantize(weight, Grid(bits=8, block=32, symmetric=True))
        return self._graph.node(
            "MatMulNBits",
            [
                value,
                self._graph.weight(f"{name}.int8", rounded.packed),
                self._graph.weight(f"{name}.scales", rounded.scales),
            ],
            [f"{name}.product"],
            domain=FUSED,
            attributes={
                "N": rows, "K": columns, "bits": 8, "block_size": 32, "accuracy_level": 4,
            },
        )  # fmt: skip

    def _skip_norm(self, name: str, value: str, skip: str) -> str:
        bias = self._graph.weight(f"{name}.bias", self._read(f"{name}.dense.bias"))
        return self._graph.node(
            "SkipLayerNormalization",
            [value, skip, *self._norm_weights(f"{name}.LayerNorm"), bias],
            [f"{name}.normalized"],
            domain=FUSED,
            attributes={"epsilon": self._shape.epsilon},
        )

    def _norm_weights(self, name: str) -> list[str]:
        return [self._graph.weight(f"{name}.{part}", self._read(f"{name}.{part}")) for part in ("weight", "bias")]

    def _pool(self, hidden: str, mask: str) -> None:
        graph = self._graph
        one, last = (graph.weight(f"axis_{axis}", np.array([axis])) for axis in (1, -1))
        floor = graph.weight("smallest_norm", np.array([1e-12], dtype=np.float32))
        weights = graph.node("Cast", [mask], ["mask_float"], attributes={"to": 1})
        row = graph.node("Unsqueeze", [weights, one], ["mask_row"])
        total = graph.node("MatMul", [row, hidden], ["pooled_row"])
        pooled = graph.node("Squeeze", [total, one], ["pooled"])
        norm = graph.node("ReduceL2", [pooled, last], ["norm"])
        safe = graph.node("Max", [norm, floor], ["safe_norm"])
        graph.node("Div", [pooled, safe], ["embedding"])
        graph.output("embedding", "float32", ["batch", self._shape.width])
