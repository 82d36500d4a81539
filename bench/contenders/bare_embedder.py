"""The embedder's own ONNX file in a plain ONNX Runtime session: tokenize, one padded batch, one run."""

import os
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

MAX_TOKENS = 256


class BareEmbedder:
    """Options: ``folder``, ``threads``."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = options

    def open(self) -> None:
        """Load tokenizer and graph."""
        folder = Path(self._options["folder"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()
        session = ort.SessionOptions()  # pyright: ignore[reportUnknownVariableType]
        session.intra_op_num_threads = int(self._options["threads"])
        graph, providers = str(folder / "model.onnx"), ["CPUExecutionProvider"]
        self._session = ort.InferenceSession(graph, session, providers)  # pyright: ignore[reportUnknownArgumentType]

    def embed(self, texts: Sequence[str]) -> float:
        """All texts in one batch."""
        began = time.perf_counter()
        rows = self._tokenizer.encode_batch(list(texts))
        fed = {
            "input_ids": np.array([row.ids for row in rows], dtype=np.int64),
            "attention_mask": np.array([row.attention_mask for row in rows], dtype=np.int64),
        }
        self._session.run(None, fed)
        return time.perf_counter() - began

    def processes(self) -> Mapping[str, int]:
        """The whole of it is one process."""
        return {"process": os.getpid()}

    def facts(self) -> Mapping[str, str]:
        """Version."""
        return {"onnxruntime": version("onnxruntime")}

    def close(self) -> None:
        """Free the session."""
        del self._session
