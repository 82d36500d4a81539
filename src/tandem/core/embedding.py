"""What is asked of an embedder and what it answers."""

from array import array
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRequest:
    """Texts (or token id sequences) to embed, in order. ``dimensions`` cuts and renormalizes each vector."""

    id: str
    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """One vector of unit length for each input, in order, as float32 arrays of equal length.

    ``because`` names the rules that chose the model, as `tandem.core.chat.Started` does.
    """

    model: str
    vectors: tuple["array[float]", ...]
    prompt_tokens: int
    because: tuple[str, ...] = ()
