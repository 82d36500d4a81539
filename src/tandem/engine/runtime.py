"""Which of the two ways opens a folder: the plain session where the graph allows it, else ONNX Runtime GenAI."""

from pathlib import Path

from tandem.engine.frames import Runtime
from tandem.engine.geometry import Geometry
from tandem.engine.model import LanguageModel


def open_model(folder: Path, *, threads: int, runtime: Runtime = "auto") -> LanguageModel:
    """Open a GenAI folder. ``runtime`` ``genai`` takes ``og.Generator`` also where the session would do.

    Raises `CorruptFile` where the files cannot be opened.
    """
    geometry = Geometry.read(folder)
    if runtime == "auto" and geometry.plain:
        from tandem.engine.session import SessionModel

        if (model := SessionModel.open_folder(folder, geometry, threads=threads)) is not None:
            return model
    from tandem.engine.genai import GenAIModel

    return GenAIModel(folder, geometry, threads=threads)
