"""A decoder's matrices as its graph wants them: fused, in rotary order, a slice of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tandem.catalog.convert.gguf import GgufFile
from tandem.catalog.convert.shape import DecoderShape
from tandem.core.errors import ConversionFailed

Floats: TypeAlias = NDArray[np.floating]

_SLICE_WEIGHTS = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One tensor of the file that is the whole or a band of rows of a matrix; `heads` where rows must be reordered."""

    tensor: str
    rows: int
    first: int = 0
    heads: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Bands of rows, top to bottom, all of `columns` numbers."""

    parts: tuple[Part, ...]
    columns: int

    @property
    def rows(self) -> int:
        """Outputs of the product."""
        return sum(part.rows for part in self.parts)

    def band(self, first: int, rows: int) -> Matrix:
        """Some rows of a matrix of one part."""
        (whole,) = self.parts
        return replace(self, parts=(replace(whole, first=first, rows=rows),))


class DecoderWeights:
    """Finds, checks and decodes the tensors of one decoder."""

    def __init__(self, gguf: GgufFile, shape: DecoderShape) -> None:
        self._gguf = gguf
        self._shape = shape

    def embedding(self) -> Matrix:
        """Token vectors, one row each."""
        return self._matrix(self._shape.width, ("token_embd", self._shape.vocabulary, 0))

    def rows_of_embedding(self, tokens: NDArray[np.int64]) -> Floats:
        """The vectors of some tokens, [*tokens, width]."""
        entry = self._gguf.tensors[self.embedding().parts[0].tensor]
        needed, where = np.unique(tokens, return_inverse=True)
        vectors = np.concatenate([self._gguf.rows(entry, token, token + 1) for token in needed.tolist()])
        return self._finite(entry.name, vectors)[where.reshape(tokens.shape)]

    def head_norms(self, layer: int) -> tuple[Floats, Floats] | None:
        """qwen3's norms of each head's queries and keys; none for other architectures."""
        if self._shape.architecture != "qwen3":
            return None
        width = self._shape.head_width
        return self.vector(f"blk.{layer}.attn_q_norm.weight", width), self.vector(
            f"blk.{layer}.attn_k_norm.weight", width
        )

    def head(self) -> Matrix | None:
        """The matrix from the last layer to logits; none where it is the embedding itself."""
        if "output.weight" not in self._gguf.tensors:
            return None
        return self._matrix(self._shape.width, ("output", self._shape.vocabulary, 0))

    def qkv(self, layer: int) -> Matrix:
        """Queries, keys and values, one under another."""
        shape, at = self._shape, f"blk.{layer}"
        if f"{at}.attn_qkv.weight" in self._gguf.tensors:
            return self._matrix(shape.width, (f"{at}.attn_qkv", shape.query_width + 2 * shape.kv_width, 0))
        permuted = shape.architecture == "llama"
        return self._matrix(
            shape.width,
            (f"{at}.attn_q", shape.query_width, shape.heads if permuted else 0),
            (f"{at}.attn_k", shape.kv_width, shape.kv_heads if permuted else 0),
            (f"{at}.attn_v", shape.kv_width, 0),
        )

    def attention_output(self, layer: int) -> Matrix:
        """From all heads back to the width of the model."""
        return self._matrix(self._shape.query_width, (f"blk.{layer}.attn_output", self._shape.width, 0))

    def gate_and_up(self, layer: int) -> tuple[Matrix, Matrix]:
        """The gate and what it opens; phi3 stores one under the other in a single tensor."""
        shape, at = self._shape, f"blk.{layer}"
        if f"{at}.ffn_gate.weight" in self._gguf.tensors:
            gate, up = (
                self._matrix(shape.width, (f"{at}.ffn_{part}", shape.feed_forward, 0)) for part in ("gate", "up")
            )
            return gate, up
        both = self._matrix(shape.width, (f"{at}.ffn_up", 2 * shape.feed_forward, 0))
        return both.band(0, shape.feed_forward), both.band(shape.feed_forward, shape.feed_forward)

    def down(self, layer: int) -> Matrix:
        """From the feed-forward back to the width of the model."""
        return self._matrix(self._shape.feed_forward, (f"blk.{layer}.ffn_down", self._shape.width, 0))

    def bias(self, matrix: Matrix) -> Floats | None:
        """The matrix's bias, zero for parts without one; none where no part has one."""
        names = [part.tensor.removesuffix("weight") + "bias" for part in matrix.parts]
        if not any(name in self._gguf.tensors for name in names):
            return None
        return np.concatenate([self._band_bias(part, name) for part, name in zip(matrix.parts, names, strict=True)])

    def vector(self, name: str, length: int) -> Floats:
        """A norm's weights."""
        entry = self._gguf.tensor(name, (length,))
        return self._finite(name, self._gguf.rows(entry, 0, length))

    def slices(self, matrix: Matrix) -> Iterator[Floats]:
        """The rows of `matrix` from top to bottom, float32, about a million weights at a time."""
        for part in matrix.parts:
            entry = self._gguf.tensors[part.tensor]
            head_rows = part.rows // part.heads if part.heads else 1
            step = max(1, _SLICE_WEIGHTS // (matrix.columns * head_rows)) * head_rows
            end = part.first + part.rows
            for first in range(part.first, end, step):
                rows = self._gguf.rows(entry, first, min(first + step, end))
                yield self._finite(part.tensor, _rotary_order(rows, head_rows) if part.heads else rows)

    def _matrix(self, columns: int, *bands: tuple[str, int, int]) -> Matrix:
        parts = [Part(tensor=f"{tensor}.weight", rows=rows, heads=heads) for tensor, rows, heads in bands]
        for part in parts:
            self._gguf.tensor(part.tensor, (part.rows, columns))
        return Matrix(parts=tuple(parts), columns=columns)

    def _band_bias(self, part: Part, name: str) -> Floats:
        if name not in self._gguf.tensors:
            return np.zeros(part.rows, dtype=np.float32)
        bias = self.vector(name, part.rows)
        return _rotary_order(bias[:, None], part.rows // part.heads)[:, 0] if part.heads else bias

    def _finite(self, tensor: str, values: Floats) -> Floats:
        if not np.isfinite(values).all():
            raise ConversionFailed(
                f"{self._gguf.path.name}: the tensor {tensor} holds numbers that are not finite. Fetch it again."
            )
        return values


def _rotary_order(rows: Floats, head_rows: int) -> Floats:
    """Undo the interleaving of rotary pairs that llama files apply: pairs (0, 1), (2, 3) become halves."""
    pairs = rows.reshape(-1, head_rows // 2, 2, rows.shape[1])
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(rows.shape)
