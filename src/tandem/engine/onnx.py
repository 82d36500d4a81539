"""The typed face of ONNX Runtime: the few calls that the engine makes, and its many exceptions as one tuple."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as _state  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

from tandem.core.errors import CorruptFile
from tandem.engine.cores import SPIN_ENTRY, SPIN_MICROSECONDS

FAILURES: tuple[type[Exception], ...] = (
    RuntimeError,
    *(kind for kind in vars(cast("object", _state)).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)
"""What ONNX Runtime raises: it has no class of its own above these."""

ERRORS_ONLY = 3
BRIEF_SPIN = (SPIN_ENTRY, SPIN_MICROSECONDS)
NO_SPIN = ("session.intra_op.allow_spinning", "0")
"""How idle threads wait for work, as an entry of the session's configuration."""


class Tensor(Protocol):
    """An input or an output of a graph."""

    name: str
    shape: Sequence[int | str | None]
    type: str


class Binding(Protocol):
    """Memory bound to the inputs and outputs of a graph."""

    def bind_input(
        self, name: str, device_type: str, device_id: int, element_type: type, shape: Sequence[int], buffer_ptr: int
    ) -> None:
        """Read an input from memory."""
        ...

    def bind_output(
        self, name: str, device_type: str, device_id: int, element_type: type, shape: Sequence[int], buffer_ptr: int
    ) -> None:
        """Write an output to memory."""
        ...


class Session(Protocol):
    """An opened graph."""

    def get_inputs(self) -> Sequence[Tensor]:
        """The graph's inputs."""
        ...

    def get_outputs(self) -> Sequence[Tensor]:
        """The graph's outputs."""
        ...

    def io_binding(self) -> Binding:
        """A new binding."""
        ...

    def run(
        self, output_names: Sequence[str], input_feed: Mapping[str, NDArray[np.int64]]
    ) -> Sequence[NDArray[np.float32]]:
        """Run the graph on arrays and give the named outputs."""
        ...

    def run_with_iobinding(self, iobinding: Binding) -> None:
        """Run the graph on bound memory; other Python threads go on meanwhile."""
        ...


def open_session(path: Path, *, threads: int, idle: tuple[str, str] = BRIEF_SPIN) -> Session:
    """Open a graph for the CPU, telemetry off. Raises `CorruptFile` where it cannot be opened."""
    ort.disable_telemetry_events()
    options = cast("Any", ort.SessionOptions)()
    options.intra_op_num_threads = threads
    options.log_severity_level = ERRORS_ONLY
    options.add_session_config_entry(*idle)
    try:
        return cast("Session", ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))
    except FAILURES as error:
        raise CorruptFile(f"ONNX Runtime cannot open {path}: {error}. Pull or import the model again.") from error
