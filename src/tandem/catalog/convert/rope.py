"""Rotary position tables: the cosines and sines that attention turns its queries and keys by.

Source: Su et al., RoFormer, arXiv 2104.09864; long-context factors as in LongRoPE, arXiv 2402.13753.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tandem.catalog.convert.gguf import GgufFile
from tandem.catalog.convert.shape import DecoderShape
from tandem.core.errors import ConversionFailed

Floats: TypeAlias = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class RotaryTables:
    """Cosines and sines, each [positions, rotary width / 2].

    Models with two sets of factors use `far` as soon as the text is longer than `near_tokens`.
    """

    near: tuple[Floats, Floats]
    far: tuple[Floats, Floats] | None = None
    near_tokens: int = 0


def rotary_tables(gguf: GgufFile, shape: DecoderShape) -> RotaryTables:
    """The tables for every position of the context, with the factors that the file carries."""
    short, long = (_factors(gguf, f"rope_factors_{reach}.weight", shape) for reach in ("short", "long"))
    if short is None or long is None:
        factors = _factors(gguf, "rope_freqs.weight", shape)
        return RotaryTables(near=_table(gguf, shape, factors, positions=shape.context_tokens))
    name = shape.architecture
    near_tokens = gguf.integer(f"{name}.rope.scaling.original_context_length", shape.context_tokens)
    near = _table(gguf, shape, short, positions=min(near_tokens, shape.context_tokens))
    if near_tokens >= shape.context_tokens:
        return RotaryTables(near=near)
    far = _table(gguf, shape, long, positions=shape.context_tokens)
    return RotaryTables(near=near, far=far, near_tokens=near_tokens)


def _factors(gguf: GgufFile, tensor: str, shape: DecoderShape) -> Floats | None:
    if tensor not in gguf.tensors:
        return None
    entry = gguf.tensor(tensor, (shape.rotary_width // 2,))
    return gguf.rows(entry, 0, entry.shape[0])


def _table(gguf: GgufFile, shape: DecoderShape, factors: Floats | None, *, positions: int) -> tuple[Floats, Floats]:
    base = gguf.number(f"{shape.architecture}.rope.freq_base", 10_000.0)
    exponents = np.arange(0, shape.rotary_width, 2, dtype=np.float64) / shape.rotary_width
    turns = base**-exponents / _linear_factor(gguf, shape)
    if factors is not None:
        turns = turns / factors
    angles = np.outer(np.arange(positions, dtype=np.float64), turns)
    gain = gguf.number(f"{shape.architecture}.rope.scaling.attn_factor", 1.0)
    return (np.cos(angles) * gain).astype(np.float32), (np.sin(angles) * gain).astype(np.float32)


def _linear_factor(gguf: GgufFile, shape: DecoderShape) -> float:
    kind = gguf.text(f"{shape.architecture}.rope.scaling.type", "none")
    match kind:
        case "none" | "longrope" | "yarn":
            return 1.0
        case "linear":
            return gguf.number(f"{shape.architecture}.rope.scaling.factor", 1.0)
        case _:
            raise ConversionFailed(
                f"{gguf.path.name} scales positions by {kind}, which Tandem cannot convert. Choose another file."
            )
