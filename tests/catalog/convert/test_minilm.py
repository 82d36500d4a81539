"""The embedder's graph computes what BERT, written plainly in numpy, computes."""

import json
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from tandem.catalog.convert import convert_minilm
from tandem.core.errors import ConversionFailed

Floats = NDArray[np.floating]
LAYERS, WIDTH, HEADS, WORDS = 2, 64, 4, 50


def checkpoint() -> dict[str, Floats]:
    rng = np.random.default_rng(2)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (WORDS, WIDTH),
        "embeddings.position_embeddings.weight": (32, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        dense = {f"{at}.attention.self.{part}": (WIDTH, WIDTH) for part in ("query", "key", "value")}
        dense |= {f"{at}.attention.output.dense": (WIDTH, WIDTH), f"{at}.intermediate.dense": (128, WIDTH)}
        dense |= {f"{at}.output.dense": (WIDTH, 128)}
        for name, shape in dense.items():
            shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{at}.{name}.weight": (WIDTH,), f"{at}.{name}.bias": (WIDTH,)}
    return {name: rng.normal(0, 0.2, shape).astype(np.float32) + ("Norm.w" in name) for name, shape in shapes.items()}


def write_source(folder: Path, tensors: dict[str, Floats]) -> Path:
    folder.mkdir()
    header, data = {}, b""
    for name, values in tensors.items():
        raw = values.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + data)
    config = {"model_type": "bert", "hidden_act": "gelu", "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": WIDTH, "layer_norm_eps": 1e-12}))
    (folder / "tokenizer.json").write_text(json.dumps({"truncation": {"max_length": 128}, "padding": {}}))
    return folder


def plain_bert(t: dict[str, Floats], ids: list[int]) -> Floats:
    def dense(name: str, x: Floats) -> Floats:
        return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]

    def norm(name: str, x: Floats) -> Floats:
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True)) * t[f"{name}.weight"] + t[f"{name}.bias"]

    x = t["embeddings.word_embeddings.weight"][ids] + t["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm("embeddings.LayerNorm", x + t["embeddings.token_type_embeddings.weight"][0])
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        parts = [dense(f"{at}.attention.self.{part}", x) for part in ("query", "key", "value")]
        q, k, v = (part.reshape(len(ids), HEADS, -1).swapaxes(0, 1) for part in parts)
        scores = np.exp(q @ k.swapaxes(1, 2) / np.sqrt(WIDTH / HEADS))
        mixed = (scores / scores.sum(-1, keepdims=True) @ v).swapaxes(0, 1).reshape(len(ids), WIDTH)
        x = norm(f"{at}.attention.output.LayerNorm", x + dense(f"{at}.attention.output.dense", mixed))
        wide = dense(f"{at}.intermediate.dense", x)
        gelu = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / np.sqrt(2)))
        x = norm(f"{at}.output.LayerNorm", x + dense(f"{at}.output.dense", gelu.astype(np.float32)))
    pooled = x.mean(0)
    return pooled / np.linalg.norm(pooled)


def embed(folder: Path, ids: list[list[int]], mask: list[list[int]]) -> Floats:
    session: Any = ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    return session.run(["embedding"], {"input_ids": np.array(ids), "attention_mask": np.array(mask)})[0]


@pytest.mark.parametrize(("precision", "least"), [("float32", 0.999999), ("int8", 0.995)])
def test_the_graph_agrees_with_plain_numpy(precision: Literal["float32", "int8"], least: float, tmp_path: Path) -> None:
    tensors = checkpoint()
    source = write_source(tmp_path / "source", tensors)
    convert_minilm(source, tmp_path / "model", precision=precision)
    found = embed(tmp_path / "model", [[3, 7, 9, 11], [5, 6, 0, 0]], [[1, 1, 1, 1], [1, 1, 0, 0]])
    expected = np.stack([plain_bert(tensors, [3, 7, 9, 11]), plain_bert(tensors, [5, 6])])
    assert (found * expected).sum(axis=1).min() > least
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_the_tokenizer_neither_cuts_nor_fills(tmp_path: Path) -> None:
    convert_minilm(write_source(tmp_path / "source", checkpoint()), tmp_path / "model", precision="float32")
    tokenizer = json.loads((tmp_path / "model" / "tokenizer.json").read_text())
    assert (tokenizer["truncation"], tokenizer["padding"]) == (None, None)


@pytest.mark.parametrize("kept", [4, 100, 20_000])
def test_a_checkpoint_cut_short_is_refused(kept: int, tmp_path: Path) -> None:
    source = write_source(tmp_path / "source", checkpoint())
    whole = (source / "model.safetensors").read_bytes()
    (source / "model.safetensors").write_bytes(whole[:kept])
    with pytest.raises(ConversionFailed, match=r"model\.safetensors is not a whole safetensors file.*Fetch it again"):
        convert_minilm(source, tmp_path / "model", precision="float32")
    assert not (tmp_path / "model").exists()


@pytest.mark.model
def test_the_real_embedder_at_8_bits_keeps_a_cosine_of_0_99(minilm_source: Path, tmp_path: Path) -> None:
    for precision in ("float32", "int8"):
        convert_minilm(minilm_source, tmp_path / precision, precision=precision)
    ids = np.random.default_rng(0).integers(1000, 30_000, (8, 24)).tolist()
    mask = np.ones((8, 24), dtype=np.int64).tolist()
    exact, rounded = embed(tmp_path / "float32", ids, mask), embed(tmp_path / "int8", ids, mask)
    assert (exact * rounded).sum(axis=1).min() > 0.99
