"""Tiny GGUF files of every architecture, written by the `gguf` package, with weights that make mistakes visible."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from gguf.quants import quantize
from numpy.typing import NDArray

WIDTH, FEED_FORWARD, LAYERS, HEADS, KV_HEADS = 64, 128, 2, 4, 2
BYTE_TOKENS = [chr(code) for code in [*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 324)]]
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *BYTE_TOKENS, "he", "ll", "hell", "hello"]
MERGES = ["h e", "l l", "he ll", "hell o"]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiny:
    """What varies from one tiny model to the next."""

    architecture: str = "llama"
    head_width: int = 16
    tied: bool = True
    kind: GGMLQuantizationType = GGMLQuantizationType.Q8_0
    context_tokens: int = 64
    near_tokens: int = 0
    window: int = 0
    frequency_factors: bool = False
    tokenizer_pre: str = "smollm"
    seed: int = 7
    extra: dict[str, str] = field(default_factory=dict[str, str])


def write_tiny(path: Path, tiny: Tiny) -> Path:
    """Write the model `tiny` to `path`."""
    writer = GGUFWriter(path, tiny.architecture)
    _write_header(writer, tiny)
    _write_tokenizer(writer, tiny)
    for name, values in weights_of(tiny).items():
        kind = tiny.kind if values.ndim == 2 and values.shape[-1] % 32 == 0 else GGMLQuantizationType.F32
        writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def weights_of(tiny: Tiny) -> dict[str, NDArray[np.floating]]:
    """Random weights, large enough that attention attends and norms matter."""
    rng = np.random.default_rng(tiny.seed)
    query, kv = HEADS * tiny.head_width, KV_HEADS * tiny.head_width
    shapes: dict[str, tuple[int, ...]] = {"token_embd": (len(TOKENS), WIDTH), "output_norm": (WIDTH,)}
    if not tiny.tied:
        shapes["output"] = (len(TOKENS), WIDTH)
    for layer in range(LAYERS):
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in _layer_shapes(tiny, query, kv).items()}
    weights = {f"{name}.weight": _random(rng, shape) for name, shape in shapes.items()}
    if tiny.architecture == "qwen2":
        for layer in range(LAYERS):
            for part, rows in (("q", query), ("k", kv), ("v", kv)):
                weights[f"blk.{layer}.attn_{part}.bias"] = rng.normal(0, 0.5, rows).astype(np.float32)
    half = tiny.head_width // 2
    if tiny.frequency_factors:
        weights["rope_freqs.weight"] = np.linspace(1, 4, half, dtype=np.float32)
    if tiny.near_tokens:
        weights["rope_factors_short.weight"] = np.linspace(1, 2, half, dtype=np.float32)
        weights["rope_factors_long.weight"] = np.linspace(2, 8, half, dtype=np.float32)
    return weights


def _layer_shapes(tiny: Tiny, query: int, kv: int) -> dict[str, tuple[int, ...]]:
    shared: dict[str, tuple[int, ...]] = {
        "attn_norm": (WIDTH,),
        "ffn_norm": (WIDTH,),
        "attn_output": (WIDTH, query),
        "ffn_down": (WIDTH, FEED_FORWARD),
    }
    if tiny.architecture == "phi3":
        return shared | {"attn_qkv": (query + 2 * kv, WIDTH), "ffn_up": (2 * FEED_FORWARD, WIDTH)}
    norms = {"attn_q_norm": (tiny.head_width,), "attn_k_norm": (tiny.head_width,)}
    return (
        shared
        | {"attn_q": (query, WIDTH), "attn_k": (kv, WIDTH), "attn_v": (kv, WIDTH)}
        | {"ffn_gate": (FEED_FORWARD, WIDTH), "ffn_up": (FEED_FORWARD, WIDTH)}
        | (norms if tiny.architecture == "qwen3" else {})
    )


def _random(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.floating]:
    if len(shape) == 1:
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    return rng.normal(0, 1 / np.sqrt(shape[1]), shape).astype(np.float32)


def _write_header(writer: GGUFWriter, tiny: Tiny) -> None:
    writer.add_name("Tiny")
    writer.add_license("mit")
    writer.add_block_count(LAYERS)
    writer.add_context_length(tiny.context_tokens)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(tiny.head_width)
    writer.add_value_length(tiny.head_width)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(tiny.head_width)
    writer.add_layer_norm_rms_eps(1e-5)
    if tiny.window:
        writer.add_sliding_window(tiny.window)
    if tiny.near_tokens:
        writer.add_rope_scaling_orig_ctx_len(tiny.near_tokens)
        writer.add_rope_scaling_attn_factors(1.1)
    for key, value in tiny.extra.items():
        writer.add_string(key, value)


def _write_tokenizer(writer: GGUFWriter, tiny: Tiny) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(tiny.tokenizer_pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types([TokenType.CONTROL] * 3 + [TokenType.NORMAL] * (len(TOKENS) - 3))
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
