"""Running a converted decoder with plain ONNX Runtime, a few tokens at a time."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

STEP = 16
"""The longest piece of which the converter's graph gives logits for every position."""


class OnnxDecoder:
    """A folder's `model.onnx` with its own KV cache."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "genai_config.json").read_text(encoding="utf-8"))
        self._head_width = int(config["model"]["decoder"]["head_size"])
        options: Any = cast("Any", ort).SessionOptions()
        options.intra_op_num_threads = 2
        options.log_severity_level = 3
        self._session: Any = ort.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])

    def logits(self, tokens: list[int], *, step: int = STEP) -> NDArray[np.floating]:
        """Logits [tokens, vocabulary], appending `step` tokens at a time."""
        caches = [given for given in self._session.get_inputs() if given.name.startswith("past")]
        past: dict[str, Any] = {
            cache.name: np.zeros((1, cache.shape[1], 0, self._head_width), dtype=np.float32) for cache in caches
        }
        names = [output.name for output in self._session.get_outputs()]
        parts: list[NDArray[np.floating]] = []
        for first in range(0, len(tokens), step):
            part = tokens[first : first + step]
            feeds = {"input_ids": np.array([part]), "attention_mask": np.ones((1, first + len(part)), dtype=np.int64)}
            outputs = dict(zip(names, self._session.run(None, feeds | past), strict=True))
            parts.append(cast("NDArray[np.floating]", outputs["logits"][0]))
            past = {name: outputs[name.replace("past_key_values", "present")] for name in past}
        return np.concatenate(parts)


def perplexity(decoder: OnnxDecoder, tokens: list[int]) -> float:
    """exp of the mean negative log-likelihood of each token after the first."""
    logits = decoder.logits(tokens)[:-1].astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    chosen = logits[np.arange(len(logits)), tokens[1:]] - np.log(np.exp(logits).sum(axis=1))
    return float(np.exp(-chosen.mean()))
