"""What is known about a model before it is asked: where it runs, what it can hold, what it can do, what it costs."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tandem.core.chat import Place

Kind = Literal["chat", "embedding"]
Ability = Literal["tools", "json_schema", "logprobs", "reasoning", "images"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model of the catalog.

    ``context_tokens`` counts prompt and answer together. ``path`` is the folder with ``genai_config.json`` of an
    installed device model, ``size_bytes`` what it occupies (or will, where it is not installed and that is known).
    ``created`` is in Unix seconds. Prices are for a million tokens; ``None`` means not known, 0 means free.
    """

    id: str
    kind: Kind
    place: Place
    context_tokens: int
    source: str
    name: str = ""
    description: str = ""
    licence: str = ""
    installed: bool = False
    loaded: bool = False
    path: str | None = None
    size_bytes: int | None = None
    created: int = 0
    dimensions: int | None = None
    abilities: frozenset[Ability] = frozenset()
    tasks: tuple[str, ...] = ()
    usd_per_million_input_tokens: Decimal | None = None
    usd_per_million_output_tokens: Decimal | None = None
