"""A decoder's forward pass in numpy, layer by layer, to see what each matrix is multiplied by.

Rounding with calibration needs the inputs of every matrix on some text. `HiddenState` carries the hidden state
of that text through the layers; whoever rounds a matrix gives back the rounded one, so that later layers see
the inputs that they will really get.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tandem.catalog.convert.rope import RotaryTables
from tandem.catalog.convert.shape import DecoderShape

Floats: TypeAlias = NDArray[np.floating]


class HiddenState:
    """The hidden state [sequences, tokens, width] of a calibration text, advanced one half-layer at a time."""

    def __init__(self, shape: DecoderShape, tables: RotaryTables, embedded: Floats) -> None:
        self._shape = shape
        self._hidden = embedded
        tokens = embedded.shape[1]
        self._cos, self._sin = (table[:tokens, None, :] for table in tables.near)
        positions: NDArray[np.int64] = np.arange(tokens, dtype=np.int64)
        distance: NDArray[np.int64] = np.subtract.outer(positions, positions)
        seen = (distance >= 0) & ((distance < shape.window) if shape.window else True)
        self._mask = np.where(seen, 0, -np.inf).astype(np.float32)

    def normal(self, weight: Floats) -> Floats:
        """The hidden state under a root-mean-square norm."""
        square = np.square(self._hidden).mean(axis=-1, keepdims=True)
        return self._hidden / np.sqrt(square + np.float32(self._shape.epsilon)) * weight

    def add(self, change: Floats) -> None:
        """Add a half-layer's output to the hidden state."""
        self._hidden = self._hidden + change

    def attend(self, qkv: Floats, norms: tuple[Floats, Floats] | None) -> Floats:
        """Causal grouped-query attention over `qkv` [sequences, tokens, queries + keys + values]."""
        shape = self._shape
        parts = np.split(qkv, [shape.query_width, shape.query_width + shape.kv_width], axis=-1)
        query, key, value = (part.reshape(*part.shape[:2], -1, shape.head_width) for part in parts)
        if norms is not None:
            query, key = self._head_norm(query, norms[0]), self._head_norm(key, norms[1])
        query, key = self._turn(query), self._turn(key)
        outputs = [self._heads(*sequence) for sequence in zip(query, key, value, strict=True)]
        return np.stack(outputs)

    def _heads(self, query: Floats, key: Floats, value: Floats) -> Floats:
        """One sequence: [tokens, heads, head width] each, to [tokens, queries]."""
        group = self._shape.heads // self._shape.kv_heads
        keys = np.repeat(key.transpose(1, 2, 0), group, axis=0)
        values = np.repeat(value.transpose(1, 0, 2), group, axis=0)
        scores = query.transpose(1, 0, 2) @ keys * np.float32(self._shape.head_width**-0.5) + self._mask
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (scores / scores.sum(axis=-1, keepdims=True)) @ values
        return mixed.transpose(1, 0, 2).reshape(len(query), -1)

    def _turn(self, heads: Floats) -> Floats:
        """Rotate the first numbers of each head by their position."""
        half = self._cos.shape[-1]
        first, second, rest = np.split(heads, [half, 2 * half], axis=-1)
        turned = (first * self._cos - second * self._sin, second * self._cos + first * self._sin, rest)
        return np.concatenate(turned, axis=-1)

    def _head_norm(self, heads: Floats, weight: Floats) -> Floats:
        square = np.square(heads).mean(axis=-1, keepdims=True)
        return heads / np.sqrt(square + np.float32(self._shape.epsilon)) * weight


def gated(gate: Floats, up: Floats) -> Floats:
    """The gated linear unit with SiLU, as all known architectures have it."""
    return gate / (1 + np.exp(-gate)) * up
