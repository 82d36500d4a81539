"""A decoder-only transformer as an ONNX graph in the shape that ONNX Runtime GenAI runs.

Pre-norm layers of grouped-query attention and a gated feed-forward, written with ONNX Runtime's fused kernels.
The head answers for the last `HEAD_TOKENS` positions of what is appended: enough to check a drafted continuation,
while a long prompt does not pay for logits that nobody reads. Earlier positions hold zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tandem.catalog.convert.graph import FUSED, Attribute, Dimension, GraphWriter
from tandem.catalog.convert.quantize import Grid, quantize
from tandem.catalog.convert.recipe import Recipe
from tandem.catalog.convert.rope import RotaryTables
from tandem.catalog.convert.shape import DecoderShape
from tandem.catalog.convert.weights import DecoderWeights, Matrix

HEAD_TOKENS = 16
"""Positions at the end of an appended chunk that get real logits."""

_INT32, _END = 6, np.iinfo(np.int64).max
_THREADS = 2


class DecoderGraph:
    """Writes one decoder into `graph`; `advance` hears of every matrix that is done."""

    def __init__(
        self,
        graph: GraphWriter,
        shape: DecoderShape,
        weights: DecoderWeights,
        recipe: Recipe,
        advance: Callable[[str], None],
    ) -> None:
        self._graph = graph
        self._shape = shape
        self._weights = weights
        self._recipe = recipe
        self._advance = advance

    def write(self, tables: RotaryTables) -> None:
        """Add every node from `input_ids` to `logits`."""
        ids = self._graph.input("input_ids", "int64", ["batch_size", "sequence_length"])
        lengths = self._lengths()
        cos_sin = self._rotary(tables, lengths[1])
        self._store("head", self._weights.head() or self._weights.embedding(), self._recipe.head)
        skip = self._embed(ids, self._recipe.head)
        normal = self._first_norm(skip)
        for layer in range(self._shape.layers):
            normal, skip = self._layer(layer, normal, skip, [*lengths, *cos_sin])
        self._logits(normal, self._recipe.head)

    def _lengths(self) -> list[str]:
        """The last position of every sequence and the length of the longest, as attention wants them."""
        graph = self._graph
        mask = graph.input("attention_mask", "int64", ["batch_size", "total_sequence_length"])
        one = graph.weight("one", np.array([1]))
        total = graph.node("ReduceSum", [mask, one], ["mask_total"], attributes={"keepdims": 0})
        last = graph.node("Sub", [total, one], ["last_position"])
        last32 = graph.node("Cast", [last], ["last_position_int32"], attributes={"to": _INT32})
        shape = graph.node("Shape", [mask], ["mask_shape"])
        longest = graph.node("Gather", [shape, graph.weight("second", np.array(1))], ["longest"])
        return [last32, graph.node("Cast", [longest], ["longest_int32"], attributes={"to": _INT32})]

    def _rotary(self, tables: RotaryTables, longest: str) -> list[str]:
        graph = self._graph
        near = [graph.weight(name, table) for name, table in zip(("cos", "sin"), tables.near, strict=True)]
        if tables.far is None:
            return near
        far = [graph.weight(f"far_{name}", table) for name, table in zip(near, tables.far, strict=True)]
        limit = graph.weight("near_tokens", np.array(tables.near_tokens, dtype=np.int32))
        beyond = graph.node("Greater", [longest, limit], ["beyond_near"])
        return graph.choose(beyond, far, near, ["cos_now", "sin_now"])

    def _embed(self, ids: str, head: Grid) -> str:
        """Look up token vectors; a tied embedding shares the head's bytes."""
        name, grid, matrix = "head", head, self._weights.embedding()
        if self._weights.head() is not None:
            name, grid = "embedding", self._recipe.embedding
            self._store(name, matrix, grid)
        width = grid.blocks(matrix.columns) * grid.block_bytes
        table = self._graph.alias(f"{name}.table", f"{name}.packed", [matrix.rows, width])
        zeros = [] if grid.symmetric else [f"{name}.zeros"]
        return self._fused(
            "GatherBlockQuantized",
            [table, ids, f"{name}.scales", *zeros],
            ["embedded"],
            {"bits": grid.bits, "block_size": grid.block, "gather_axis": 0, "quantize_axis": 1},
        )

    def _first_norm(self, hidden: str) -> str:
        weight = self._norm("blk.0.attn_norm")
        attributes: dict[str, Attribute] = {"epsilon": self._shape.epsilon, "axis": -1, "stash_type": 1}
        return self._graph.node("SimplifiedLayerNormalization", [hidden, weight], ["blk.0.normal"], attributes=attributes)

    def _layer(self, layer: int, normal: str, skip: str, attention: list[str]) -> tuple[str, str]:
        """One block; gives the normalized input of the next and the running sum."""
        at, last = f"blk.{layer}", self._shape.layers - 1
        attended = self._attention(layer, normal, attention)
        normal, skip = self._skip_norm(f"{at}.ffn_norm", attended, skip)
        grown = self._feed_forward(layer, normal)
        return self._skip_norm("output_norm" if layer == last else f"blk.{layer + 1}.attn_norm", grown, skip)

    def _attention(self, layer: int, normal: str, attention: list[str]) -> str:
        at, shape = f"blk.{layer}", self._shape
        qkv = self._product(f"{at}.qkv", normal, self._weights.qkv(layer), self._recipe.layer(layer, "qkv", shape.layers))
        cache: list[Dimension] = ["batch_size", shape.kv_heads, "past_sequence_length", shape.head_width]
        past = [self._graph.input(f"past_key_values.{layer}.{kind}", "float32", cache) for kind in ("key", "value")]
        present = [f"present.{layer}.{kind}" for kind in ("key", "value")]
        norms = self._head_norms(at)
        heads = self._fused(
            "GroupQueryAttention",
            [qkv, "", "", *past, *attention, *norms],
            [f"{at}.heads", *present],
            self._attention_attributes(with_norms=bool(norms)),
        )
        cache[2] = "total_sequence_length"
        for name in present:
            self._graph.output(name, "float32", cache)
        grid = self._recipe.layer(layer, "attention_output", shape.layers)
        return self._product(f"{at}.attention_output", heads, self._weights.attention_output(layer), grid)

    def _head_norms(self, at: str) -> list[str]:
        """qwen3 normalizes each head's queries and keys; the kernel takes both weights at its end."""
        if self._shape.architecture != "qwen3":
            return []
        width = self._shape.head_width
        norms = [self._norm(f"{at}.attn_{part}_norm", width) for part in ("q", "k")]
        return ["", "", "", "", "", *norms]

    def _attention_attributes(self, *, with_norms: bool) -> dict[str, Attribute]:
        shape = self._shape
        attributes: dict[str, Attribute] = {
            "num_heads": shape.heads,
            "kv_num_heads": shape.kv_heads,
            "do_rotary": 1,
            "rotary_interleaved": 0,
            "scale": shape.head_width**-0.5,
        }
        if shape.window:
            attributes["local_window_size"] = shape.window
        if with_norms:
            attributes["qk_norm_epsilon"] = shape.epsilon
        return attributes

    def _feed_forward(self, layer: int, normal: str) -> str:
        at, layers = f"blk.{layer}", self._shape.layers
        grid = self._recipe.layer(layer, "gate_up", layers)
        gate_matrix, up_matrix = self._weights.gate_and_up(layer)
        gate = self._product(f"{at}.gate", normal, gate_matrix, grid)
        up = self._product(f"{at}.up", normal, up_matrix, grid)
        open_gate = self._fused("QuickGelu", [gate], [f"{at}.silu"], {"alpha": 1.0})
        gated = self._graph.node("Mul", [open_gate, up], [f"{at}.gated"])
        return self._product(f"{at}.down", gated, self._weights.down(layer), self._recipe.layer(layer, "down", layers))

    def _skip_norm(self, name: str, value: str, skip: str) -> tuple[str, str]:
        total = f"{name}.sum"
        normal = self._fused(
            "SkipSimplifiedLayerNormalization",
            [value, skip, self._norm(name)],
            [f"{name}.normal", "", "", total],
            {"epsilon": self._shape.epsilon},
        )
        return normal, total

    def _norm(self, name: str, width: int | None = None) -> str:
        return self._graph.weight(name, self._weights.vector(f"{name}.weight", width or self._shape.width))

    def _logits(self, normal: str, head: Grid) -> None:
        """Multiply the last HEAD_TOKENS positions by the head and put zeros before them."""
        graph, matrix = self._graph, self._weights.head() or self._weights.embedding()
        zero, one = graph.weight("none", np.array([0])), "one"
        kept, end = graph.weight("head_tokens", np.array([HEAD_TOKENS])), graph.weight("end", np.array([_END]))
        tokens = graph.node("Shape", [normal], ["tokens"], attributes={"start": 1, "end": 2})
        over = graph.node("Sub", [tokens, kept], ["tokens_over"])
        unread = graph.node("Max", [over, zero], ["tokens_unread"])
        tail = graph.node("Slice", [normal, unread, end, one], ["head_input"])
        answered = self._multiply("head", tail, matrix, head, bias=None, output="head_output")
        pads = graph.node("Concat", [unread, zero], ["head_pads"], attributes={"axis": 0})
        graph.node("Pad", [answered, pads, "", one], ["logits"])
        graph.output("logits", "float32", ["batch_size", "sequence_length", matrix.rows])

    def _product(self, name: str, value: str, matrix: Matrix, grid: Grid) -> str:
        """Round `matrix`, store it and multiply `value` by it."""
        self._store(name, matrix, grid)
        bias = self._weights.bias(matrix)
        stored = None if bias is None else self._graph.weight(f"{name}.bias", bias)
        return self._multiply(name, value, matrix, grid, bias=stored, output=f"{name}.product")

    def _multiply(self, name: str, value: str, matrix: Matrix, grid: Grid, *, bias: str | None, output: str) -> str:
        inputs = [value, f"{name}.packed", f"{name}.scales"]
        if not grid.symmetric or bias:
            inputs.append("" if grid.symmetric else f"{name}.zeros")
        if bias:
            inputs += ["", bias]
        attributes: dict[str, Attribute] = {
            "N": matrix.rows,
            "K": matrix.columns,
            "bits": grid.bits,
            "block_size": grid.block,
            "accuracy_level": 4,
        }
        return self._fused("MatMulNBits", inputs, [output], attributes)

    def _store(self, name: str, matrix: Matrix, grid: Grid) -> None:
        slices = self._weights.slices(matrix)
        with ThreadPoolExecutor(_THREADS) as pool:
            bands = list(pool.map(lambda rows: quantize(rows, grid), slices))
        self._graph.weight(f"{name}.packed", np.concatenate([band.packed for band in bands]))
        self._graph.weight(f"{name}.scales", np.concatenate([band.scales for band in bands]))
        zeros = [band.zero_points for band in bands if band.zero_points is not None]
        if zeros:
            self._graph.weight(f"{name}.zeros", np.concatenate(zeros))
        self._advance(name)

    def _fused(self, operator: str, inputs: list[str], outputs: list[str], attributes: Mapping[str, Attribute]) -> str:
        return self._graph.node(operator, inputs, outputs, domain=FUSED, attributes=attributes)
