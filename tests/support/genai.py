"""ONNX Runtime GenAI, which brings no types: one untyped name at the edge of the tests."""

import importlib
from typing import Any

og: Any = importlib.import_module("onnxruntime_genai")
