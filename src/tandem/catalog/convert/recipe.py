"""How many bits each matrix gets. The numbers behind these choices are in docs/converter.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tandem.catalog.convert.quantize import Grid

Precision: TypeAlias = Literal["int4", "int8"]
Role: TypeAlias = Literal["qkv", "attention_output", "gate_up", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Grids of the layers' matrices, by layer, role and number of layers, and of the two ends of the model."""

    layer: Callable[[int, Role, int], Grid]
    head: Grid
    embedding: Grid


_FINE = Grid(bits=8, block=32, symmetric=True)


def _int8_layer(layer: int, role: Role, layers: int) -> Grid:
    del layer, role, layers
    return _FINE


def _int4_layer(layer: int, role: Role, layers: int) -> Grid:
    del layer, role, layers
    return Grid(bits=4, block=16)


RECIPES = {
    "int8": Recipe(layer=_int8_layer, head=_FINE, embedding=_FINE),
    "int4": Recipe(layer=_int4_layer, head=_FINE, embedding=_FINE),
}
