"""Rounding a matrix so that its products, not its weights, stay close to the original.

Weights are rounded one input at a time. The error made so far is known, and so is how the inputs move together
on a calibration text (their second moments H); each next weight first takes over what it can of that error.
With H = R Rᵀ, R upper triangular, the error of the products is |Rᵀ e|² for weight errors e, and its j-th term
vanishes when w_j moves by the sum over i < j of R_ij e_i / R_jj. This is GPTQ (Frantar et al., arXiv 2210.17323)
in the form of Babai's nearest plane (Chen et al., arXiv 2507.18553), which needs no inverse of H.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tandem.catalog.convert.quantize import Grid, Quantized, assemble, search

Floats: TypeAlias = NDArray[np.floating]

_DAMPING = 0.03
_BAND = 16


def second_moments(inputs: Floats) -> Floats:
    """How inputs [..., columns] move together: the mean of x xᵀ, [columns, columns]."""
    flat = inputs.reshape(-1, inputs.shape[-1])
    return flat.T @ flat / np.float32(len(flat))


def quantize_for(moments: Floats, grid: Grid) -> Callable[[Floats], Quantized]:
    """A function that rounds rows [rows, columns] to `grid` for inputs with these second moments."""
    strength = np.diag(moments).copy()
    order = np.argsort(-strength)
    spread = _spread(moments[np.ix_(order, order)])

    def compensate(rows: Floats) -> Quantized:
        scales, zeros = search(rows, grid, strength)
        scale_of, zero_of = (_per_column(table, grid, order) for table in (scales, zeros))
        steps = _round_in_order(np.ascontiguousarray(rows.T[order]), spread, scale_of, zero_of, grid)
        unordered = np.empty_like(rows)
        unordered[:, order] = steps.T
        return assemble(unordered, scales, zeros, grid)

    return compensate


def _per_column(table: Floats, grid: Grid, order: NDArray[np.intp]) -> Floats:
    """One value for every weight from one for every block: [columns in order, rows]."""
    return np.ascontiguousarray(np.repeat(table.T, grid.block, axis=0)[order])


def _spread(moments: Floats) -> Floats:
    """How much of each earlier error a weight takes over: R_ij / R_jj, as a lower triangle [j, i]."""
    damped = moments.copy()
    diagonal = np.einsum("ii->i", damped)
    diagonal += np.float32(_DAMPING) * diagonal.mean() + np.float32(1e-9)
    upper = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    return np.ascontiguousarray((upper / np.diag(upper)).T)


def _round_in_order(weight: Floats, spread: Floats, scales: Floats, zeros: Floats, grid: Grid) -> Floats:
    """Steps from the zero point, [columns, rows] like all arguments, strongest input first."""
    steps = np.empty_like(weight)
    errors = np.zeros_like(weight)
    for first in range(0, len(weight), _BAND):
        last = min(first + _BAND, len(weight))
        targets = weight[first:last] + spread[first:last, :first] @ errors[:first]
        for column in range(first, last):
            step = np.rint(targets[column - first] / scales[column])
            np.clip(step, -zeros[column], grid.levels - zeros[column], out=step)
            steps[column] = step
            errors[column] = weight[column] - step * scales[column]
            # by hand: BLAS would wake its threads for every column, which is slow on a busy machine
            targets[column - first + 1 :] += spread[column + 1 : last, column, None] * errors[column]
    return steps
