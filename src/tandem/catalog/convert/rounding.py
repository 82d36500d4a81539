"""Who rounds a decoder's matrices: plainly, or with the model's own inputs on a calibration text in view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tandem.catalog.convert.compensate import quantize_for, second_moments
from tandem.catalog.convert.forward import HiddenState, gated
from tandem.catalog.convert.quantize import Grid, Quantized, quantize, stack
from tandem.catalog.convert.recipe import Recipe, Role
from tandem.catalog.convert.rope import RotaryTables
from tandem.catalog.convert.shape import DecoderShape
from tandem.catalog.convert.weights import DecoderWeights, Matrix

Floats: TypeAlias = NDArray[np.floating]


class Rounder(Protocol):
    """Rounds one matrix; asked for every matrix once, in the order in which the network uses them."""

    def round(self, role: Role, layer: int, matrix: Matrix) -> Quantized:
        """The matrix on the grid of its role."""
        ...


class PlainRounder:
    """Rounds each matrix by itself, a slice of rows at a time."""

    def __init__(self, weights: DecoderWeights, recipe: Recipe) -> None:
        self._weights = weights
        self._recipe = recipe

    def round(self, role: Role, layer: int, matrix: Matrix) -> Quantized:  # noqa: ARG002
        """Round slice by slice; only one slice is in memory as floats."""
        grid = self._recipe.grid(role)
        return stack([quantize(rows, grid) for rows in self._weights.slices(matrix)])


class CalibratedRounder:
    """Carries a text through the network and rounds each matrix for the inputs it gets there.

    Later layers see the products of the rounded matrices, so they also make up for what earlier ones lost.
    """

    def __init__(
        self,
        weights: DecoderWeights,
        shape: DecoderShape,
        recipe: Recipe,
        tables: RotaryTables,
        tokens: NDArray[np.int64],
    ) -> None:
        self._weights = weights
        self._shape = shape
        self._recipe = recipe
        self._hidden = HiddenState(shape, tables, weights.rows_of_embedding(tokens))
        self._inputs = self._queries = self._gate = np.zeros(0, dtype=np.float32)
        self._moments: Floats | None = None

    def round(self, role: Role, layer: int, matrix: Matrix) -> Quantized:
        """Advance the text to this matrix and round it."""
        if role == "embedding":
            return PlainRounder(self._weights, self._recipe).round(role, layer, matrix)
        inputs = self._inputs_of(role, layer)
        if role != "up":
            self._moments = second_moments(inputs)
        rounded = self._round_rows(matrix, self._recipe.grid(role))
        if role != "head":
            self._advance(role, inputs @ rounded.restore().T, self._weights.bias(matrix))
        return rounded

    def _inputs_of(self, role: Role, layer: int) -> Floats:
        match role:
            case "qkv":
                self._inputs = self._hidden.normal(self._norm(f"blk.{layer}.attn_norm"))
            case "attention_output":
                self._inputs = self._hidden.attend(self._queries, self._weights.head_norms(layer))
            case "gate":
                self._inputs = self._hidden.normal(self._norm(f"blk.{layer}.ffn_norm"))
            case "head":
                self._inputs = self._hidden.normal(self._norm("output_norm"))
            case _:
                pass
        return self._inputs

    def _advance(self, role: Role, product: Floats, bias: Floats | None) -> None:
        if bias is not None:
            product = product + bias
        match role:
            case "qkv":
                self._queries = product
            case "gate":
                self._gate = product
            case "up":
                self._inputs = gated(self._gate, product)
            case _:
                self._hidden.add(product)

    def _round_rows(self, matrix: Matrix, grid: Grid) -> Quantized:
        if grid.bits == 8 or self._moments is None:
            return stack([quantize(rows, grid) for rows in self._weights.slices(matrix)])
        compensate: Callable[[Floats], Quantized] = quantize_for(self._moments, grid)
        return stack([compensate(rows) for rows in self._weights.slices(matrix)])

    def _norm(self, name: str) -> Floats:
        return self._weights.vector(f"{name}.weight", self._shape.width)
