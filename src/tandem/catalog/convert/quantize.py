"""Rounding matrices to 4 or 8 bits in the layout of ONNX Runtime's MatMulNBits.

A row is cut into blocks; the weights of a block become whole numbers q with w = scale * (q - zero point).
Where plain rounding takes the scale from the block's extremes, `quantize` tries narrower and wider ranges and
neighbouring zero points, refits the scale by least squares each time, and keeps what errs least, block by block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating]
Bytes: TypeAlias = NDArray[np.uint8]

_STRETCHES = (1.0, 0.9, 0.8)
_SHIFTS = (0, -1, 1)
_BAND_WEIGHTS = 1 << 18
_THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How finely to round: bits of a weight, weights of a block, and whether zero points are free.

    A symmetric grid has its zero in the middle and stores no zero points.
    """

    bits: int
    block: int
    symmetric: bool = False

    @property
    def levels(self) -> int:
        """The largest whole number that a weight can become."""
        return (1 << self.bits) - 1

    @property
    def middle(self) -> int:
        """The zero point of a symmetric grid, which is MatMulNBits' default."""
        return 1 << (self.bits - 1)

    def blocks(self, columns: int) -> int:
        """Blocks in a row of `columns` weights."""
        return -(-columns // self.block)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantized:
    """A rounded matrix: `packed` [rows, blocks, bytes], `scales` [rows, blocks], `zero_points` [rows, bytes]."""

    grid: Grid
    rows: int
    columns: int
    packed: Bytes
    scales: Floats
    zero_points: Bytes | None

    def restore(self) -> Floats:
        """The matrix that MatMulNBits multiplies by, float32 [rows, columns]."""
        blocks = self.grid.blocks(self.columns)
        quants = _unpack(self.packed.reshape(self.rows, -1), self.grid.bits).reshape(self.rows, blocks, -1)
        zeros = np.full((self.rows, blocks), self.grid.middle, dtype=np.uint8)
        if self.zero_points is not None:
            zeros = _unpack(self.zero_points, self.grid.bits)[:, :blocks]
        values = (quants.astype(np.float32) - zeros[:, :, None]) * self.scales[:, :, None]
        return values.reshape(self.rows, -1)[:, : self.columns]


def quantize(weight: Floats, grid: Grid) -> Quantized:
    """Round `weight` [rows, columns] to `grid` with a searched scale and zero point for every block."""
    scales, zeros = search(weight, grid, None)
    blocks = _cut(weight, grid)
    steps = _round(blocks, scales.reshape(-1), zeros.reshape(-1), grid)
    return assemble(steps.reshape(len(weight), -1)[:, : weight.shape[1]], scales, zeros, grid)


def search(weight: Floats, grid: Grid, strength: Floats | None) -> tuple[Floats, Floats]:
    """Scales and zero points [rows, blocks] that err least, weighing columns by `strength` where it is given."""
    rows, columns = weight.shape
    weighing = np.ones(columns, dtype=np.float32) if strength is None else strength / max(strength.max(), 1e-30)
    importance = _cut((weighing + np.float32(1e-6))[None, :], grid)
    step = max(1, _BAND_WEIGHTS // columns)
    bands = [_cut(weight[first : first + step], grid) for first in range(0, rows, step)]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(_search_band, bands, repeat(importance), repeat(grid)))
    scales, zeros = (np.concatenate([pair[part] for pair in found]).reshape(rows, -1) for part in (0, 1))
    return scales, zeros


def assemble(steps: Floats, scales: Floats, zeros: Floats, grid: Grid) -> Quantized:
    """Pack whole steps from the zero points, [rows, columns], with their scales and zeros [rows, blocks]."""
    rows, columns = steps.shape
    quants = (_cut(steps, grid) + zeros.reshape(-1, 1)).astype(np.uint8)
    packed = _pack(quants.reshape(rows, -1), grid.bits)
    return Quantized(
        grid=grid,
        rows=rows,
        columns=columns,
        packed=packed.reshape(rows, grid.blocks(columns), -1),
        scales=scales,
        zero_points=None if grid.symmetric else _pack(zeros.astype(np.uint8), grid.bits),
    )


def stack(bands: Sequence[Quantized]) -> Quantized:
    """One matrix from bands of its rows, top to bottom."""
    first = bands[0]
    zeros = [band.zero_points for band in bands if band.zero_points is not None]
    return Quantized(
        grid=first.grid,
        rows=sum(band.rows for band in bands),
        columns=first.columns,
        packed=np.concatenate([band.packed for band in bands]),
        scales=np.concatenate([band.scales for band in bands]),
        zero_points=np.concatenate(zeros) if zeros else None,
    )


def _cut(weight: Floats, grid: Grid) -> Floats:
    """Blocks [rows * blocks, block]; the last block of a row is filled with zeros."""
    missing = -weight.shape[1] % grid.block
    padded = np.pad(weight, ((0, 0), (0, missing))) if missing else weight
    return padded.reshape(-1, grid.block)


def _search_band(blocks: Floats, importance: Floats, grid: Grid) -> tuple[Floats, Floats]:
    """The best scale and zero point of each block; `importance` [blocks of a row, block] repeats for every row."""
    by_row = blocks.reshape(-1, *importance.shape)
    weighed = (by_row * importance).reshape(blocks.shape)
    best = np.full(len(blocks), np.inf, dtype=np.float32)
    scales = np.ones(len(blocks), dtype=np.float32)
    zeros = np.full(len(blocks), grid.middle, dtype=np.float32)
    for scale, zero in _starts(blocks, grid):
        steps = _round(blocks, scale, zero, grid)
        along = np.einsum("bw,bw->b", weighed, steps)
        steps_by_row = steps.reshape(by_row.shape)
        square = np.einsum("rbw,bw->rb", np.square(steps_by_row), importance).reshape(-1)
        fitted = np.where(square > 0, along / np.where(square > 0, square, 1), scale).astype(np.float32)
        # |w - s q|² less the constant |w|², at the least-squares scale s
        error = np.square(fitted) * square - 2 * fitted * along
        better = (error < best) & (fitted != 0)
        for kept, new in ((best, error), (scales, fitted), (zeros, zero)):
            np.copyto(kept, new, where=better)
    return scales, zeros


def _starts(blocks: Floats, grid: Grid) -> Iterator[tuple[Floats, Floats]]:
    """Scales and zero points worth trying, each [blocks]; the first is what plain rounding takes."""
    low = np.minimum(blocks.min(axis=1), 0)
    high = np.maximum(blocks.max(axis=1), 0)
    if grid.bits == 8:
        yield _plain_start(low, high, grid)
        return
    if grid.symmetric:
        yield from _symmetric_starts(low, high, grid)
        return
    full = np.where(high > low, high - low, 1) / grid.levels
    for stretch in _STRETCHES:
        scale = (full * stretch).astype(np.float32)
        for shift in _SHIFTS:
            zero = np.clip(np.rint(-low / scale) + shift, 0, grid.levels).astype(np.float32)
            yield scale, zero


def _plain_start(low: Floats, high: Floats, grid: Grid) -> tuple[Floats, Floats]:
    """Eight bits are fine enough for the extremes to set the scale."""
    if grid.symmetric:
        largest = np.maximum(high, -low)
        scale = np.where(largest > 0, largest, 1) / (grid.middle - 1)
        return scale.astype(np.float32), np.full(len(low), grid.middle, dtype=np.float32)
    scale = (np.where(high > low, high - low, 1) / grid.levels).astype(np.float32)
    return scale, np.clip(np.rint(-low / scale), 0, grid.levels).astype(np.float32)


def _symmetric_starts(low: Floats, high: Floats, grid: Grid) -> Iterator[tuple[Floats, Floats]]:
    """The middle is one step off centre, so the longer side may lie on either sign of the scale."""
    zero = np.full(len(low), grid.middle, dtype=np.float32)
    largest = np.maximum(high, -low)
    even = np.where(largest > 0, largest, 1) / (grid.middle - 1)
    longer = np.where(high > -low, -high, -low) / grid.middle
    signed = np.where(longer != 0, longer, 1)
    for stretch in _STRETCHES:
        yield (even * stretch).astype(np.float32), zero
        yield (signed * stretch).astype(np.float32), zero


def _round(blocks: Floats, scale: Floats, zero: Floats, grid: Grid) -> Floats:
    """Whole steps from the zero point, kept within what the bits can hold."""
    steps = np.rint(blocks / scale[:, None])
    return np.clip(steps, -zero[:, None], (grid.levels - zero)[:, None], out=steps)


def _pack(values: Bytes, bits: int) -> Bytes:
    """Put 4-bit values two to a byte, the first in the low half; a row of odd length is filled with zero."""
    if bits == 8:
        return values
    even: Bytes = np.pad(values, ((0, 0), (0, values.shape[1] % 2)))
    return np.bitwise_or(even[:, ::2], even[:, 1::2] << 4, dtype=np.uint8)


def _unpack(packed: Bytes, bits: int) -> Bytes:
    if bits == 8:
        return packed
    halves: Bytes = np.empty((len(packed), packed.shape[1], 2), dtype=np.uint8)
    np.bitwise_and(packed, 0x0F, out=halves[:, :, 0])
    np.right_shift(packed, 4, out=halves[:, :, 1])
    return halves.reshape(len(packed), -1)
