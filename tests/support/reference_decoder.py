"""A decoder read straight off the ggml conventions, in float64 and loops: slow, plain, and not ours.

It takes tensors by the `gguf` package and keeps llama's interleaved rotary pairs as the file has them, so that it
shares neither code nor layout with the converter.
"""

from pathlib import Path

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from numpy.typing import NDArray

from support.tiny_gguf import HEADS, KV_HEADS, LAYERS, Tiny

Array = NDArray[np.float64]


class ReferenceDecoder:
    """Logits of a tiny GGUF file."""

    def __init__(self, path: Path, tiny: Tiny) -> None:
        self._tiny = tiny
        self._tensors: dict[str, Array] = {
            tensor.name: dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
            for tensor in GGUFReader(path).tensors
        }

    def logits(self, tokens: list[int]) -> Array:
        """Logits [tokens, vocabulary] of a whole text."""
        hidden = self._tensors["token_embd.weight"][tokens]
        for layer in range(LAYERS):
            hidden = hidden + self._attention(layer, hidden)
            hidden = hidden + self._feed_forward(layer, hidden)
        head = self._tensors.get("output.weight", self._tensors["token_embd.weight"])
        return _norm(hidden, self._tensors["output_norm.weight"]) @ head.T

    def _linear(self, name: str, values: Array) -> Array:
        return values @ self._tensors[f"{name}.weight"].T + self._tensors.get(f"{name}.bias", np.zeros(1))

    def _attention(self, layer: int, hidden: Array) -> Array:
        at = f"blk.{layer}"
        normal = _norm(hidden, self._tensors[f"{at}.attn_norm.weight"])
        query, key, value = self._projections(at, normal)
        outputs = np.zeros((len(hidden), HEADS, self._tiny.head_width))
        for position in range(len(hidden)):
            first = max(0, position - self._tiny.window + 1) if self._tiny.window else 0
            for head in range(HEADS):
                group = head * KV_HEADS // HEADS
                scores = key[first : position + 1, group] @ query[position, head] / np.sqrt(self._tiny.head_width)
                shares = np.exp(scores - scores.max())
                outputs[position, head] = shares / shares.sum() @ value[first : position + 1, group]
        return self._linear(f"{at}.attn_output", outputs.reshape(len(hidden), -1))

    def _projections(self, at: str, normal: Array) -> tuple[Array, Array, Array]:
        width, count = self._tiny.head_width, len(normal)
        if self._tiny.architecture == "phi3":
            both = self._linear(f"{at}.attn_qkv", normal)
            query, key, value = np.split(both, [HEADS * width, (HEADS + KV_HEADS) * width], axis=1)
        else:
            query, key, value = (self._linear(f"{at}.attn_{part}", normal) for part in "qkv")
        query, key = query.reshape(count, HEADS, width), key.reshape(count, KV_HEADS, width)
        if self._tiny.architecture == "qwen3":
            query = _norm(query, self._tensors[f"{at}.attn_q_norm.weight"])
            key = _norm(key, self._tensors[f"{at}.attn_k_norm.weight"])
        return self._turn(query), self._turn(key), value.reshape(count, KV_HEADS, width)

    def _turn(self, heads: Array) -> Array:
        half = self._tiny.head_width // 2
        speeds = 10_000.0 ** (-np.arange(half) / half) / self._factors(len(heads))
        gain = 1.1 if self._tiny.near_tokens else 1.0
        turned = np.empty_like(heads)
        for position in range(len(heads)):
            for pair in range(half):
                first, second = (2 * pair, 2 * pair + 1) if self._tiny.architecture == "llama" else (pair, pair + half)
                cos, sin = np.cos(position * speeds[pair]) * gain, np.sin(position * speeds[pair]) * gain
                x, y = heads[position, :, first], heads[position, :, second]
                turned[position, :, first], turned[position, :, second] = x * cos - y * sin, x * sin + y * cos
        return turned

    def _factors(self, tokens: int) -> Array:
        if self._tiny.near_tokens:
            reach = "long" if tokens > self._tiny.near_tokens else "short"
            return self._tensors[f"rope_factors_{reach}.weight"]
        return self._tensors.get("rope_freqs.weight", np.ones(self._tiny.head_width // 2))

    def _feed_forward(self, layer: int, hidden: Array) -> Array:
        at = f"blk.{layer}"
        normal = _norm(hidden, self._tensors[f"{at}.ffn_norm.weight"])
        if self._tiny.architecture == "phi3":
            gate, up = np.split(self._linear(f"{at}.ffn_up", normal), 2, axis=1)
        else:
            gate, up = self._linear(f"{at}.ffn_gate", normal), self._linear(f"{at}.ffn_up", normal)
        return self._linear(f"{at}.ffn_down", gate / (1 + np.exp(-gate)) * up)


def _norm(values: Array, weight: Array) -> Array:
    return values / np.sqrt(np.mean(values**2, axis=-1, keepdims=True) + 1e-5) * weight
