"""Every architecture, converted at 8 bits, computes what an independent float64 decoder computes."""

from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType

from support.onnx_decoder import OnnxDecoder
from support.reference_decoder import ReferenceDecoder
from support.tiny_gguf import TOKENS, Tiny, write_tiny
from tandem.catalog.convert import Precision, convert_gguf

TINIES = {
    "llama, tied": Tiny(),
    "llama, untied": Tiny(tied=False),
    "llama 3, with frequency factors": Tiny(frequency_factors=True),
    "qwen2, with biases": Tiny(architecture="qwen2"),
    "qwen3, with head norms and wide heads": Tiny(architecture="qwen3", head_width=32),
    "phi3, fused": Tiny(architecture="phi3", tied=False),
    "phi3, with a sliding window": Tiny(architecture="phi3", tied=False, window=6),
    "phi3, with near and far factors": Tiny(architecture="phi3", tied=False, near_tokens=24),
}


def relative_error(tiny: Tiny, folder: Path, precision: Precision, tokens: list[int], step: int) -> float:
    source = write_tiny(folder / "tiny.gguf", tiny)
    convert_gguf(source, folder / "model", precision=precision)
    ours = OnnxDecoder(folder / "model").logits(tokens, step=step)
    theirs = ReferenceDecoder(source, tiny).logits(tokens)
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def some_tokens(count: int) -> list[int]:
    return np.random.default_rng(3).integers(3, len(TOKENS), count).tolist()


@pytest.mark.parametrize("name", TINIES)
def test_int8_logits_agree_with_the_reference(name: str, tmp_path: Path) -> None:
    assert relative_error(TINIES[name], tmp_path, "int8", some_tokens(16), 16) < 0.05


@pytest.mark.parametrize("name", TINIES)
def test_tokens_may_come_one_at_a_time(name: str, tmp_path: Path) -> None:
    assert relative_error(TINIES[name], tmp_path, "int8", some_tokens(20), 1) < 0.05


def test_texts_longer_than_near_use_the_far_factors(tmp_path: Path) -> None:
    tiny = TINIES["phi3, with near and far factors"]
    source = write_tiny(tmp_path / "tiny.gguf", tiny)
    convert_gguf(source, tmp_path / "model", precision="int8")
    tokens = some_tokens(40)
    ours = OnnxDecoder(tmp_path / "model").logits(tokens, step=40)[-1]
    theirs = ReferenceDecoder(source, tiny).logits(tokens)[-1]
    assert np.linalg.norm(ours - theirs) / np.linalg.norm(theirs) < 0.05


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3", "phi3"])
def test_int4_logits_stay_near_the_reference(architecture: str, tmp_path: Path) -> None:
    tiny = Tiny(architecture=architecture, tied=architecture != "phi3")
    assert relative_error(tiny, tmp_path, "int4", some_tokens(16), 16) < 0.35


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"])
def test_every_tensor_type_converts(kind: str, tmp_path: Path) -> None:
    tiny = Tiny(kind=GGMLQuantizationType[kind])
    assert relative_error(tiny, tmp_path, "int8", some_tokens(16), 16) < 0.05


@pytest.mark.parametrize("length", [2, 15, 16, 17, 40])
def test_a_short_piece_has_logits_everywhere_and_a_long_one_at_its_end(length: int, tmp_path: Path) -> None:
    source = write_tiny(tmp_path / "tiny.gguf", Tiny())
    convert_gguf(source, tmp_path / "model", precision="int8")
    decoder, tokens = OnnxDecoder(tmp_path / "model"), some_tokens(length)
    at_once, in_steps = decoder.logits(tokens, step=length), decoder.logits(tokens, step=1)
    unread = 0 if length <= 16 else length - 2
    assert not at_once[:unread].any()
    np.testing.assert_allclose(at_once[unread:], in_steps[unread:], atol=0.2)
