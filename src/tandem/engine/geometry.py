"""The shape of a decoder's KV cache, read from ``genai_config.json``, and what it costs in memory."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from tandem.core.errors import CorruptFile

FIRST_CAPACITY_TOKENS = 1024
BYTES_PER_NUMBER = 4


PLAIN_TYPES = frozenset({"llama", "qwen2", "qwen3"})
"""Decoders whose positions and attention depend on nothing but the tokens before, however long the text is."""


class _SessionOptions(Struct, frozen=True):
    provider_options: tuple[msgspec.Raw, ...] = ()


class _Decoder(Struct):
    filename: str
    head_size: int
    num_hidden_layers: int
    num_key_value_heads: int
    session_options: _SessionOptions = _SessionOptions()
    sliding_window: msgspec.Raw | None = None


class _Model(Struct):
    type: str
    decoder: _Decoder
    context_length: int
    vocab_size: int


class _GenAIConfig(Struct):
    model: _Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Layers, KV heads and head size; the KV of one layer is [heads, tokens, head size], twice.

    ``plain`` decoders run on the CPU by the plain rules, so that the engine may hold their KV itself.
    """

    filename: str
    layers: int
    kv_heads: int
    head_size: int
    vocabulary_size: int
    context_tokens: int
    plain: bool

    @classmethod
    def read(cls, folder: Path) -> "Geometry":
        """Read ``genai_config.json``. Raises `CorruptFile` where it is missing or says something else."""
        path = folder / "genai_config.json"
        try:
            model = msgspec.json.decode(path.read_bytes(), type=_GenAIConfig).model
        except (OSError, msgspec.DecodeError) as error:
            raise CorruptFile(f"{path} cannot be read: {error}. Pull or import the model again.") from error
        decoder = model.decoder
        return cls(
            filename=decoder.filename,
            layers=decoder.num_hidden_layers,
            kv_heads=decoder.num_key_value_heads,
            head_size=decoder.head_size,
            vocabulary_size=model.vocab_size,
            context_tokens=model.context_length,
            plain=model.type in PLAIN_TYPES
            and not decoder.session_options.provider_options
            and not decoder.sliding_window,
        )

    @property
    def kv_bytes_per_token(self) -> int:
        """Keys and values of all layers, in float32."""
        return 2 * self.layers * self.kv_heads * self.head_size * BYTES_PER_NUMBER

    def capacity_for(self, tokens: int) -> int:
        """The buffer that holds so many tokens: powers of two from `FIRST_CAPACITY_TOKENS`, at most the context."""
        capacity = FIRST_CAPACITY_TOKENS
        while capacity < tokens:
            capacity *= 2
        return min(capacity, self.context_tokens)
