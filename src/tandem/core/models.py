"""What is known about a model before it is asked: where it runs, what it can hold, what it can do, what it costs."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tandem.core.chat import Dialect, Place

Kind = Literal["chat", "embedding"]
Ability = Literal["tools", "json_schema", "logprobs", "reasoning", "images"]
MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model of the catalog.

    ``context_tokens`` counts prompt and answer together. ``path`` is the folder with ``genai_config.json`` of an
    installed device model, ``size_bytes`` what it occupies (or will, where it is not installed and that is known).
    ``provider`` names who serves a model that is not our engine's own, ``upstream_id`` what it is called there,
    ``dialects`` which original bodies it can be sent.
    ``tasks`` are the kinds of work it is meant for, by the labels of `tandem.routing.tasks`.
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
    provider: str = ""
    upstream_id: str = ""
    dialects: frozenset[Dialect] = frozenset()
    usd_per_million_input_tokens: Decimal | None = None
    usd_per_million_cached_input_tokens: Decimal | None = None
    usd_per_million_output_tokens: Decimal | None = None

    def cost_usd(self, *, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> Decimal | None:
        """What an answer costs, ``cached_tokens`` being a part of ``prompt_tokens``; ``None`` where no price is known.

        Models on this device cost nothing here: electricity is counted by the comparison, not by the gateway.
        """
        read, written = self.usd_per_million_input_tokens, self.usd_per_million_output_tokens
        if read is None or written is None:
            return Decimal(0) if self.place == "device" else None
        cached = self.usd_per_million_cached_input_tokens
        again = min(cached_tokens, prompt_tokens)
        total = (prompt_tokens - again) * read + again * (read if cached is None else cached)
        return (total + completion_tokens * written) / MILLION
