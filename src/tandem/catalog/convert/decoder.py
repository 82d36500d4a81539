"""A decoder-only transformer as an ONNX graph in the shape that ONNX Runtime GenAI runs.

Pre-norm layers of grouped-query attention and a gated feed-forward, written with ONNX Runtime's fused kernels.
The head answers for every position of a piece of up to `DRAFT_TOKENS`: enough to check a drafted continuation. Of a
longer piece it answers for the end alone, so that a prompt does not pay for logits that nobody reads; the positions
before hold zeros.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tandem.catalog.convert.graph import FUSED, Attribute, Dimension, GraphWriter
from tandem.catalog.convert.quantize import Grid
from tandem.catalog.convert.recipe import Recipe, Role
from tandem.catalog.convert.rope import RotaryTables
from tandem.catalog.convert.rounding import Rounder
from tandem.catalog.convert.shape import DecoderShape
from tandem.catalog.convert.weights import DecoderWeights, Matrix

DRAFT_TOKENS = 16
"""The longest piece of which every position gets real logits."""
PROMPT_TOKENS = 2
"""Positions at the end of a longer piece that get them. One is read; but a product of one row takes another kernel than
that of two and more, and then a prompt would say something else where it is read in other pieces."""

_INT32, _END = 6, np.iinfo(np.int64).max


class DecoderGraph:
    """Writes one decoder into `graph`, its matrices rounded by `rounder` in the order of the network."""

    def __init__(
        self,
        graph: GraphWriter,
        shape: DecoderShape,
        weights: DecoderWeights,
        recipe: Recipe,
        rounder: Rounder,
    ) -> None:
        self._graph = graph
        self._shape = shape
        self._weights = weights
        self._recipe = recipe
        self._rounder = rounder
        self._tied = recipe.tied and weights.head() is None

    def write(self, tables: RotaryTables) -> None:
        """Add every node from `input_ids` to `logits`."""
        ids = self._graph.input("input_ids", "int64", ["batch_size", "sequence_length"])
        lengths = self._lengths()
        cos_sin = self._rotary(tables, lengths[1])
        skip = self._embed(ids)
        normal = self._simple_norm(skip, self._norm("blk.0.attn_norm"), "blk.0.normal")
        for layer in range(self._shape.layers):
            normal, skip = self._layer(layer, normal, skip, [*lengths, *cos_sin])
        self._logits(normal)

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

    def _embed(self, ids: str) -> str:
        """Look up token vectors; a tied embedding shares the head's bytes."""
        name: Role = "head" if self._tied else "embedding"
        grid, matrix = self._recipe.grid(name), self._weights.embedding()
        if not self._tied:
            self._store(name, name, 0, matrix)
        zeros = [] if grid.symmetric else [f"{name}.zeros"]
        return self._fused(
            "GatherBlockQuantized",
            ["token_table", ids, f"{name}.scales", *zeros],
            ["embedded"],
            {"bits": grid.bits, "block_size": grid.block, "gather_axis": 0, "quantize_axis": 1},
        )

    def _simple_norm(self, value: str, weight: str, output: str) -> str:
        attributes: dict[str, Attribute] = {"epsilon": self._shape.epsilon, "axis": -1, "stash_type": 1}
        return self._graph.node("SimplifiedLayerNormalization", [value, weight], [output], attributes=attributes)

    def _layer(self, layer: int, normal: str, skip: str, attention: list[str]) -> tuple[str, str]:
        """One block; gives the normalized input of the next and the running sum."""
        at, last = f"blk.{layer}", self._shape.layers - 1
        attended = self._attention(layer, normal, attention)
        normal, skip = self._skip_norm(f"{at}.ffn_norm", attended, skip)
        grown = self._feed_forward(layer, normal)
        return self._skip_norm("output_norm" if layer == last else f"blk.{layer + 1}.attn_norm", grown, skip)

    def _attention(self, layer: int, normal: str, attention: list[str]) -> str:
        at, shape = f"blk.{layer}", self._shape
        product = self._product("qkv", layer, normal, self._weights.qkv(layer))
        qkv = self._normalized_heads(layer, product)
        cache: list[Dimension] = ["batch_size", shape.kv_heads, "past_sequence_length", shape.head_width]
        past = [self._graph.input(f"past_key_values.{layer}.{kind}", "float32", cache) for kind in ("key", "value")]
        present = [f"present.{layer}.{kind}" for kind in ("key", "value")]
        heads = self._fused(
            "GroupQueryAttention",
            [*qkv, *past, *attention],
            [f"{at}.heads", *present],
            self._attention_attributes(),
        )
        cache[2] = "total_sequence_length"
        for name in present:
            self._graph.output(name, "float32", cache)
        return self._product("attention_output", layer, heads, self._weights.attention_output(layer))

    def _normalized_heads(self, layer: int, product: str) -> list[str]:
        """Queries, keys and values for attention: packed in one, or apart where each head's have a norm (qwen3)."""
        norms = self._weights.head_norms(layer)
        if norms is None:
            return [product, "", ""]
        graph, shape, at = self._graph, self._shape, f"blk.{layer}"
        widths = graph.weight("qkv_widths", np.array([shape.query_width, shape.kv_width, shape.kv_width]))
        by_head = graph.weight("by_head", np.array([0, 0, -1, shape.head_width]))
        flat = graph.weight("flat", np.array([0, 0, -1]))
        names = [f"{at}.{part}" for part in ("query", "key", "value")]
        graph.node("Split", [product, widths], names, attributes={"axis": -1})
        for part, norm in enumerate(norms):
            name = names[part]
            weight = graph.weight(f"{name}.norm", norm)
            heads = graph.node("Reshape", [name, by_head], [f"{name}.by_head"])
            normal = self._simple_norm(heads, weight, f"{name}.normal")
            names[part] = graph.node("Reshape", [normal, flat], [f"{name}.flat"])
        return names

    def _attention_attributes(self) -> dict[str, Attribute]:
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
        return attributes

    def _feed_forward(self, layer: int, normal: str) -> str:
        at = f"blk.{layer}"
        gate_matrix, up_matrix = self._weights.gate_and_up(layer)
        gate = self._product("gate", layer, normal, gate_matrix)
        up = self._product("up", layer, normal, up_matrix)
        open_gate = self._fused("QuickGelu", [gate], [f"{at}.silu"], {"alpha": 1.0})
        gated = self._graph.node("Mul", [open_gate, up], [f"{at}.gated"])
        return self._product("down", layer, gated, self._weights.down(layer))

    def _skip_norm(self, name: str, value: str, skip: str) -> tuple[str, str]:
        total = f"{name}.sum"
        normal = self._fused(
            "SkipSimplifiedLayerNormalization",
            [value, skip, self._norm(name)],
            [f"{name}.normal", "", "", total],
            {"epsilon": self._shape.epsilon},
        )
        return normal, total

    def _norm(self, name: str) -> str:
        return self._graph.weight(name, self._weights.vector(f"{name}.weight", self._shape.width))

    def _logits(self, normal: str) -> None:
        """Multiply the positions that are read by the head and put zeros before them."""
        graph, matrix = self._graph, self._weights.head() or self._weights.embedding()
        self._store("head", "head", 0, matrix)
        table = "head" if self._tied else "embedding"
        graph.alias("token_table", f"{table}.packed", axes=2)
        zero, one, end = graph.weight("zero", np.array([0])), "one", graph.weight("end", np.array([_END]))
        unread = self._unread(normal, zero)
        tail = graph.node("Slice", [normal, unread, end, one], ["head_input"])
        answered = self._multiply("head", tail, matrix, self._recipe.head, bias=None)
        pads = graph.node("Concat", [unread, zero], ["head_pads"], attributes={"axis": 0})
        graph.node("Pad", [answered, pads, "", one], ["logits"])
        graph.output("logits", "float32", ["batch_size", "sequence_length", matrix.rows])

    def _unread(self, normal: str, zero: str) -> str:
        """How many positions at the beginning of a piece get no logits: none of a short one."""
        graph = self._graph
        draft, prompt = (
            graph.weight(name, np.array([tokens]))
            for name, tokens in (("draft_tokens", DRAFT_TOKENS), ("prompt_tokens", PROMPT_TOKENS))
        )
        tokens = graph.node("Shape", [normal], ["tokens"], attributes={"start": 1, "end": 2})
        long = graph.node("Greater", [tokens, draft], ["piece_is_long"])
        before = graph.node("Sub", [tokens, prompt], ["tokens_before"])
        return graph.node("Where", [long, before, zero], ["tokens_unread"])

    def _product(self, role: Role, layer: int, value: str, matrix: Matrix) -> str:
        """Round `matrix`, store it and multiply `value` by it."""
        name = f"blk.{layer}.{role}"
        self._store(name, role, layer, matrix)
        bias = self._weights.bias(matrix)
        stored = None if bias is None else self._graph.weight(f"{name}.bias", bias)
        return self._multiply(name, value, matrix, self._recipe.grid(role), bias=stored)

    def _multiply(self, name: str, value: str, matrix: Matrix, grid: Grid, *, bias: str | None) -> str:
        inputs = [value, f"{name}.packed", f"{name}.scales", "" if grid.symmetric else f"{name}.zeros", "", bias or ""]
        while not inputs[-1]:
            inputs.pop()
        attributes: dict[str, Attribute] = {
            "N": matrix.rows,
            "K": matrix.columns,
            "bits": grid.bits,
            "block_size": grid.block,
            "accuracy_level": 4,
        }
        return self._fused("MatMulNBits", inputs, [f"{name}.product"], attributes)

    def _store(self, name: str, role: Role, layer: int, matrix: Matrix) -> None:
        rounded = self._rounder.round(role, layer, matrix)
        self._graph.weight(f"{name}.packed", rounded.packed)
        self._graph.weight(f"{name}.scales", rounded.scales)
        if rounded.zero_points is not None:
            self._graph.weight(f"{name}.zeros", rounded.zero_points)

    def _fused(self, operator: str, inputs: list[str], outputs: list[str], attributes: Mapping[str, Attribute]) -> str:
        return self._graph.node(operator, inputs, outputs, domain=FUSED, attributes=attributes)
