"""Rounding never errs more than plain rounding, and packs as MatMulNBits reads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tandem.catalog.convert.compensate import quantize_for, second_moments
from tandem.catalog.convert.quantize import Grid, quantize, stack

GRIDS = [
    Grid(bits=4, block=32),
    Grid(bits=4, block=16),
    Grid(bits=4, block=32, symmetric=True),
    Grid(bits=8, block=32, symmetric=True),
    Grid(bits=8, block=32),
]


def some_weights(seed: int, rows: int, columns: int) -> NDArray[np.floating]:
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 1, (rows, columns)) * rng.lognormal(0, 1, (rows, 1))).astype(np.float32)


def plainly_rounded(weight: NDArray[np.floating], grid: Grid) -> NDArray[np.floating]:
    """Round to nearest between each block's extremes, zero included."""
    blocks = weight.reshape(-1, grid.block)
    low, high = np.minimum(blocks.min(1, keepdims=True), 0), np.maximum(blocks.max(1, keepdims=True), 0)
    scale = np.maximum(high - low, 1e-20) / grid.levels
    zero = np.rint(-low / scale)
    if grid.symmetric:
        scale, zero = np.maximum(high, -low) / (grid.middle - 1), np.full_like(low, grid.middle)
    steps = np.clip(np.rint(blocks / scale), -zero, grid.levels - zero)
    return (steps * scale).reshape(weight.shape)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_searched_rounding_is_never_worse_than_plain_rounding(grid: Grid, seed: int) -> None:
    weight = some_weights(seed, 6, 64)
    ours = np.square(weight - quantize(weight, grid).restore()).reshape(-1, grid.block).sum(1)
    plain = np.square(weight - plainly_rounded(weight, grid)).reshape(-1, grid.block).sum(1)
    assert (ours <= plain * 1.001 + 1e-9).all()


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_what_lies_on_the_grid_is_kept_exactly(grid: Grid) -> None:
    rng = np.random.default_rng(5)
    steps = rng.integers(-(grid.middle - 1), grid.middle, (4, 96))
    steps[:, :: grid.block], steps[:, 1 :: grid.block] = grid.middle - 1, -(grid.middle - 1)
    weight = (steps * 0.25).astype(np.float32)
    error = np.abs(quantize(weight, grid).restore() - weight).max()
    assert error < 0.25 * (0.01 if grid.symmetric else 1)


@given(columns=st.integers(1, 100), seed=st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_rows_of_any_length_keep_their_shape(columns: int, seed: int) -> None:
    weight = some_weights(seed, 3, columns)
    for grid in GRIDS:
        restored = quantize(weight, grid).restore()
        assert restored.shape == weight.shape
        assert np.abs(restored - weight).max() <= np.abs(weight).max() * 0.3


def test_a_row_of_zeros_stays_zero() -> None:
    for grid in GRIDS:
        assert not quantize(np.zeros((2, 64), dtype=np.float32), grid).restore().any()


def test_bands_of_rows_stack_to_the_whole() -> None:
    weight, grid = some_weights(1, 8, 64), GRIDS[0]
    whole, bands = quantize(weight, grid), stack([quantize(weight[:3], grid), quantize(weight[3:], grid)])
    np.testing.assert_array_equal(whole.restore(), bands.restore())


@given(seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_compensated_rounding_keeps_products_closer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mixing = rng.normal(0, 1, (64, 64)) * rng.lognormal(0, 1, 64)
    inputs = (rng.normal(0, 1, (400, 64)) @ mixing).astype(np.float32)
    weight, grid = some_weights(seed, 32, 64), GRIDS[0]
    plain = quantize(weight, grid).restore()
    compensated = quantize_for(second_moments(inputs), grid)(weight).restore()
    assert np.square(inputs @ (weight - compensated).T).sum() < np.square(inputs @ (weight - plain).T).sum()
