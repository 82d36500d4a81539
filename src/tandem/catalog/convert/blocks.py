"""GGUF's block formats, turned into float32.

A tensor is a row of blocks; a block holds 32 or 256 weights, their small integers and their scales.
Every decoder takes bytes of shape [blocks, bytes of a block] and gives float32 [blocks, weights of a block].
Source of the layouts: ggml-common.h and ggml-quants.c of the ggml project.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFormat:
    """One tensor type: its name, how many weights and bytes a block has, and how to decode it."""

    name: str
    weights: int
    bytes: int
    decode: Callable[[Bytes], Floats]


def _f32(blocks: Bytes) -> Floats:
    return blocks.view("<f4").astype(np.float32, copy=False)


def _f16(blocks: Bytes) -> Floats:
    return blocks.view("<f2").astype(np.float32)


def _bf16(blocks: Bytes) -> Floats:
    return (blocks.view("<u2").astype(np.uint32) << 16).view(np.float32)


def _q8_0(blocks: Bytes) -> Floats:
    return _half(blocks, 0) * blocks[:, 2:].view(np.int8)


def _q4_0(blocks: Bytes) -> Floats:
    return _half(blocks, 0) * (_nibbles(blocks[:, 2:]) - np.float32(8))


def _q4_1(blocks: Bytes) -> Floats:
    return _half(blocks, 0) * _nibbles(blocks[:, 4:]) + _half(blocks, 2)


def _q5_0(blocks: Bytes) -> Floats:
    return _half(blocks, 0) * (_nibbles(blocks[:, 6:]) + _fifth_bits(blocks[:, 2:6]) - np.float32(16))


def _q5_1(blocks: Bytes) -> Floats:
    return _half(blocks, 0) * (_nibbles(blocks[:, 8:]) + _fifth_bits(blocks[:, 4:8])) + _half(blocks, 2)


def _q4_k(blocks: Bytes) -> Floats:
    quants = _nibbles(blocks[:, 16:].reshape(-1, 32)).reshape(-1, 8, 32)
    return _k_affine(blocks, quants)


def _q5_k(blocks: Bytes) -> Floats:
    quants = _nibbles(blocks[:, 48:].reshape(-1, 32)).reshape(-1, 8, 32)
    shifts = np.arange(8, dtype=np.uint8)[None, :, None]
    high = (blocks[:, None, 16:48] >> shifts) & 1
    return _k_affine(blocks, quants + high.astype(np.float32) * 16)


def _q6_k(blocks: Bytes) -> Floats:
    low = blocks[:, :128].reshape(-1, 2, 1, 64) >> np.array([0, 4], dtype=np.uint8)[:, None] & 0x0F
    high = blocks[:, 128:192].reshape(-1, 2, 1, 32) >> np.array([0, 2, 4, 6], dtype=np.uint8)[:, None] & 0x03
    quants = (low.reshape(-1, 256) | high.reshape(-1, 256) << 4).astype(np.float32) - 32
    scales = _half(blocks, 208) * blocks[:, 192:208].view(np.int8)
    return (quants.reshape(-1, 16, 16) * scales[:, :, None]).reshape(-1, 256)


def _half(blocks: Bytes, at: int) -> Floats:
    """The float16 at byte `at` of every block, as a column."""
    return np.ascontiguousarray(blocks[:, at : at + 2]).view("<f2").astype(np.float32)


def _nibbles(packed: Bytes) -> Floats:
    """All low halves of a row of bytes, then all high halves."""
    return np.concatenate([packed & 0x0F, packed >> 4], axis=1).astype(np.float32)


def _fifth_bits(packed: Bytes) -> Floats:
    """32 bits of a row, each worth 16."""
    return np.unpackbits(packed, axis=1, bitorder="little").astype(np.float32) * 16


def _k_affine(blocks: Bytes, quants: Floats) -> Floats:
    """Apply the eight 6-bit scales and minima of a 256-weight block to `quants` [blocks, 8, 32]."""
    packed = blocks[:, 4:16]
    first, second, third = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = np.concatenate([first & 63, (third & 0x0F) | (first >> 6) << 4], axis=1)
    minima = np.concatenate([second & 63, (third >> 4) | (second >> 6) << 4], axis=1)
    scale = _half(blocks, 0) * scales
    minimum = _half(blocks, 2) * minima
    return (quants * scale[:, :, None] - minimum[:, :, None]).reshape(-1, 256)


FORMATS = {
    0: BlockFormat(name="F32", weights=1, bytes=4, decode=_f32),
    1: BlockFormat(name="F16", weights=1, bytes=2, decode=_f16),
    2: BlockFormat(name="Q4_0", weights=32, bytes=18, decode=_q4_0),
    3: BlockFormat(name="Q4_1", weights=32, bytes=20, decode=_q4_1),
    6: BlockFormat(name="Q5_0", weights=32, bytes=22, decode=_q5_0),
    7: BlockFormat(name="Q5_1", weights=32, bytes=24, decode=_q5_1),
    8: BlockFormat(name="Q8_0", weights=32, bytes=34, decode=_q8_0),
    12: BlockFormat(name="Q4_K", weights=256, bytes=144, decode=_q4_k),
    13: BlockFormat(name="Q5_K", weights=256, bytes=176, decode=_q5_k),
    14: BlockFormat(name="Q6_K", weights=256, bytes=210, decode=_q6_k),
    30: BlockFormat(name="BF16", weights=1, bytes=2, decode=_bf16),
}
"""The formats this converter reads, by their number in a GGUF file."""

UNREAD = {
    9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip
"""Names of the formats this converter does not read, so that an error can name them."""
