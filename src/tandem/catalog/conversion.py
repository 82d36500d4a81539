"""The two heavy errands: turning a file into a model, and opening a model once to see that it works."""

import importlib
from pathlib import Path
from typing import Any

from tandem.catalog.child import Json
from tandem.core.errors import ConversionFailed
from tandem.core.ports import Progress
from tandem.core.telemetry import telemetry_refused

_ROOM = 1.3
"""Memory that opening takes, as a multiple of the files' size: the weights once, and buffers on top."""


def convert(request: dict[str, Json], progress: Progress) -> Json:
    """Convert ``source`` into the folder ``target`` at ``precision``; ``form`` is ``gguf`` or ``minilm``.

    Raises `ConversionFailed`. Runs in a child process.
    """
    from tandem.catalog.convert import convert_gguf, convert_minilm

    source, target = Path(str(request["source"])), Path(str(request["target"]))
    precision = str(request["precision"])

    def steps(done: int, total: int, _: str) -> None:
        progress(done, total, f"Converting {request['name']} to {precision}")

    if request["form"] == "minilm":
        convert_minilm(source, target, precision="int8" if precision == "int8" else "float32", progress=steps)
    else:
        convert_gguf(source, target, precision="int8" if precision == "int8" else "int4", progress=steps)
    return None


def try_opening(request: dict[str, Json], progress: Progress) -> Json:
    """Open the model in ``folder`` and let it say one token (or embed one word). Returns whether there was room to try.

    Raises `ConversionFailed` with the runtime's own words. Runs in a child process.
    """
    folder = Path(str(request["folder"]))
    needed = sum(path.stat().st_size for path in folder.rglob("*.onnx*")) * _ROOM
    import psutil

    if needed > psutil.virtual_memory().available:
        return False
    progress(0, 0, f"Opening {request['name']} once to see that it works")
    with telemetry_refused():
        if request["kind"] == "chat":
            _say_one_token(folder)
        else:
            _embed_one_word(folder)
    return True


def _say_one_token(folder: Path) -> None:
    genai: Any = importlib.import_module("onnxruntime_genai")
    genai.disable_telemetry_events()
    try:
        model = genai.Model(str(folder))
        tokens = genai.Tokenizer(model).encode("Hello")
        parameters = genai.GeneratorParams(model)
        parameters.set_search_options(max_length=len(tokens) + 8)
        generator = genai.Generator(model, parameters)
        generator.append_tokens(tokens)
        generator.generate_next_token()
    except RuntimeError as error:
        raise ConversionFailed(
            f"ONNX Runtime GenAI cannot run the model in {folder} on this machine: {_first_line(error)}"
        ) from error


def _embed_one_word(folder: Path) -> None:
    import numpy as np

    runtime: Any = importlib.import_module("onnxruntime")
    refusals = vars(importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")).values()
    refused = tuple(kind for kind in refusals if isinstance(kind, type) and issubclass(kind, Exception))
    ids = np.ones((1, 3), dtype=np.int64)
    try:
        session = runtime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        vectors = session.run(None, {"input_ids": ids, "attention_mask": ids})
    except (*refused, ValueError) as error:
        raise ConversionFailed(f"ONNX Runtime cannot run the embedder in {folder}: {_first_line(error)}") from error
    if len(vectors) != 1 or vectors[0].ndim != 2:
        raise ConversionFailed(f"The graph in {folder} does not give one vector for each text, so it is no embedder.")


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
