"""How many bits each matrix gets. The numbers behind these choices are in docs/converter.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tandem.catalog.convert.quantize import Grid

Precision: TypeAlias = Literal["int4", "int8"]
Role: TypeAlias = Literal["embedding", "qkv", "attention_output", "gate", "up", "down", "head"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The grid of every role, and whether matrices are rounded for a calibration text.

    With `tied` a model whose head is its embedding stores both once, on the head's grid.
    """

    name: str
    layers: Grid
    head: Grid
    embedding: Grid
    tied: bool
    calibrated: bool

    def grid(self, role: Role) -> Grid:
        """The grid of a matrix."""
        match role:
            case "head":
                return self.head
            case "embedding":
                return self.embedding
            case _:
                return self.layers


_FOUR = Grid(bits=4, block=32)
_EIGHT = Grid(bits=8, block=32)

RECIPES: Mapping[Precision, Recipe] = {
    "int4": Recipe(
        name="int4",
        layers=_FOUR,
        head=_FOUR,
        embedding=Grid(bits=8, block=32, symmetric=True),
        tied=False,
        calibrated=True,
    ),
    "int8": Recipe(name="int8", layers=_EIGHT, head=_EIGHT, embedding=_EIGHT, tied=True, calibrated=False),
}
