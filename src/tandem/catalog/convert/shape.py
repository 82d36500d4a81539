"""What a decoder looks like: the numbers of a GGUF header that shape the graph, checked once."""

from __future__ import annotations

from dataclasses import dataclass

from tandem.catalog.convert.gguf import GgufFile
from tandem.core.errors import ConversionFailed

ARCHITECTURES = ("llama", "qwen2", "qwen3", "phi3")
"""The architectures this converter knows, by their name in `general.architecture`."""

_LONGEST_CONTEXT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderShape:
    """The sizes of a decoder-only transformer; `window` is 0 where attention sees everything."""

    architecture: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_width: int
    feed_forward: int
    vocabulary: int
    context_tokens: int
    epsilon: float
    window: int
    rotary_width: int

    @property
    def kv_width(self) -> int:
        """Numbers in one token's keys of one layer."""
        return self.kv_heads * self.head_width

    @property
    def query_width(self) -> int:
        """Numbers in one token's queries of one layer."""
        return self.heads * self.head_width


def architecture_of(gguf: GgufFile) -> str:
    """The name in `general.architecture`; ConversionFailed where it is not one of ARCHITECTURES."""
    name = gguf.text("general.architecture")
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ConversionFailed(
            f"{gguf.path.name} has the architecture {name}, which Tandem cannot convert. Choose a model of {known}."
        )
    return name


def read_shape(gguf: GgufFile) -> DecoderShape:
    """The decoder's sizes from the header; ConversionFailed where they are missing or impossible."""
    name = architecture_of(gguf)
    _refuse_experts(gguf, name)
    width = gguf.integer(f"{name}.embedding_length")
    heads = gguf.integer(f"{name}.attention.head_count")
    head_width = gguf.integer(f"{name}.attention.key_length", width // heads if heads else 0)
    embedding = gguf.tensors.get("token_embd.weight")
    shape = DecoderShape(
        architecture=name,
        layers=gguf.integer(f"{name}.block_count"),
        width=width,
        heads=heads,
        kv_heads=gguf.integer(f"{name}.attention.head_count_kv", heads),
        head_width=head_width,
        feed_forward=gguf.integer(f"{name}.feed_forward_length"),
        vocabulary=embedding.shape[0] if embedding else len(gguf.texts("tokenizer.ggml.tokens")),
        context_tokens=_context(gguf, name),
        epsilon=gguf.number(f"{name}.attention.layer_norm_rms_epsilon"),
        window=gguf.integer(f"{name}.attention.sliding_window", 0),
        rotary_width=gguf.integer(f"{name}.rope.dimension_count", head_width),
    )
    _check(gguf, shape)
    return shape


def _context(gguf: GgufFile, name: str) -> int:
    """The trained context; YaRN beyond it is left out, since within it the model needs no scaling."""
    context = gguf.integer(f"{name}.context_length")
    if gguf.text(f"{name}.rope.scaling.type", "none") == "yarn":
        context = gguf.integer(f"{name}.rope.scaling.original_context_length", context)
    return context


def _refuse_experts(gguf: GgufFile, name: str) -> None:
    if gguf.integer(f"{name}.expert_count", 0) > 0:
        raise ConversionFailed(
            f"{gguf.path.name} is a mixture of experts, which Tandem cannot convert. Choose a dense model."
        )


def _check(gguf: GgufFile, shape: DecoderShape) -> None:
    numbers = (shape.layers, shape.width, shape.heads, shape.kv_heads, shape.head_width, shape.feed_forward)
    sound = (
        min(numbers) > 0
        and shape.heads % shape.kv_heads == 0
        and shape.head_width % 2 == 0
        and 0 < shape.rotary_width <= shape.head_width
        and shape.rotary_width % 2 == 0
        and 0 < shape.context_tokens <= _LONGEST_CONTEXT
    )
    if not sound:
        raise ConversionFailed(f"{gguf.path.name} describes an impossible network ({shape}). Fetch it again.")
