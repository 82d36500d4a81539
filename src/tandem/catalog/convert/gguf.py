"""Reading a GGUF file: named values, then tensors, mapped from disk and decoded when asked for.

Files come from strangers. Every length is checked against the file before it is believed, so a damaged or
hostile file gives a ConversionFailed that says where it breaks, and never a crash or a large allocation.
Format: docs/gguf.md of the ggml project, versions 2 and 3, little-endian.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tandem.catalog.convert.blocks import FORMATS, UNREAD, BlockFormat
from tandem.core.errors import ConversionFailed

Scalar: TypeAlias = int | float | bool | str
Value: TypeAlias = Scalar | list["Value"]

_SCALARS = {0: "B", 1: "b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_SMALLEST_ENTRY_BYTES = 13
_SMALLEST_TENSOR_BYTES = 24
_DEEPEST_ARRAY = 4
_LONGEST_NAME_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorEntry:
    """Where one tensor lies. `shape` counts as numpy does: rows first, the contiguous dimension last."""

    name: str
    shape: tuple[int, ...]
    format: BlockFormat
    start: int
    bytes: int

    @property
    def weights(self) -> int:
        """How many numbers the tensor holds."""
        return math.prod(self.shape)


class GgufFile:
    """The named values and tensors of one GGUF file; ConversionFailed where the file is not whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise ConversionFailed(f"There is no file {path}. Give the path of a .gguf file.")
        if path.stat().st_size < 24:
            raise ConversionFailed(f"{path.name} is too short to be a GGUF file. Fetch it again.")
        with path.open("rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self._bytes = np.frombuffer(mapped, dtype=np.uint8)
        reader = _Reader(path.name, mapped)
        tensor_count, value_count = reader.opening()
        self.values: Mapping[str, Value] = reader.values(value_count)
        self.tensors: Mapping[str, TensorEntry] = reader.tensors(tensor_count, self.integer("general.alignment", 32))

    def text(self, key: str, default: str | None = None) -> str:
        """The string value of `key`; ConversionFailed where it is missing without a default, or no string."""
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, "text")
        return value

    def integer(self, key: str, default: int | None = None) -> int:
        """The whole, non-negative number under `key`."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(key, "a whole number")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """The finite number under `key`."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong(key, "a number")
        return float(value)

    def texts(self, key: str) -> list[str]:
        """The list of strings under `key`; empty where the key is missing."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            raise self._wrong(key, "a list of texts")
        items = [item for item in value if isinstance(item, str)]
        if len(items) != len(value):
            raise self._wrong(key, "a list of texts")
        return items

    def numbers(self, key: str) -> list[float]:
        """The list of numbers under `key`; empty where the key is missing."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            raise self._wrong(key, "a list of numbers")
        items = [float(item) for item in value if isinstance(item, int | float)]
        if len(items) != len(value):
            raise self._wrong(key, "a list of numbers")
        return items

    def tensor(self, name: str, shape: tuple[int, ...]) -> TensorEntry:
        """The tensor `name`; ConversionFailed where it is missing or has another shape than expected."""
        entry = self.tensors.get(name)
        if entry is None:
            raise ConversionFailed(
                f"{self.path.name} has no tensor {name}, which its architecture needs. "
                "It may be one part of a split file, or of a variant that Tandem cannot convert; choose another file."
            )
        if entry.shape != shape:
            raise ConversionFailed(
                f"{self.path.name}: the tensor {name} has shape {list(entry.shape)} where its own header asks for "
                f"{list(shape)}. The file is damaged or of a variant that Tandem cannot convert; choose another file."
            )
        return entry

    def rows(self, entry: TensorEntry, first: int, last: int) -> NDArray[np.floating]:
        """Rows `first` to `last` (exclusive) of a matrix, or part of a vector, as float32."""
        layout = entry.format
        width = entry.shape[-1] if len(entry.shape) > 1 else 1
        row_bytes = entry.bytes // (entry.weights // width)
        part = self._bytes[entry.start + first * row_bytes : entry.start + last * row_bytes]
        decoded = layout.decode(np.ascontiguousarray(part).reshape(-1, layout.bytes))
        return decoded.reshape(last - first, width) if len(entry.shape) > 1 else decoded.reshape(last - first)

    def _wrong(self, key: str, kind: str) -> ConversionFailed:
        what = f"is not {kind}" if key in self.values else "is missing"
        return ConversionFailed(
            f"{self.path.name}: the header value {key} {what}. The file is damaged or unfinished; fetch it again."
        )


class _Reader:
    """A cursor over the mapped bytes that never steps past their end."""

    def __init__(self, name: str, data: memoryview) -> None:
        self._name = name
        self._data = data
        self._at = 0

    def opening(self) -> tuple[int, int]:
        if self._take(4) != b"GGUF":
            raise ConversionFailed(f"{self._name} does not begin with GGUF: it is no GGUF file. Choose another file.")
        version = self._unpack("<I")
        if version in {0x02000000, 0x03000000}:
            raise ConversionFailed(f"{self._name} is big-endian GGUF. Choose the little-endian file.")
        if version not in {2, 3}:
            raise ConversionFailed(f"{self._name} is GGUF version {version}; Tandem reads versions 2 and 3.")
        return (
            self._count("<Q", _SMALLEST_TENSOR_BYTES, "tensors"),
            self._count("<Q", _SMALLEST_ENTRY_BYTES, "values"),
        )

    def values(self, count: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for _ in range(count):
            key = self._text(_LONGEST_NAME_BYTES)
            found[key] = self._value(self._unpack("<I"), depth=0)
        return found

    def tensors(self, count: int, alignment: int) -> dict[str, TensorEntry]:
        if alignment == 0 or alignment > 1 << 20:
            raise self._damaged(f"its alignment is {alignment}")
        headers = [self._tensor_header() for _ in range(count)]
        start = self._at + -self._at % alignment
        return {name: self._entry(name, shape, layout, start + offset) for name, shape, layout, offset in headers}

    def _tensor_header(self) -> tuple[str, tuple[int, ...], BlockFormat, int]:
        name = self._text(_LONGEST_NAME_BYTES)
        dimensions = self._unpack("<I")
        if not 1 <= dimensions <= 4:
            raise self._damaged(f"the tensor {name} has {dimensions} dimensions")
        shape = tuple(self._unpack("<Q") for _ in range(dimensions))[::-1]
        number = self._unpack("<I")
        layout = FORMATS.get(number)
        if layout is None:
            known = ", ".join(known.name for known in FORMATS.values())
            raise ConversionFailed(
                f"{self._name}: the tensor {name} has type {UNREAD.get(number, f'number {number}')}, "
                f"which Tandem does not read. Choose a file with one of {known}."
            )
        return name, shape, layout, self._unpack("<Q")

    def _entry(self, name: str, shape: tuple[int, ...], layout: BlockFormat, start: int) -> TensorEntry:
        weights = math.prod(shape)
        if weights == 0 or shape[-1] % layout.weights:
            raise self._damaged(f"the tensor {name} has shape {list(shape)}, which {layout.name} cannot hold")
        size = weights // layout.weights * layout.bytes
        if start + size > len(self._data):
            raise ConversionFailed(
                f"{self._name} is cut short: the tensor {name} ends at byte {start + size}, "
                f"the file at {len(self._data)}. Fetch it again."
            )
        return TensorEntry(name=name, shape=shape, format=layout, start=start, bytes=size)

    def _value(self, kind: int, *, depth: int) -> Value:
        if kind == _STRING:
            return self._text(len(self._data))
        if kind in _SCALARS:
            return self._unpack(_SCALARS[kind])
        if kind != _ARRAY or depth == _DEEPEST_ARRAY:
            raise self._damaged(f"a value has the unknown type {kind}")
        item = self._unpack("<I")
        if item not in _SCALARS:
            smallest = 8 if item == _STRING else 12
            return [self._value(item, depth=depth + 1) for _ in range(self._count("<Q", smallest, "array items"))]
        size = struct.calcsize(_SCALARS[item])
        taken = self._take(self._count("<Q", size, "array items") * size)
        return [value[0] for value in struct.iter_unpack(_SCALARS[item], taken)]

    def _count(self, layout: str, smallest: int, what: str) -> int:
        count = self._unpack(layout)
        if count * smallest > len(self._data) - self._at:
            raise self._damaged(f"it announces {count} {what}, more than its size allows")
        return count

    def _text(self, limit: int) -> str:
        length = self._unpack("<Q")
        if length > limit:
            raise self._damaged(f"a text of {length} bytes is announced")
        try:
            return self._take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._damaged("a text is not UTF-8") from error

    def _unpack(self, layout: str) -> int:
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise ConversionFailed(f"{self._name} is cut short at byte {len(self._data)}. Fetch it again.")
        self._at += count
        return bytes(self._data[self._at - count : self._at])

    def _damaged(self, what: str) -> ConversionFailed:
        return ConversionFailed(f"{self._name} is damaged near byte {self._at}: {what}. Fetch it again.")
