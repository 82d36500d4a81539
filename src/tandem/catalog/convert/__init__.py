"""Turning model files into folders that run here, in numpy and onnx alone.

`convert_gguf` makes an ONNX Runtime GenAI folder of a language model, `convert_minilm` one ONNX graph of the embedder,
and `read_gguf_header` tells what a GGUF file is without decoding it.
"""

from tandem.catalog.convert.convert import GgufFacts, convert_gguf, convert_minilm, read_gguf_header
from tandem.catalog.convert.recipe import Precision

__all__ = ["GgufFacts", "Precision", "convert_gguf", "convert_minilm", "read_gguf_header"]
