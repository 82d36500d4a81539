"""Reading a `.safetensors` file with numpy: a JSON header, then raw tensors, mapped not copied.

Format: https://huggingface.co/docs/safetensors (8 bytes of header length, header, data).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tandem.core.errors import ConversionFailed

_DTYPES = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "I64": "<i8", "I32": "<i4"}


class Safetensors:
    """The tensors of one file, by name, as float32."""

    def __init__(self, path: Path) -> None:
        self._path = path
        size = path.stat().st_size
        with path.open("rb") as file:
            header_bytes = int.from_bytes(file.read(8), "little")
            if size < 8 or header_bytes > size - 8:
                raise self._damaged("its header is longer than the file")
            try:
                header: object = json.loads(file.read(header_bytes))
            except ValueError as error:
                raise self._damaged("its header is not JSON") from error
        if not isinstance(header, dict):
            raise self._damaged("its header is not a table of tensors")
        self._header = cast("dict[str, dict[str, object]]", header)
        self._data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + header_bytes)

    def read(self, name: str) -> NDArray[np.floating]:
        """The tensor `name` as float32; ConversionFailed where it is missing or does not fit."""
        entry = self._header.get(name)
        if entry is None:
            raise self._damaged(f"the tensor {name} is missing")
        try:
            start, end = cast("list[int]", entry["data_offsets"])
            shape = cast("list[int]", entry["shape"])
            dtype = _DTYPES[cast("str", entry["dtype"])]
            return self._data[max(start, 0) : end].view(dtype).reshape(shape).astype(np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(f"the tensor {name} is not readable ({error})") from error

    def _damaged(self, what: str) -> ConversionFailed:
        return ConversionFailed(f"{self._path.name} is not a whole safetensors file: {what}. Fetch it again.")
