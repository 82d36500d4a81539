"""Writing an ONNX file piece by piece: nodes are kept, weights go straight to disk.

Only one weight is in memory at a time, so a model of any size converts in the memory of its
largest matrix. `model.onnx` holds the graph and small tensors, `model.onnx.data` the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

Attribute: TypeAlias = int | float | str | Sequence[int]
Dimension: TypeAlias = int | str

FUSED = "com.microsoft"
"""The operator domain of ONNX Runtime's own fused kernels."""

_OPSETS = {"": 21, FUSED: 1}
_IR_VERSION = 10
_INLINE_BYTES = 1024
_ALIGNMENT = 4096
_ELEMENT_TYPES = {
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
}


class GraphWriter:
    """An ONNX graph under construction in `folder`; use it in a `with` block, then `finish`."""

    def __init__(self, folder: Path, *, name: str) -> None:
        self._folder = folder
        self._name = name
        self._data = (folder / "model.onnx.data").open("wb")
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._data.close()

    def input(self, name: str, dtype: str, shape: Sequence[Dimension]) -> str:
        """Declare a graph input and return its name."""
        self._inputs.append(_value(name, dtype, shape))
        return name

    def output(self, name: str, dtype: str, shape: Sequence[Dimension]) -> None:
        """Declare that the value `name` leaves the graph."""
        self._outputs.append(_value(name, dtype, shape))

    def weight(self, name: str, array: NDArray[Any]) -> str:
        """Store a constant tensor under `name` and return the name; the same name is stored once."""
        if name not in self._weights:
            self._weights[name] = self._store(name, np.ascontiguousarray(array))
        return name

    def alias(self, name: str, stored: str, *, axes: int) -> str:
        """A second constant over the bytes of the weight `stored`, its last axes merged until `axes` are left."""
        tensor = TensorProto()
        tensor.CopyFrom(self._weights[stored])
        tensor.name = name
        kept = list(tensor.dims)[: axes - 1]
        tensor.dims[:] = [*kept, math.prod(tensor.dims[axes - 1 :])]
        self._weights[name] = tensor
        return name

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        domain: str = "",
        attributes: Mapping[str, Attribute] | None = None,
    ) -> str:
        """Add one operation and return the name of its first output."""
        node = helper.make_node(operator, list(inputs), list(outputs), name=f"{outputs[0]}/{operator}", domain=domain)
        for key, value in (attributes or {}).items():
            node.attribute.append(helper.make_attribute(key, value))
        self._nodes.append(node)
        return outputs[0]

    def choose(
        self, condition: str, then: Sequence[str], otherwise: Sequence[str], outputs: Sequence[str]
    ) -> list[str]:
        """Pick one of two equally long lists of values as `outputs`, by a boolean scalar."""
        branches = {"then_branch": _pass_on(then), "else_branch": _pass_on(otherwise)}
        node = helper.make_node("If", [condition], list(outputs), name=f"{outputs[0]}/If")
        for key, branch in branches.items():
            node.attribute.append(helper.make_attribute(key, branch))
        self._nodes.append(node)
        return list(outputs)

    def finish(self) -> None:
        """Write `model.onnx` beside the weights that are already on disk."""
        graph = helper.make_graph(
            self._nodes,
            self._name,
            self._inputs,
            self._outputs,
            initializer=list(self._weights.values()),
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="tandem")
        self._data.flush()
        (self._folder / "model.onnx").write_bytes(model.SerializeToString())

    def _store(self, name: str, array: NDArray[Any]) -> TensorProto:
        tensor = TensorProto(name=name, data_type=_ELEMENT_TYPES[array.dtype.name], dims=list(array.shape))
        if array.nbytes <= _INLINE_BYTES:
            tensor.raw_data = array.tobytes()
            return tensor
        self._data.write(b"\0" * (-self._data.tell() % _ALIGNMENT))
        tensor.data_location = TensorProto.EXTERNAL
        where = {
            "location": "model.onnx.data",
            "offset": str(self._data.tell()),
            "length": str(array.nbytes),
        }
        for key, value in where.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
        self._data.write(array.data)
        return tensor


def _value(name: str, dtype: str, shape: Sequence[Dimension]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, _ELEMENT_TYPES[dtype], list(shape))


def _pass_on(values: Sequence[str]) -> onnx.GraphProto:
    """A subgraph that gives values of the graph around it."""
    nodes = [helper.make_node("Identity", [value], [f"{value}/chosen"]) for value in values]
    outputs = [onnx.ValueInfoProto(name=f"{value}/chosen") for value in values]
    return helper.make_graph(nodes, "choice", [], outputs)
